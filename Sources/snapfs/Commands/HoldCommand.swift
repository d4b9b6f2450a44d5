// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct HoldCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep snapshots whatever a policy says.",
        usage: """
            snapfs hold [<options>] [--hold-until <time>] <snapshot> ...
            snapfs hold [<options>] --release <snapshot> ...
            """,
        discussion: """
            A held snapshot is neither forgotten nor taken by 'snapfs prune'. A hold ends at its \
            time, or when it is released.
            """)

    @Argument(help: ArgumentHelp("The snapshots.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument]

    @Option(
        help: ArgumentHelp(
            "When the hold ends, such as 2027-01-01 (default: never).", valueName: "time"),
        transform: TimeArgument.read)
    var holdUntil: TimeArgument?

    @Flag(help: "End the hold.")
    var release = false

    @Option(
        help: ArgumentHelp("Say why, for the record.", valueName: "text"),
        transform: LabelArgument.read)
    var reason: LabelArgument?

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if release && holdUntil != nil {
            throw ValidationError("Give either --hold-until or --release.")
        }
        try holdUntil?.requireFuture()
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let named = try access.ids(snapshots, filter, .exact)
        let ids = release ? try held(named, access, output) : named
        if ids.isEmpty { return }
        try NoteBook.add(
            release ? .release : .hold(until: holdUntil?.seconds), to: ids, origin: .current(),
            reason: reason?.text, ledger: try access.repository.ledger)
        try access.audit(
            release ? "hold --release" : "hold", snapshots: ids,
            remarks: reason.map { [$0.text] } ?? [])
        let until = holdUntil.map { " until \(Format.time($0.seconds))" } ?? ""
        for id in ids {
            let name = Hex.encode(id.prefix(4))
            if !release { try requireKept(id, access) }
            try output.note(
                Text("snapshot \(name) is \(release ? "no longer held" : "held\(until)")"))
        }
    }

    private func requireKept(_ id: [UInt8], _ access: RepositoryAccess) throws {
        do { try NoteBook.requireKept(id, try access.repository.ledger) } catch let error
            as SnapError where error.isFinding
        {
            // One that cannot be read can be held all the same.
        }
    }

    /// Those that there is something to release of; warns of the others.
    private func held(
        _ ids: [[UInt8]], _ access: RepositoryAccess, _ output: Output
    ) throws -> [[UInt8]] {
        let held = try access.catalog().held(ids, now: Timestamp.now().seconds)
        for id in ids where !held.contains(id) {
            output.warning(Text("warning: snapshot \(Hex.encode(id.prefix(4))) is not held"))
        }
        return held
    }
}
