// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct DiffCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two snapshots.",
        usage: "snapfs diff [<options>] <snapshot[:path]> <snapshot[:path]>",
        discussion: """
            Each line begins with + for what is only in the second, - for what is only in the \
            first, M for changed contents, T for a changed type and, with --metadata, U for a \
            changed owner, mode, time or attribute.
            """)

    @Argument(help: ArgumentHelp("The earlier state.", valueName: "snapshot[:path]"))
    var first: SnapshotArgument

    @Argument(help: ArgumentHelp("The later state.", valueName: "snapshot[:path]"))
    var second: SnapshotArgument

    @Flag(help: "Show changes of metadata, too.")
    var metadata = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "diff does not work yet")
    }
}
