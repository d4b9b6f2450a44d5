// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapCrypto
import SnapFiles
import SnapFormat
import SnapRepository
import SnapView

struct EraseCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Take paths out of every snapshot, for good.",
        usage: "snapfs erase [<options>] <path> ...",
        discussion: """
            Each snapshot that has one of the paths is written again without it, under the same \
            time, and the old one is forgotten for ever. The next 'snapfs prune' makes the data \
            unrecoverable, as far as no other path has the same contents. Second copies of the \
            repository are erased by themselves.
            """)

    @Argument(help: ArgumentHelp("What to erase, with all that is below.", valueName: "path"))
    var paths: [BytesArgument]

    @Option(
        name: [.customShort("s"), .customLong("snapshot")],
        help: ArgumentHelp("Only of this snapshot (repeatable).", valueName: "snapshot"))
    var snapshots: [SnapshotArgument] = []

    @Flag(
        name: [.customShort("n"), .long],
        help: "Say which snapshots have the paths; write nothing.")
    var dryRun = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        for path in paths {
            try PathInSnapshots.require(
                path.bytes, choice: "and the snapshot, if not all are meant, with --snapshot")
        }
    }

    func perform(_ output: Output) throws {
        let paths = try paths.map { try PathInSnapshots.absolute($0.bytes) }
        let access = try RepositoryAccess.open(global, output)
        let erasure = try Erasure(
            access.repository, try access.catalog(), paths, caches: ViewCaches(),
            origin: .current(), program: Version.words)
        let choice = filter.choice
        let ids = try snapshots.isEmpty ? nil : Set(access.ids(snapshots, filter, .exact))
        var isWhole = true
        let affected = try erasure.affected { manifest in
            ids.map { $0.contains(manifest.id) } ?? choice.accepts(manifest)
        } failed: { manifest, error in
            isWhole = false
            output.warning(
                Text("snapshot \(manifest.hexID.prefix(8)) cannot be read: \(error.message)"))
        }
        if affected.isEmpty {
            let names = paths.map { Text.escaped($0) }.joined(separator: " or ")
            output.warning(Text("warning: no snapshot\(filter.matching) has \(names)"))
        }
        if !dryRun { try erasure.requireReleased(affected) }
        try erase(paths, affected, erasure, access, output)
        // A dry run shows the whole plan before it says what would refuse it.
        if dryRun { try erasure.requireReleased(affected) }
        guard isWhole && access.damagedManifests.isEmpty else {
            throw SnapError(
                .damaged,
                "what cannot be read was not erased; see 'snapfs check' and 'snapfs repair'")
        }
    }

    private func erase(
        _ paths: [[UInt8]], _ affected: [ErasedSnapshot], _ erasure: Erasure,
        _ access: RepositoryAccess, _ output: Output
    ) throws {
        var done: [ErasedSnapshot] = []
        // What was erased before a failure is in the log, too.
        defer {
            if output.json { try? output.json(Summary(done, dryRun: dryRun)) }
        }
        try recording({ try record(done, paths, access) }) {
            for snapshot in affected {
                try Interruption.check()
                guard let erased = try dryRun ? snapshot : erasure.erase(snapshot) else {
                    continue
                }
                done.append(erased)
                try show(erased, output)
            }
        }
        let count = Format.count(UInt64(done.count), "snapshot", "snapshots")
        try output.note(Text(dryRun ? "\(count) would be written again" : "erased from \(count)"))
        if !dryRun && !done.isEmpty {
            try output.note("run 'snapfs prune' to make the data go")
        }
    }

    /// The paths by their hashes alone: the log is to outlive what was erased.
    private func record(
        _ done: [ErasedSnapshot], _ paths: [[UInt8]], _ access: RepositoryAccess
    ) throws {
        if dryRun || done.isEmpty { return }
        try access.audit(
            "erase", snapshots: done.map(\.manifest.id),
            counts: [("entries", done.reduce(0) { $0 + $1.entries })],
            remarks: try paths.map { "path sha256:\(try SHA256.digest($0).hex)" })
    }

    private func show(_ snapshot: ErasedSnapshot, _ output: Output) throws {
        if output.json { return try output.json(Message(snapshot)) }
        let name = snapshot.manifest.hexID.prefix(8)
        let what =
            Format.count(snapshot.entries, "entry", "entries") + ", " + Format.size(snapshot.bytes)
        let next =
            snapshot.successor.map { ", now \($0.hexID.prefix(8))" }
            ?? (snapshot.isHeld ? ", held" : "")
        try output.note(
            Text("\(name)  \(Format.time(snapshot.manifest.time.seconds))  \(what)\(next)"))
    }

    private struct Message: Encodable {
        var messageType = "erased"
        let snapshot: String
        let successor: String?
        let entries, bytes: UInt64
        let held: Bool

        init(_ erased: ErasedSnapshot) {
            snapshot = erased.manifest.hexID
            successor = erased.successor?.hexID
            (entries, bytes, held) = (erased.entries, erased.bytes, erased.isHeld)
        }
    }

    private struct Summary: Encodable {
        var messageType = "summary"
        let snapshots: Int
        let dryRun: Bool

        init(_ done: [ErasedSnapshot], dryRun: Bool) {
            snapshots = done.count
            self.dryRun = dryRun
        }
    }
}
