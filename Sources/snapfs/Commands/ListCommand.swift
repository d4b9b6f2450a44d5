// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct ListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the contents of a snapshot.",
        usage: "snapfs ls [<options>] <snapshot[:path]>",
        discussion: """
            Without a path, lists everything in the snapshot; with one, that directory or, with \
            --recursive, everything below it. Paths are shown whole.
            """)

    @Argument(
        help: ArgumentHelp(
            "The snapshot and what to list in it.",
            valueName: "snapshot[:path]"))
    var target: SnapshotArgument

    @Flag(name: [.customShort("l"), .long], help: "Show mode, owner, size and time.")
    var long = false

    @Flag(name: [.customShort("R"), .long], help: "List everything below the path.")
    var recursive = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "ls does not work yet")
    }
}
