// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository

/// How many packs are written again, by why.
private struct Rewritten: Encodable {
    let unused, olderKeys, erased, small: Int

    init(_ found: PackStatistics) {
        let count = { (reason: RewriteReason) in found.rewritten[reason] ?? 0 }
        (unused, olderKeys) = (count(.unused), count(.olderKeys))
        (erased, small) = (count(.erased), count(.small))
    }

    var words: [String] {
        [
            unused > 0 ? "\(unused) with more that is unneeded than --max-unused lets stay" : nil,
            olderKeys > 0 ? "\(olderKeys) sealed under older keys" : nil,
            erased > 0 ? "\(erased) so that nothing is left of what was erased" : nil,
            small > 0 ? "\(small) small ones, to gather them" : nil,
        ].compactMap { $0 }
    }
}

/// One run of `prune`, and what it tells.
struct PruneRun {
    private let access: RepositoryAccess
    private let output: Output
    private let inventory: PackInventory
    private let collector: Collector<SealedLedger, PackInventory>
    private let watch: SessionWatch
    private let started = MonotonicClock.now

    init(_ access: RepositoryAccess, _ output: Output, _ options: PruneOptions) throws {
        self.access = access
        self.output = output
        let repository = access.repository
        inventory = PackInventory(
            repository, unusedMax: options.maxUnused.limit, poll: { try Interruption.check() })
        let origin = Origin.current()
        watch = SessionWatch(cache: repository.cache)
        collector = Collector(
            ledger: try repository.ledger, inventory: inventory, liveness: watch, origin: origin,
            now: origin.time)
    }

    // MARK: Before

    private struct Plan: Encodable {
        var messageType = "plan"
        let snapshots: [String]
        let packs, packsTotal, packsOlderKeys: Int
        let bytesFreed, bytesCopied, bytesUnused, bytesTotal: UInt64
        let rewritten: Rewritten
        let snapshotsInUse: [String]
        let isResumed: Bool

        init(
            _ snapshots: [[UInt8]], inUse: Set<[UInt8]>, _ found: PackStatistics, isResumed: Bool
        ) {
            self.snapshots = snapshots.map { Hex.encode($0) }
            snapshotsInUse = inUse.map { Hex.encode($0) }.sorted()
            (packs, packsTotal) = (found.packsCondemned, found.packs)
            packsOlderKeys = found.packsOlderKeys
            (bytesFreed, bytesCopied) = (found.bytesFreed, found.bytesCopied)
            (bytesUnused, bytesTotal) = (found.bytesUnused, found.bytes)
            rewritten = Rewritten(found)
            self.isResumed = isResumed
        }
    }

    /// Tells what a run would take.
    func plan() throws {
        do { try showPlan() } catch let error as SnapError where error.isFinding {
            throw Self.explained(error)
        }
    }

    /// What damage means for a collection, and what to do.
    private static func explained(_ error: SnapError) -> SnapError {
        SnapError(
            error.kind,
            error.message
                + "; nothing more is taken: 'snapfs check --read-data' names what is damaged and "
                + "says what helps",
            code: error.code)
    }

    private func showPlan() throws {
        let open = try CollectionState(access.repository.ledger).open
        let start = try collector.plan()
        if let start, open != nil { try inventory.measure(start.condemned) }
        let found = inventory.statistics
        if output.json {
            return try output.json(
                Plan(
                    start?.forgotten ?? [], inUse: collector.inUse, found,
                    isResumed: start != nil && open != nil))
        }
        guard let start else { return try showNothing() }
        for id in start.forgotten {
            try output.detail(Text("would take snapshot \(Hex.encode(id.prefix(4)))"))
        }
        try output.note(
            Text(
                "would take \(Self.counts(start.forgotten.count, found)) and free "
                    + "\(Format.size(found.bytesFreed)) of \(Format.size(found.bytes))"))
        try showRest(found)
    }

    private static func counts(_ snapshots: Int, _ found: PackStatistics) -> String {
        Format.count(UInt64(snapshots), "snapshot", "snapshots") + " and "
            + Format.count(UInt64(found.packsCondemned), "pack", "packs") + " of "
            + Format.size(found.bytesCondemned)
            + (found.bytesCopied > 0
                ? " (of which \(Format.size(found.bytesCopied)) are copied)" : "")
    }

    private func showRest(_ found: PackStatistics) throws {
        let reasons = Rewritten(found).words
        if !reasons.isEmpty {
            try output.note(
                Text(
                    "packs of which the needed part is copied: "
                        + reasons.joined(separator: "; ")))
        }
        let stays = found.bytes - min(found.bytes, found.bytesFreed)
        try output.note(
            Text(
                "\(Format.size(stays)) stay, of which \(Format.size(found.bytesUnused)) are "
                    + "unneeded"))
        try showInUse()
        try showOlderKeys(found)
    }

    private func showNothing() throws {
        try output.note(
            Text("there is nothing to prune" + (collector.inUse.isEmpty ? "" : " yet")))
        try showInUse()
        try showOlderKeys(inventory.statistics)
    }

