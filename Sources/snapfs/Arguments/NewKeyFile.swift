// SPDX-License-Identifier: MIT

import ArgumentParser

/// A key file that is to be made.
struct NewKeyFile: ParsableArguments {
    @Option(
        name: .customLong("new-key-file"),
        help: ArgumentHelp(
            "Generate a 256-bit key, write it to this new file with mode 0600 and use it in place "
                + "of a password.", valueName: "file"))
    private(set) var argument: BytesArgument?

    /// What the new key is called unless the user names it.
    var label: String { argument == nil ? "password" : "key file" }

    /// Where to make it, if one is asked for.
    func path() throws -> [UInt8]? { try argument?.bytes.requireText("the new key file") }
}
