// SPDX-License-Identifier: MIT

/// A part of a whole: `5%`, at most `100%`.
struct PercentArgument: Equatable {
    /// From 0 to 1.
    let part: Double

    init?(argument: String) {
        guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()),
            (0...100).contains(percent)
        else { return nil }
        part = percent / 100
    }
}
