// SPDX-License-Identifier: MIT
//
// Heals a repository from another one that has some of the same snapshots, whichever was copied
// from the other. Snapshots are matched by the logical ids that copies keep. See snapfs(1), repair.

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// One repair. Used by one thread, once.
package final class RepositoryHealing {
    package struct Report: Sendable {
        /// Snapshots and checkpoints that were damaged.
        package fileprivate(set) var damaged: [Manifest] = []
        /// Of those the ones that the other repository does not have, or cannot show.
        package fileprivate(set) var unmatched: [Manifest] = []
        /// Places that got something back.
        package fileprivate(set) var healed = CheckFindings()
        /// Objects that were brought back, and their bytes.
        package fileprivate(set) var objects = 0
        package fileprivate(set) var bytes: UInt64 = 0
        /// Packs that are damaged, and objects that could still be read in them.
        package fileprivate(set) var packs = 0
        package fileprivate(set) var salvaged = 0
        /// What is still damaged.
        package fileprivate(set) var remaining = CheckFindings()
        /// Snapshots whose records cannot be read.
        package fileprivate(set) var unreadable: [(id: [UInt8], error: SnapError)] = []

        /// Whether something was there to do.
        package var isDamaged: Bool { packs > 0 || !damaged.isEmpty || !unreadable.isEmpty }

        /// Snapshots that are whole again.
        package var whole: [Manifest] {
            damaged.filter { !remaining.snapshots.contains($0.id) }
        }
    }

    private let repository: Repository
    private let source: Repository
    private let observer: CheckObserver
    private let host: String
    private let isDryRun: Bool
    private let known = TranslatedIDs()
    private let caches = ViewCaches()
    private var report = Report()

    /// Throws `.refused` where both are the same repository.
    package init(
        _ repository: Repository, from source: Repository, observer: CheckObserver = .init(),
        host: String, isDryRun: Bool
    ) throws {
        guard source.id != repository.id else {
            throw SnapError(
                .refused,
                "\(source.location) is the repository that would be healed, or a copy of its "
                    + "files: put whole files of it in the place of damaged ones")
        }
        self.repository = repository
        self.source = source
        self.observer = observer
        self.host = host
        self.isDryRun = isDryRun
    }

    /// Heals; with `readData` every pack is read before, otherwise only what is missing, cut or met
    /// damaged on the way is known to be lost. A dry run writes nothing in either repository.
    package func run(readData: Bool, threads: Int) throws -> Report {
        let writer = try HealingWriter(
            repository, observer: observer, host: host, isDryRun: isDryRun)
        let catalog = try repository.catalog()
        for (id, error) in catalog.damagedInOrder {
            guard error.isFinding else { throw error }
            report.unreadable.append((id, error))
        }
        // What is forgotten can be brought back: it must be whole, too.
        let manifests = (catalog.snapshots + catalog.forgotten).sorted(by: Manifest.isBefore)
        let suspects = try writer.findSuspects(readData: readData, threads: threads)
        let found = try check(manifests, suspects).snapshots
        report.damaged = manifests.filter { found.contains($0.id) }
        let damaged = try writer.salvage()
        report.packs = damaged.count
        report.salvaged = writer.salvaged
        let remaining = try heal(writer, damaged)
        (report.objects, report.bytes) = (writer.objects, writer.bytes)
        try writer.publish()
        report.remaining = isDryRun ? remaining : try check(manifests, damaged)
        try writer.finish(isWhole: report.remaining.count == 0 && report.unreadable.isEmpty)
        return report
    }

    private func check(
        _ manifests: [Manifest], _ suspects: Set<ObjectID>
    ) throws -> CheckFindings {
        var quiet = observer
        quiet.done = { _, _ in }
        return try TreeCheck.run(manifests, repository, suspects: suspects, quiet).findings
    }

    /// Goes through the damaged snapshots, and once more for as long as that brings something: what
    /// one has lost another one may give. Returns what is still lost.
    private func heal(
        _ writer: HealingWriter, _ damaged: Set<ObjectID>
    ) throws -> CheckFindings {
        let healing = SnapshotHealing(
            writer, ObjectCheck(repository.objects, suspects: damaged), observer)
        let others = try matches()
        report.unmatched = report.damaged.filter { others[$0.logicalID] == nil }
        var (left, remaining) = (report.damaged, CheckFindings())
        var before = -1
        while writer.objects > before, !left.isEmpty {
            before = writer.objects
            remaining = CheckFindings()
            var next: [Manifest] = []
            for manifest in left {
                let failed = try heal(manifest, others[manifest.logicalID], healing)
                if failed.count == 0 { continue }
                failed.list.forEach { remaining.add($0) }
                next.append(manifest)
            }
            left = next
        }
        report.healed = healing.healed
        return remaining
    }

    /// The complete snapshots of the other repository.
    private func matches() throws -> [[UInt8]: Manifest] {
        let snapshots = try source.catalog().snapshots.filter { $0.state == .complete }
        return Dictionary(snapshots.map { ($0.logicalID, $0) }, uniquingKeysWith: { $1 })
    }

    private func heal(
        _ manifest: Manifest, _ other: Manifest?, _ healing: SnapshotHealing
    ) throws -> CheckFindings {
        guard let other else { return try healing.run(manifest, from: nil) }
        return try within("snapshot \(manifest.hexID.prefix(8)) from the other repository") {
            let pin = isDryRun ? nil : try pin(other)
            return try withExtendedLifetime(pin) {
                let view = try SnapshotView(other, repository: source, caches: caches)
                return try healing.run(
                    manifest,
                    from: TreeTranslation(view, keys: repository.keys, known: known, observer))
            }
        }
    }

    /// nil where it is about to be collected: then it is read as far as it is still there.
    private func pin(_ other: Manifest) throws -> Pin? {
        do { return try Pin(source, [other], host: host) } catch let error as SnapError
            where error.kind == .notFound
        { return nil }
    }
}
