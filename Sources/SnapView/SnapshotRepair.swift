// SPDX-License-Identifier: MIT
//
// For every damaged snapshot a new one without what cannot be read. The damaged one is forgotten
// only once the new one is committed and has been found whole; a crash in between is made good by
// the next run, which finds the new one. See snapfs-format(5), NOTES.

import SnapBase
import SnapFormat
import SnapRepository

/// What became of one damaged snapshot.
package struct RepairedSnapshot: Sendable {
    package enum Outcome: Sendable {
        /// There is a new one, of this run or an earlier one; nil in a dry run.
        case replaced([UInt8]?)
        /// Nothing of it can be read, or it was a checkpoint: it is only forgotten.
        case forgotten(String)
        /// Other notes are in the place of damaged ones; whether it is held for that.
        case mendedNotes(isHeld: Bool)
        /// It is left as it is.
        case kept(String)
    }

    package var id: [UInt8]
    package var outcome: Outcome
    /// The first paths that are left out, and how many there are.
    package var lost: [SourceProblem] = []
    package var lostCount = 0
    /// Whether all that the snapshot had can be had.
    package var isWhole = false

    /// Whether something of it was given up, or stays as damaged as it is.
    package var isLoss: Bool {
        if case .replaced = outcome { return lostCount > 0 }
        return !isWhole
    }
}

