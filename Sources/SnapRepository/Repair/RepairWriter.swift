// SPDX-License-Identifier: MIT
//
// The road of a repair into a repository, which is that of a backup: a session is announced before
// anything is read, packs are durable before the segment that names them, and a segment counts by
// the newest collection that the session has seen. Nothing there is changed or deleted. See
// snapfs-format(5), COLLECTION and DURABILITY.

import Glibc
import SnapBase
import SnapFormat

/// Used by one thread. Its session ends with it.
final class RepairWriter {
    private let repository: Repository
    private let session: Session<SealedLedger>
    private let keys: FileKeys
    private let sink: PackSink
    private var written: [ObjectID] = []

    /// Announces a session and reads the index.
    init(_ repository: Repository, host: String) throws {
        self.repository = repository
        session = try Session(repository.ledger, kind: .writer, host: host)
        keys = FileKeys(repository, session: session.id)
        sink = PackSink(store: repository.store, keys: keys)
        try RepairBase.read(repository, session.state)
    }

    deinit {
        sink.discard()
        session.end()
    }

    /// The state of collections that this repair builds on.
    var state: CollectionState { session.state }

    /// The session lives.
    func heartbeat() throws { try session.heartbeat() }

    /// Objects after which a segment is written: they are all in memory.
    private static let segmentEntries = 256 << 10

    func append(_ record: NewRecord) throws {
        try sink.append(record)
        try session.heartbeat()
        if sink.pending >= Self.segmentEntries { try publish() }
    }

    /// Finishes the packs that were appended to and publishes a segment that names them.
    func publish() throws {
        try sink.closeAll()
        let finished = sink.takeFinished()
        if !finished.isEmpty { try publish(finished) }
    }

    /// Publishes a segment of packs that are there. The first listing of a store makes durable what
    /// others have left.
    func publish(_ packs: [FinishedPack], superseding: [ObjectID] = []) throws {
        try repository.store.synchronize()
        let name = try IndexWriter.write(
            packs, superseding: superseding, store: repository.store, key: try keys.next(.index),
            session: session.id, collection: session.state.newest)
        try noteWritten(name)
        repository.objects.add(try repository.objects.openSegment(name))
    }

    /// Publishes one segment instead of all that count, in which nothing is found in these packs
    /// any more, or only what no other holds unless `isDropping`. They stay in its table: what lies
    /// in them is known, and wanted no more.
    func merge(without packs: Set<ObjectID>, dropping isDropping: Bool = true) throws {
        let objects = repository.objects
        let name = try IndexWriter.merge(
            objects.segments, store: repository.store, key: try keys.next(.index),
            session: session.id, collection: session.state.newest,
            avoiding: { packs.contains($0) }, droppingAvoided: isDropping)
        try noteWritten(name)
    }

    private func noteWritten(_ name: ObjectID) throws {
        written.append(name)
        try repository.store.synchronize()
        try session.heartbeat()
    }

    /// Throws `.busy` where a collection has given this session up: then what it wrote counts for
    /// nobody. Reads the index anew.
    func finish() throws {
        let now = try CollectionState(try repository.ledger)
        let counting = now.counting
        let newest = session.state.newest
        guard written.allSatisfy({ counting.countsSegment($0, collection: newest) }) else {
            throw Session<SealedLedger>.givenUp()
        }
        try repository.objects.refresh(now, usingCopy: false)
    }
}

/// What a repair looks at before it writes.
package enum RepairBase {
    /// Reads the index by what counts; throws `.busy` while a collection is open, and `.damaged`
    /// where it is not known what counts.
    package static func read(_ repository: Repository, _ state: CollectionState) throws {
        if let damage = state.damage {
            let error = damage.within("nothing can be repaired after a collection that is damaged")
            throw SnapError(
                error.kind, "\(error.message); 'snapfs check' says what helps", code: error.code)
        }
        guard state.open == nil else {
            throw SnapError(
                .busy, "a 'snapfs prune' has not ended: run it again, and the repair after it")
        }
        try repository.objects.refresh(state, usingCopy: false)
    }

    /// Runs body, once more where the medium failed it: what is given up now is not looked for any
    /// more.
    package static func insisting<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as SnapError where error.code == EIO {
            return try body()
        }
    }

    /// Throws unless the whole index can be read.
    package static func requireIndex(_ repository: Repository) throws {
        guard let (name, error) = repository.objects.damagedSegments.first else { return }
        throw error.within("index/\(name) is damaged; run 'snapfs repair index' first")
    }

    /// Says that objects that are missing from the index are in packs that no segment names,
    /// because one is lost; nil if they are not. While a collection is open or cannot be read that
    /// is not known.
    package static func lostSegments(
        _ repository: Repository, missing: Set<ObjectID>, _ observer: CheckObserver
    ) throws -> String? {
        if missing.isEmpty { return nil }
        var quiet = CheckObserver()
        quiet.isInterrupted = observer.isInterrupted
        do {
            let found = try IndexRepair(repository, observer: quiet, wanted: missing)
                .run(host: "", isDryRun: true).wanted
            if found == 0 { return nil }
            return "index: a segment is missing: \(found) of the objects that are not in it are "
                + "in packs that no segment names"
        } catch let error as SnapError where error.kind == .busy || error.isFinding { return nil }
    }

    /// Throws where something seems to be lost because a segment is.
    package static func requireSegments(
        _ repository: Repository, missing: Set<ObjectID>, _ observer: CheckObserver
    ) throws {
        guard let lost = try lostSegments(repository, missing: missing, observer) else { return }
        throw SnapError(.damaged, "\(lost); run 'snapfs repair index' first")
    }

    /// Throws where a check has found the index damaged: it does not know of all packs then.
    package static func requireIndex(_ report: CheckReport) throws {
        for finding in report.findings {
            guard case .file(let file) = finding.place, file.hasPrefix("index/") else { continue }
            throw SnapError(.damaged, "\(file) is damaged; run 'snapfs repair index' first")
        }
    }
}
