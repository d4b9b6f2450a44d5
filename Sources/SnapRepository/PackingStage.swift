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
    private let progress: BackupProgress
    private var session: Session
    private var writers: [FileKind: PackWriter] = [:]
    /// Packs that no segment names yet.
    private var finished: [FinishedPack] = []
    private var pending = 0

    /// Objects after which a segment is published.
    private static let segmentEntries = 256 << 10
    /// Segments after which a backup merges.
    static let segmentsMax = 32

    init(
        repository: Repository, session: Session, sessionIndex: SessionIndex, template: Manifest,
        progress: BackupProgress
    ) {
        self.repository = repository
        self.session = session
        self.sessionIndex = sessionIndex
        self.template = template
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
            writers.values.forEach { $0.discard() }
            throw error
        }
        writers.values.forEach { $0.discard() }
        return nil
    }

    /// The next job. The session lives while the source has nothing new.
    private func next(_ input: OrderedWork<PackingJob>) throws -> PackingJob? {
        try input.next(every: Double(Session.heartbeatInterval)) { try session.heartbeat() }
    }

    private func append(_ new: NewRecord) throws {
        let kind = new.objects[0].kind.packKind
        let writer: PackWriter
        if let open = writers[kind] {
            writer = open
        } else {
            writer = try PackWriter(
                store: repository.store, key: try session.newFileKey(kind))
            writers[kind] = writer
        }
        try writer.append(new.record, new.objects)
        progress.stored(new.record.bytes.count)
        if writer.isFull { try close(kind) }
        if pending >= Self.segmentEntries { try publish() }
        try session.heartbeat()
    }

    private func close(_ kind: FileKind) throws {
        guard let writer = writers.removeValue(forKey: kind) else { return }
        let pack = try writer.finish(store: repository.store)
        pending += pack.objects.count
        finished.append(pack)
    }

    /// Makes the finished packs durable and then known.
    private func publish() throws {
        if finished.isEmpty { return }
        try repository.store.synchronize()
        let name = try IndexWriter.write(
            finished, store: repository.store, key: try session.newFileKey(.index),
            session: session.id)
        try repository.store.synchronize()
        repository.objects.add(try repository.objects.openSegment(name))
        sessionIndex.remove(finished)
        finished = []
        pending = 0
    }

    private func closeAll() throws {
        for kind in [FileKind.dataPack, .metadataPack] { try close(kind) }
        try publish()
        try mergeIndex()
        // Also segments of others, which this snapshot may rest on.
        try repository.store.synchronize()
    }

    /// Commits what there is under this session and goes on under a new one, announced before.
    private func checkpoint(_ root: Entry, _ totals: Totals) throws {
        try closeAll()
        let next = try Session(repository, host: template.host)
        var manifest = manifest(root, totals)
        manifest.state = .checkpoint
        do { try session.commit(manifest) } catch {
            next.end()
            throw error
        }
        session.end()
        session = next
    }

    private func finish(_ root: Entry, _ totals: Totals) throws -> Manifest {
        try closeAll()
        var manifest = manifest(root, totals)
        (manifest.problems, manifest.problemCount) = progress.problems
        (manifest.userNames, manifest.groupNames) = progress.names
        try session.commit(manifest)
        return manifest
    }

    private func manifest(_ root: Entry, _ totals: Totals) -> Manifest {
        var manifest = template
        manifest.id = session.id
        manifest.logicalID = session.id
        manifest.root = root
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
        let listed = try objects.listedSegments()
        guard listed.count > (objects.hasMetDamage ? 1 : Self.segmentsMax) else { return }
        do {
            _ = try IndexWriter.merge(
                listed, store: repository.store, key: try session.newFileKey(.index),
                session: session.id, avoiding: { objects.isDamaged($0) })
        } catch let error as SnapError where error.isFinding {
            // For check to tell: what this backup wrote does not need the damaged segment.
            return
        }
        try repository.store.synchronize()
        try objects.refresh()
    }
}
