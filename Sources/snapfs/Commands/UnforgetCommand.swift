// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct UnforgetCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "unforget",
        abstract: "Bring forgotten snapshots back.",
        usage: "snapfs unforget [<options>] <snapshot> ...",
        discussion: """
            'snapfs snapshots --forgotten' lists them; 'latest' and an exact time choose from \
            those. What 'snapfs prune' has taken is gone.
            """)

    @Argument(help: ArgumentHelp("The forgotten snapshots.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument]

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let ledger = try access.repository.ledger
        for manifest in try access.forgotten(snapshots, filter) {
            try NoteBook.unforget(manifest.id, origin: .current(), ledger: ledger)
            try access.audit("unforget", snapshots: [manifest.id])
            try output.note("snapshot \(manifest.hexID.prefix(8)) is back")
        }
    }
}