/// Used by one thread, once.
package final class SnapshotRepair {
    package static let tag = "repaired"

    private let repository: Repository
    private let observer: CheckObserver
    private let origin: Origin
    private let program: String
    private let isDryRun: Bool
    private var suspects: Set<ObjectID> = []
    private var known = NoteBook()
    /// Unix seconds, by which holds end.
    private var now: Int64 = 0

    package init(
        _ repository: Repository, observer: CheckObserver = CheckObserver(), origin: Origin,
        program: String, isDryRun: Bool
    ) {
        self.repository = repository
        self.observer = observer
        self.origin = origin
        self.program = program
        self.isDryRun = isDryRun
    }

    /// Repairs all; `repaired` is told of each as it is done. With `readData` every pack is read
    /// before, otherwise only what is missing is known to be lost.
    package func run(
        readData: Bool, threads: Int, repaired: (RepairedSnapshot) throws -> Void
    ) throws {
        // Before anything is looked at: what a collection takes meanwhile would seem to be lost.
        let pin = isDryRun ? nil : try Pin(writerOn: repository, host: origin.host)
        try withExtendedLifetime(pin) {
            try runAnnounced(readData: readData, threads: threads, repaired: repaired)
        }
    }

    private func runAnnounced(
        readData: Bool, threads: Int, repaired: (RepairedSnapshot) throws -> Void
    ) throws {
        let catalog = try repository.catalog()
        known = catalog.notes
        now = catalog.trustedTime(now: origin.time)
        try RepairBase.read(repository, catalog.collections)
        try RepairBase.requireIndex(repository)
        for id in known.unsound {
            if let result = try mendNotes(id) { try repaired(result) }
        }
        for (id, error) in catalog.damagedInOrder {
            try repaired(try giveUp(unreadable: id, error))
        }
        try findSuspects(readData: readData, threads: threads)
        let snapshots = catalog.snapshots
        let trees = try check(snapshots)
        try RepairBase.requireSegments(repository, missing: trees.missing, observer)
        let damaged = trees.findings.snapshots
        for manifest in snapshots where damaged.contains(manifest.id) {
            let earlier = snapshots.last {
                $0.predecessor == manifest.id && $0.tags.contains(Self.tag)
                    && $0.time == manifest.time && !damaged.contains($0.id)
            }
            try repaired(try repair(manifest, earlier: earlier, threads: threads))
        }
    }

    /// nil where a collection has taken the snapshot and not yet all of its notes.
    private func mendNotes(_ id: [UInt8]) throws -> RepairedSnapshot? {
        let ledger = try repository.ledger
        do { if try ledger.decision(id) == nil { return nil } } catch let error as SnapError
            where error.isFinding
        {}
        var result = RepairedSnapshot(id: id, outcome: .mendedNotes(isHeld: known[id].isUnclear))
        result.isWhole = true
        if isDryRun { return result }
        do {
            let isHeld = try NoteRepair.run(id, ledger, origin: origin, now: now)
            result.outcome = .mendedNotes(isHeld: isHeld)
        } catch let error as SnapError where error.isFinding {
            result.outcome = .kept(error.message)
        }
        return result
    }

    private func findSuspects(readData: Bool, threads: Int) throws {
        var quiet = observer
        quiet.found = { _ in }
        let report = CheckReport(quiet)
        let store = StoreCheck(repository, report, quiet)
        try store.run()
        try RepairBase.requireIndex(report)
        if readData {
            let pool = try WorkerPool(threads: threads, name: "repair")
            defer { pool.close() }
            try store.readPacks(pool, threads: threads)
        }
        suspects = store.suspects
        // What is read from here on and stored again must not rest on them.
        for pack in suspects { repository.objects.noteDamage(of: pack) }
    }

    private func check(_ manifests: [Manifest]) throws -> TreeFindings {
        var quiet = observer
        quiet.done = { _, _ in }
        return try TreeCheck.run(manifests, repository, suspects: suspects, quiet)
    }

    /// A snapshot whose record cannot be read.
    private func giveUp(
        unreadable id: [UInt8], _ error: SnapError
    ) throws -> RepairedSnapshot {
        // A newer program's record is whole, and what a disk refuses today it may give tomorrow.
        guard error.kind == .damaged else {
            return RepairedSnapshot(id: id, outcome: .kept(error.message))
        }
        if !known[id].isForgotten { try forget(id, "its record is damaged", for: nil) }
        return RepairedSnapshot(id: id, outcome: .forgotten(error.message))
    }

    private func repair(
        _ manifest: Manifest, earlier: Manifest?, threads: Int
    ) throws -> RepairedSnapshot {
        var result = RepairedSnapshot(id: manifest.id, outcome: .replaced(nil))
        if manifest.state == .checkpoint {
            let reason = "a checkpoint that is damaged"
            try forget(manifest.id, reason, for: nil)
            result.outcome = .forgotten(reason)
            return result
        }
        if let earlier {
            try forget(manifest.id, Self.reason(earlier.id), for: earlier.id)
            result.outcome = .replaced(earlier.id)
            return result
        }
        let rewrite: SnapshotRewrite
        do {
            let objects = ObjectCheck(repository.objects, suspects: suspects)
            rewrite = try SnapshotRewrite(manifest, objects, observer)
        } catch let error as SnapError where error.isFinding {
            // As with a record: what a disk refuses today it may give tomorrow.
            guard error.kind == .damaged else {
                result.outcome = .kept(error.message)
                return result
            }
            try forget(manifest.id, "nothing of it can be read", for: nil)
            result.outcome = .forgotten(error.message)
            return result
        }
        let (new, losses) = try write(rewrite, of: manifest, threads: threads)
        (result.lost, result.lostCount) = (losses.problems, losses.count)
        if losses.count == 0 {
            result.isWhole = true
            result.outcome = .kept("all of it can be read at a second look")
        }
        guard let new else { return result }
        result.outcome = .replaced(new.id)
        if let finding = try check([new]).findings.list.first {
            throw SnapError(
                .io,
                "the repaired snapshot \(new.hexID.prefix(8)) is not whole: " + finding.message)
        }
        try forget(manifest.id, Self.reason(new.id), for: new.id)
        return result
    }

    private static func reason(_ new: [UInt8]) -> String {
        "damaged; what can be read is in \(Hex.encode(new.prefix(4)))"
    }

    /// The new snapshot, nil in a dry run or where nothing is lost, and what is not in it.
    private func write(
        _ rewrite: SnapshotRewrite, of manifest: Manifest, threads: Int
    ) throws -> (Manifest?, TreeLosses) {
        var rewrite = rewrite
        if isDryRun {
            _ = try rewrite.run(nil)
            return (nil, rewrite.losses)
        }
        var template = manifest
        if !template.tags.contains(Self.tag) { template.tags.append(Self.tag) }
        template.program = program
        let progress = BackupProgress()
        progress.note(users: manifest.userNames, groups: manifest.groupNames)
        if manifest.hasXattrs { progress.noteXattrs() }
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: progress, threads: threads,
            predecessor: { building in
                // What a collection takes meanwhile must not be built on.
                guard building.isUnrestricted else {
                    throw SnapError(
                        .busy,
                        "a 'snapfs prune' has begun: run it again, and the repair after it")
                }
                return manifest.id
            })
        do {
            let root = try rewrite.run(writer)
            if rewrite.losses.count == 0 {
                writer.abandon()
                return (nil, rewrite.losses)
            }
            for problem in rewrite.losses.problems { progress.problem(problem) }
            for problem in manifest.problems { progress.problem(problem) }
            progress.problems(
                untold: UInt64(rewrite.losses.count - rewrite.losses.problems.count)
                    + max(manifest.problemCount, UInt64(manifest.problems.count))
                    - UInt64(manifest.problems.count))
            return (try writer.finish(root: root), rewrite.losses)
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Forgets a damaged snapshot. A hold goes over to the one in its place: a collection could not
    /// keep what cannot be read.
    private func forget(_ id: [UInt8], _ reason: String, for new: [UInt8]?) throws {
        if isDryRun { return }
        let ledger = try repository.ledger
        // Somebody may have placed a hold meanwhile.
        known = try NoteBook(ledger, known: known)
        let notes = known[id]
        if notes.isHeld(at: now) {
            if let new {
                var until: Int64?
                if !notes.isUnclear, case .until(let end) = notes.hold { until = end }
                try NoteBook.add(
                    .hold(until: until), to: [new], origin: origin, reason: reason, ledger: ledger)
            }
            try NoteBook.add(.release, to: [id], origin: origin, reason: reason, ledger: ledger)
        }
        try NoteBook.add(.forget, to: [id], origin: origin, reason: reason, ledger: ledger)
    }
}
