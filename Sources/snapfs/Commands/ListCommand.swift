// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct ListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List a directory of a snapshot.")

    @Argument(
        help: ArgumentHelp(
            "The snapshot and what to list in it; without a path, its root.",
            valueName: "snapshot[:path]"))
    var target: SnapshotArgument

    @Flag(name: [.customShort("l"), .long], help: "Show mode, owner, size and time.")
    var long = false

    @Flag(name: [.customShort("R"), .long], help: "List everything below, with full paths.")
    var recursive = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "ls does not work yet")
    }
}
