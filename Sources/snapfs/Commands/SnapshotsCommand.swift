// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct SnapshotsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "snapshots", abstract: "List the snapshots, oldest first.",
        usage: "snapfs snapshots [<options>]")

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "snapshots does not work yet")
    }
}
