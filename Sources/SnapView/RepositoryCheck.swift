// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// Checks a whole repository: manifests, slots, index, packs, trees, and with `readData` every byte
/// of every pack. Backups may run meanwhile.
package final class RepositoryCheck {
    private let repository: Repository
    private let observer: CheckObserver
    private let report: CheckReport

    package init(_ repository: Repository, observer: CheckObserver = CheckObserver()) {
        self.repository = repository
        self.observer = observer
        report = CheckReport(observer)
    }

    /// Runs once. Damage is in the report; throws only where checking itself is not possible. With
    /// a rotation, `readData` is of the packs that it takes.
    package func run(
        readData: Bool, rotation: ReadRotation? = nil, threads: Int
    ) throws -> CheckReport {
        // Manifests before the index and the index before the packs: what one names, the next one
        // had before it.
        let catalog = try repository.catalog()
        let manifests = try readManifests(catalog)
        try repository.objects.refresh(catalog.collections, usingCopy: false)
        let store = StoreCheck(repository, report, observer)
        try store.run()
        let trees =
            readData
            ? try checkData(store, manifests, rotation, threads)
            : try TreeCheck.run(manifests, repository, suspects: store.suspects, observer)
        for finding in try AuditLog(repository).verify().findings {
            report.add(CheckFinding(.file(AuditRecord.directory), finding.message))
        }
        if let lost = try RepairBase.lostSegments(
            repository, missing: trees.missing, observer)
        {
            report.add(CheckFinding(.file("index"), lost))
        }
        report.add(trees.findings)
        report.directories = trees.directories
        return report
    }

    /// Reads the packs, and walks the trees on one of the threads meanwhile. Where packs turn out
    /// to be damaged, the trees are walked again: only then it is known what that touches.
    private func checkData(
        _ store: StoreCheck, _ manifests: [Manifest], _ rotation: ReadRotation?, _ threads: Int
    ) throws -> TreeFindings {
        // The progress counts packs.
        var quiet = observer
        quiet.done = { _, _ in }
        let (repository, observer, before) = (repository, quiet, store.suspects)
        let pool = try WorkerPool(threads: threads, name: "check")
        defer { pool.close() }
        let trees = OrderedWork<TreeFindings>(pool: pool, limit: 1)
        try trees.submit {
            try TreeCheck.run(manifests, repository, suspects: before, observer)
        }
        try store.readPacks(pool, threads: threads, rotation: rotation)
        guard store.suspects == before else {
            return try TreeCheck.run(manifests, repository, suspects: store.suspects, observer)
        }
        trees.finish()
        return try trees.next() ?? TreeFindings()
    }

    /// Those that are damaged at a second look, too, and of a snapshot that is there: a listing may
    /// show a note and not the one that came before it meanwhile, and a collection takes the notes
    /// of what it has taken one after the other.
    private func damagedNotes(_ catalog: Catalog) throws -> [(name: String, error: SnapError)] {
        if catalog.notes.damaged.isEmpty { return [] }
        let ledger = try repository.ledger
        return try NoteBook(ledger).damaged.filter { found in
            let name = found.name.dropFirst(Note.directory.count + 1)
            guard let (snapshot, _) = Note.parse(String(name)) else { return true }
            do { return try ledger.decision(snapshot) != nil } catch let error as SnapError
                where error.isFinding
            { return true }
        }
    }

    private func readManifests(_ catalog: Catalog) throws -> [Manifest] {
        for (id, error) in catalog.damagedInOrder {
            guard error.isFinding else { throw error }
            report.add(CheckFinding(.file(Manifest.storeName(id)), error.message))
            report.noteDamaged(id)
        }
        if let damage = catalog.collections.damage {
            report.add(CheckFinding(.file(CollectionStart.directory), damage.message))
        }
        for (name, error) in try damagedNotes(catalog) {
            report.add(CheckFinding(.file(name), error.message))
        }
        // What is forgotten can be brought back: it must be whole, too.
        let snapshots = catalog.snapshots
        report.snapshots = snapshots.filter { $0.state == .complete }.count
        return (snapshots + catalog.forgotten).sorted(by: Manifest.isBefore)
    }
}
