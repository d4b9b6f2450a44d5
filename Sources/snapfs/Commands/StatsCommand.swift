// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct StatsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show how large the snapshots and the repository are.",
        usage: "snapfs stats [<options>] [<snapshot> ...]")

    @Argument(
        help: ArgumentHelp("Only these snapshots (default: all).", valueName: "snapshot"))
    var snapshots: [SnapshotArgument] = []

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "stats does not work yet")
    }
}
