// SPDX-License-Identifier: MIT

/// A part of a whole: `5%`, at most `100%`.
struct PercentArgument: Equatable {
    /// From 0 to 100.
    let percent: Double

    /// From 0 to 1.
    var part: Double { percent / 100 }

    init?(argument: String) {
        guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()),
            (0...100).contains(percent)
        else { return nil }
        self.percent = percent
    }
}
