// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct UnforgetCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "unforget",
        abstract: "Bring forgotten snapshots back.",
        usage: "snapfs unforget [<options>] <id> ...",
        discussion: """
            'snapfs snapshots --forgotten' lists them. Those that 'snapfs prune' has taken are gone.
            """)

    @Argument(
        help: ArgumentHelp("The beginnings of the ids of the snapshots.", valueName: "id"))
    var ids: [LabelArgument]

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let forgotten = try access.forgotten()
        let chosen = try ids.map { argument in
            try RepositoryAccess.only(
                of: forgotten.filter { $0.hexID.hasPrefix(argument.text) },
                "\(argument.text) that is forgotten")
        }
        let ledger = try access.repository.ledger
        for manifest in chosen {
            try NoteBook.unforget(manifest.id, origin: .current(), ledger: ledger)
            try access.audit("unforget", snapshots: [manifest.id])
            try output.note("snapshot \(manifest.hexID.prefix(8)) is back")
        }
    }
}
