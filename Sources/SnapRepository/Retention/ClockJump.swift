// SPDX-License-Identifier: MIT

import SnapFormat

/// A gap between the clock readings of a repository that is more likely a clock set wrong than a
/// pause: longer than thirty days, and than five times the longest gap before it. A clock may delay
/// a deletion; it must never cause a loss. After thirty days of the new time it is believed.
package struct ClockJump: Sendable, Equatable {
    /// Unix seconds before and after.
    package var from: Int64
    package var to: Int64

    package static let gapMin: Int64 = 30 * 86_400
    private static let factor: Int64 = 5

    /// The first jump among readings and now that is not yet believed; all Unix seconds, in any
    /// order. nil where there is none.
    package static func find(_ times: [Int64], now: Int64) -> ClockJump? {
        let sorted = times.filter { $0 <= now }.sorted() + [now]
        var longest: Int64 = 0
        for (from, to) in zip(sorted, sorted.dropFirst()) {
            let (gap, overflow) = to.subtractingReportingOverflow(from)
            // The first gap has nothing that it could be measured by.
            let (limit, isHuge) = longest.multipliedReportingOverflow(by: factor)
            let isJump = overflow || longest > 0 && gap > gapMin && (isHuge || gap > limit)
            if isJump && now - to < gapMin {
                return ClockJump(from: from, to: to)
            }
            longest = max(longest, gap)
        }
        return nil
    }

    /// The time that deletions may go by: now, unless the clock has jumped on the way there.
    package static func trusted(_ manifests: [Manifest], now: Int64) -> Int64 {
        find(manifests.map(\.endTime.seconds), now: now)?.from ?? now
    }
}
