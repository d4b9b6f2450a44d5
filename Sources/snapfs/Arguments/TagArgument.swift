// SPDX-License-Identifier: MIT

import ArgumentParser

/// A tag: a label that can stand in a list of tags, which commas separate.
struct TagArgument: FormedArgument, Equatable {
    let text: String

    static let form = """
        a tag has 1 to 255 bytes of UTF-8, without commas, control characters, and blanks at its \
        ends; of several tags each is given by itself
        """

    init?(argument: String) {
        guard let label = LabelArgument(argument: argument), !argument.contains(","),
            !argument.hasPrefix(" "), !argument.hasSuffix(" ")
        else { return nil }
        text = label.text
    }
}
