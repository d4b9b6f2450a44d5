// SPDX-License-Identifier: MIT

import ArgumentParser

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
