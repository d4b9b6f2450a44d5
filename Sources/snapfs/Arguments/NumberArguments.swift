// SPDX-License-Identifier: MIT

/// How many: a whole number from 0 on.
struct CountArgument: FormedArgument, Equatable {
    let number: UInt64

    static let form = "it has to be a whole number from 0 on, such as 7"

    init(_ number: UInt64) { self.number = number }

    init?(argument: String) {
        guard let number = UInt64(argument) else { return nil }
        self.number = number
    }
}

/// A length of time in whole seconds, 1 or more.
struct SecondsArgument: FormedArgument, Equatable {
    let seconds: Int64

    static let form = "it has to be a whole number of seconds, 1 or more, such as 60"

    init(_ seconds: Int64) { self.seconds = seconds }

    init?(argument: String) {
        guard let seconds = Int64(argument), seconds > 0 else { return nil }
        self.seconds = seconds
    }
}

/// A share in percent, without the sign or with it.
struct ShareOfHundredArgument: FormedArgument, Equatable {
    /// From 0 to 100.
    let percent: Double

    static let form = "it has to be a number of percent from 0 to 100, such as 50"

    init(_ percent: Double) { self.percent = percent }

    init?(argument: String) {
        let text = argument.hasSuffix("%") ? argument : argument + "%"
        guard let found = PercentArgument(argument: text) else { return nil }
        percent = found.percent
    }
}
