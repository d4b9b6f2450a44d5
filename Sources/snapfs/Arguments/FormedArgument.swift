// SPDX-License-Identifier: MIT

import ArgumentParser

/// An argument that may be typed wrong in many ways: the error says how it is typed right. Options
/// of such a type are declared with `transform: X.read`.
protocol FormedArgument: ExpressibleByArgument {
    /// What it has to be, with an example; a clause that follows a colon.
    static var form: String { get }
}

extension FormedArgument {
    /// Throws its form where the text has another one.
    static func read(_ text: String) throws -> Self {
        guard let value = Self(argument: text) else { throw ValidationError(form) }
        return value
    }
}
