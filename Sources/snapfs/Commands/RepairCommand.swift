// SPDX-License-Identifier: MIT

import ArgumentParser

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Make the best of damage; writes new files, changes and deletes none.",
        discussion: """
            In this order: 'repair index' where the index is damaged or missing; 'repair --from' \
            where another repository has copies of the snapshots, otherwise 'repair packs' where \
            packs are damaged; a backup of the same data, which stores again what was lost; \
            'repair snapshots' for what is still missing then; 'prune'.
            """,
        subcommands: [
            RepairIndexCommand.self, RepairPacksCommand.self, RepairSnapshotsCommand.self,
            RepairFromCommand.self,
        ], defaultSubcommand: RepairFromCommand.self)
}

struct RepairOptions: ParsableArguments {
    @Flag(name: [.customShort("n"), .long], help: "Say what would be done; write nothing.")
    var dryRun = false

    /// What to add where nothing was found.
    static func remark(readData: Bool) -> String {
        readData ? "" : "; only what is missing was looked for, --read-data reads the packs, too"
    }

    /// "would do" or "did", as the case may be.
    func verb(_ would: String, _ did: String) -> String { dryRun ? "would \(would)" : did }
}
