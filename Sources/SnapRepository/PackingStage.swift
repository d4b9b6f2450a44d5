// SPDX-License-Identifier: MIT
//
// The last stage of a backup: takes compressed records in order, fills packs, publishes index
// segments and commits. Runs on one thread. The order is the promise: packs durable, then the
// segment, then the manifest. See snapfs-format(5), DURABILITY.

import SnapBase
import SnapFormat
import SnapStore

/// Not thread-safe.
final class PackingStage {
    private let repository: Repository
    private let sessionIndex: SessionIndex
    private let template: Manifest
    private let words: ManifestWords
    private let progress: BackupProgress
    private var session: Session<SealedLedger>
    private let keys: FileKeys
    private let sink: PackSink

    /// Objects after which a segment is published.
    private static let segmentEntries = 256 << 10
    /// Segments after which a backup merges.
    static let segmentsMax = 32

    init(
        repository: Repository, session: Session<SealedLedger>, sessionIndex: SessionIndex,
        template: Manifest, words: ManifestWords, progress: BackupProgress
    ) {
        self.repository = repository
        self.session = session
        keys = FileKeys(repository, session: session.id)
        sink = PackSink(store: repository.store, keys: keys)
        self.sessionIndex = sessionIndex
        self.template = template
        self.words = words
        self.progress = progress
    }

    /// Works until the input ends; the manifest, when the snapshot was finished.
    func run(_ input: OrderedWork<PackingJob>) throws -> Manifest? {
        defer { session.end() }
        do {
            while let job = try next(input) {
                switch job.action {
                case .records(let records): try records.forEach(append)
                case .checkpoint(let root, let totals): try checkpoint(root, totals)
                case .finish(let root, let totals): return try finish(root, totals)
                }
            }
        } catch {
            sink.discard()
            throw error
        }
        sink.discard()
        return nil
    }

    /// The next job. The session lives while the source has nothing new.
    private func next(_ input: OrderedWork<PackingJob>) throws -> PackingJob? {
        try input.next(every: sessionHeartbeatInterval) { try session.heartbeat() }
    }

    private func append(_ new: NewRecord) throws {
        try sink.append(new)
        progress.stored(new.record.bytes.count)
        if sink.pending >= Self.segmentEntries { try publish() }
        try session.heartbeat()
    }

    /// Makes the finished packs durable and then known.
    private func publish() throws {
        let finished = sink.takeFinished()
        if finished.isEmpty { return }
        try repository.store.synchronize()
        let name = try IndexWriter.write(
            finished, store: repository.store, key: try keys.next(.index),
            session: session.id, collection: session.state.newest)
        try repository.store.synchronize()
        repository.objects.add(try repository.objects.openSegment(name))
        sessionIndex.remove(finished)
    }

    private func closeAll() throws {
        try sink.closeAll()
        try publish()
        try mergeIndex()
        // Also segments of others, which this snapshot may rest on.
        try repository.store.synchronize()
    }

    /// Commits what there is under this session and goes on under a new one, announced before. Not
    /// where a collection began meanwhile: it waits for this session, and what was looked up under
    /// it must not be taken.
    private func checkpoint(_ root: Entry, _ totals: Totals) throws {
        try closeAll()
        guard let next = try session.successor() else { return }
        var manifest = manifest(root, totals)
        manifest.state = .checkpoint
        // The snapshot itself comes after it, so that a collection may take it then.
        if words == .template { manifest.endTime.seconds -= 1 }
        do { try session.commit(manifest) } catch {
            next.end()
            throw error
        }
        session.end()
        session = next
    }

    private func finish(_ root: Entry, _ totals: Totals) throws -> Manifest {
        try closeAll()
        if words == .template { try requireSameTotals(root) }
        var manifest = manifest(root, totals)
        if words == .source {
            (manifest.problems, manifest.problemCount) = progress.problems
            (manifest.userNames, manifest.groupNames) = progress.names
        }
        try session.commit(manifest)
        return manifest
    }

    /// The tree counts what the template's words say.
    private func requireSameTotals(_ root: Entry) throws {
        let (new, said) = (root.attributes, template.root.attributes)
        guard new.count == said.count, new.size == said.size else {
            throw SnapError(
                .damaged,
                "the new tree has \(new.count) entries and \(new.size) bytes instead of "
                    + "\(said.count) and \(said.size): run 'snapfs check' on the repository that "
                    + "the snapshot is read from")
        }
    }

    private func manifest(_ root: Entry, _ totals: Totals) -> Manifest {
        var manifest = template
        manifest.id = session.id
        manifest.collection = session.state.newest
        manifest.root = root
        if words == .template {
            manifest.totals.bytesAdded = totals.bytesAdded
            manifest.totals.bytesStored = progress.counts.bytesStored
            return manifest
        }
        manifest.logicalID = session.id
        manifest.totals = progress.complete(totals)
        manifest.endTime = Timestamp.now()
        // At least what the tree has: the source is ahead of it.
        manifest.hasXattrs = progress.hasXattrs
        return manifest
    }

    /// Merges the index where it has many segments, or where packs turned out damaged: what they
    /// hold was stored again, and from now on it is found there. A damaged segment stays as it is,
    /// for what can still be read of it.
    private func mergeIndex() throws {
        let objects = repository.objects
        // What an open collection condemns must not come back in a segment that counts after it.
        let collections = try CollectionState(try repository.ledger)
        guard collections.building.isUnrestricted, collections.newest == session.state.newest else {
            return
        }
        let listed = try objects.listedSegments(collections)
        guard listed.count > (objects.hasMetDamage ? 1 : Self.segmentsMax) else { return }
        do {
            _ = try IndexWriter.merge(
                listed, store: repository.store, key: try keys.next(.index),
                session: session.id, collection: session.state.newest,
                avoiding: { objects.isDamaged($0) })
        } catch let error as SnapError where error.isFinding {
            // For check to tell: what this backup wrote does not need the damaged segment.
            return
        }
        try repository.store.synchronize()
        try objects.refresh(collections)
    }
}
