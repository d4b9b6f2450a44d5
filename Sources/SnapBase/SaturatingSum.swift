// SPDX-License-Identifier: MIT

extension UInt64 {
    /// The sum, or the largest number where it is more: for counts that are shown, of data that may
    /// say anything.
    package func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, over) = addingReportingOverflow(other)
        return over ? .max : sum
    }
}
