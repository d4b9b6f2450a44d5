// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct FindCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find files by name in snapshots.",
        usage: "snapfs find [<options>] <pattern> ...",
        discussion: """
            A pattern without a slash is compared with every name, one with a slash with the path. \
            * and ? match within a name, [...] one byte of a set, ** any number of directories.
            """)

    @Argument(
        help: ArgumentHelp("What to look for; any of several.", valueName: "pattern"))
    var patterns: [BytesArgument]

    @Option(
        name: [.customShort("s"), .customLong("snapshot")],
        help: ArgumentHelp(
            "Look in this snapshot, or below a path of it (repeatable; default: all).",
            valueName: "snapshot[:path]"))
    var snapshots: [SnapshotArgument] = []

    @Flag(name: [.customShort("i"), .long], help: "Take upper and lower case ASCII as the same.")
    var ignoreCase = false

    @Flag(name: [.customShort("l"), .long], help: "Show mode, owner, size and time.")
    var long = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "find does not work yet")
    }
}