    private func showInUse() throws {
        if collector.inUse.isEmpty { return }
        let snapshots = Format.count(
            UInt64(collector.inUse.count), "forgotten snapshot stays", "forgotten snapshots stay")
        let names = collector.inUse.map { Hex.encode($0.prefix(4)) }.sorted()
        try output.note(
            Text(
                "\(snapshots) until nobody reads them any more, in a mount of one or a restore: "
                    + shownInShort(names)))
    }

    private func showOlderKeys(_ found: PackStatistics) throws {
        if found.packsOlderKeys == 0 { return }
        let packs = Format.count(UInt64(found.packsOlderKeys), "pack stays", "packs stay")
        try output.note(
            Text(
                "\(packs) sealed under older keys; without '--max-unused unlimited' a prune "
                    + "copies them"))
    }

    // MARK: Doing

    private struct Summary: Encodable {
        struct Session: Encodable {
            let id: String
            let hostname, time: String?
            let process: UInt32?
        }

        let messageType: String
        let result: String
        let snapshots: [String]
        let packs, packsOlderKeys: Int
        let bytesFreed, bytesCopied, bytesUnused, bytesTotal: UInt64
        let rewritten: Rewritten
        let snapshotsInUse: [String]
        let waitingFor: [Session]
        let totalDuration: Double
    }

    /// Collects. What an earlier run has left open comes first, then what has come since.
    func run() throws {
        collector.decided = { try record($0) }
        do {
            var report = try collector.run()
            if report.resumed, case .done = report.result {
                try show(report, as: "resumed")
                report = try collector.run()
            }
            try show(report, as: "summary")
        } catch let error as SnapError where error.kind == .noSpace {
            throw SnapError(
                .noSpace,
                error.message + "; a prune writes before it takes: make some MiB of room and run "
                    + "'snapfs prune --max-unused unlimited', which copies the least",
                code: error.code)
        } catch let error as SnapError where error.isFinding {
            throw Self.explained(error)
        }
        let leftovers = try StagedLeftovers.remove(from: access.repository, watch)
        if leftovers > 0 {
            try output.note(
                Text(
                    "removed \(Format.count(UInt64(leftovers), "file", "files")) that interrupted "
                        + "programs left"))
        }
    }

    /// In the log before anything goes: a run may be killed while it deletes.
    private func record(_ end: CollectionEnd) throws {
        let found = inventory.statistics
        try access.audit(
            "prune", snapshots: end.deletedSnapshots,
            counts: [
                ("collection", end.number), ("packs", UInt64(end.packs.count)),
                ("bytes_freed", found.bytesFreed), ("bytes_copied", found.bytesCopied),
            ])
    }

    private func show(_ report: CollectionReport, as type: String) throws {
        if output.json { return try output.json(summary(report, type)) }
        switch report.result {
        case .nothing:
            if !report.resumed { try showNothing() }
        case .waiting(let sessions):
            try output.note(
                Text(
                    "nothing is taken yet: "
                        + Format.count(
                            UInt64(sessions.count), "backup that began before has",
                            "backups that began before have")
                        + " not ended; a later prune goes on"))
            for session in sessions { try output.note(Text("  " + Self.name(session))) }
        case .done(let end):
            let found = inventory.statistics
            let verb = report.resumed ? "went on and took" : "took"
            try output.note(
                Text(
                    "\(verb) \(Self.counts(end.deletedSnapshots.count, found)) and freed "
                        + "\(Format.size(found.bytesFreed)) in "
                        + Format.elapsed(MonotonicClock.now - started)))
            try showRest(found)
        }
    }

    private static func name(_ session: CollectionReport.Undecided) -> String {
        let id = Hex.encode(session.id.prefix(4))
        guard let record = session.session else { return "session \(id), which cannot be read" }
        return "session \(id) of \(Text.escaped(record.host.utf8)), process \(record.process), "
            + "since \(Format.time(record.time))"
    }

    private func summary(_ report: CollectionReport, _ type: String) -> Summary {
        var (result, snapshots): (String, [[UInt8]]) = ("nothing", [])
        var waiting: [CollectionReport.Undecided] = []
        switch report.result {
        case .nothing: break
        case .waiting(let sessions): (result, waiting) = ("waiting", sessions)
        case .done(let end): (result, snapshots) = ("done", end.deletedSnapshots)
        }
        let found = inventory.statistics
        return Summary(
            messageType: type, result: result, snapshots: snapshots.map { Hex.encode($0) },
            packs: found.packsCondemned, packsOlderKeys: found.packsOlderKeys,
            bytesFreed: found.bytesFreed, bytesCopied: found.bytesCopied,
            bytesUnused: found.bytesUnused,
            bytesTotal: found.bytes, rewritten: Rewritten(found),
            snapshotsInUse: collector.inUse.map { Hex.encode($0) }.sorted(),
            waitingFor: waiting.map { session in
                Summary.Session(
                    id: Hex.encode(session.id), hostname: session.session?.host,
                    time: session.session.map { Format.time($0.time) },
                    process: session.session?.process)
            }, totalDuration: MonotonicClock.now - started)
    }
}
