// SPDX-License-Identifier: MIT

import ArgumentParser

/// An argument that may be typed wrong in many ways: the error says how it is typed right. Options
/// of such a type are declared with `transform: X.read`; the parser by itself does not take them.
protocol FormedArgument {
    /// What it has to be, with an example; a clause that follows a colon.
    static var form: String { get }

    /// nil where the text has another form.
    init?(argument: String)
}

extension FormedArgument {
    /// Throws the form where the text has another one.
    static func read(_ text: String) throws -> Self {
        guard let value = Self(argument: text) else { throw ValidationError(form) }
        return value
    }
}
