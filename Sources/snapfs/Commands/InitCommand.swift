// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct InitCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create a repository.",
        usage: "snapfs init [<options>]",
        discussion: """
            The directory of --repo must not exist or be empty. The repository opens with a \
            password or, with --new-key-file, with a generated key file. Whoever loses both the \
            password and every key file loses the data.
            """)

    @Option(
        help: ArgumentHelp(
            "Generate a 256-bit key, write it to this new file with mode 0600 and use it in place "
                + "of a password.", valueName: "file"))
    var newKeyFile: BytesArgument?

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "init does not work yet")
    }
}
