// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Copies what is needed out of packs into new ones. Records of which all is needed are sealed anew
/// as they are; of others the rest is gathered into new records, which are compressed on threads of
/// their own. Used by one thread, once.
final class ObjectMover {
    private let repository: Repository
    private let live: LiveSet
    private let keys: FileKeys
    private let sink: PackSink
    private let compressor = RecordCompressor()
    private let pool: WorkerPool
    private let compressing: OrderedWork<NewRecord>
    /// Records that are being compressed.
    private var inFlight = 0
    private var groups: [FileKind: (bytes: [UInt8], objects: [RecordObject])] = [:]
    /// Segments of the new packs: they count for nobody.
    private(set) var segments: [ObjectID] = []
    private var packs: [PackName] = []
    private let session: [UInt8]

    private static let segmentEntries = 256 << 10
    private static let inFlightMax = 8

    init(_ repository: Repository, _ live: LiveSet, session: [UInt8]) throws {
        self.repository = repository
        self.live = live
        self.session = session
        keys = FileKeys(repository, session: session)
        sink = PackSink(store: repository.store, keys: keys)
        pool = try WorkerPool(threads: Processors.count(in: 1...8))
        compressing = OrderedWork(pool: pool, limit: Self.inFlightMax)
    }

    deinit { pool.close() }

    /// Copies the needed objects of a pack that the index finds in it.
    func move(_ description: PackDescription) throws {
        let pack = try repository.objects.pack(PackReference(description))
        let trailer = try pack.trailer()
        var next = 0
        for (number, place) in trailer.records.enumerated() {
            var inside: [PackedObject] = []
            while next < trailer.objects.count, trailer.objects[next].record == UInt32(number) {
                inside.append(trailer.objects[next])
                next += 1
            }
            let needed = try inside.filter { try live.isNeeded($0, place, description) }
            if needed.isEmpty { continue }
            if needed.count == inside.count {
                try sink.append(
                    NewRecord(record: try pack.plain(place), objects: inside.map(Self.object)))
            } else {
                try gather(needed, try pack.record(place))
            }
            if sink.pending >= Self.segmentEntries { try publish() }
        }
    }

    private static func object(_ object: PackedObject) -> RecordObject {
        RecordObject(
            id: object.id, kind: object.kind, offset: object.offset, length: object.length)
    }

    private func gather(_ objects: [PackedObject], _ record: Record) throws {
        for object in objects {
            let kind = object.kind.packKind
            let length = Int(object.length)
            if let group = groups[kind],
                group.bytes.count + length > max(RecordHead.groupSize, length)
            {
                try flush(kind)
            }
            try record.withBytes(offset: Int(object.offset), count: length) { bytes in
                let start = groups[kind]?.bytes.count ?? 0
                groups[kind, default: ([], [])].bytes.append(contentsOf: bytes)
                var moved = Self.object(object)
                moved.offset = UInt32(start)
                groups[kind]!.objects.append(moved)  // it was made above
            }
        }
    }

    private func flush(_ kind: FileKind) throws {
        guard let group = groups.removeValue(forKey: kind) else { return }
        if inFlight == Self.inFlightMax { try take() }
        let compressor = compressor
        try compressing.submit {
            let record = try group.bytes.withUnsafeBytes { try compressor.compress($0) }
            return NewRecord(record: record, objects: group.objects)
        }
        inFlight += 1
    }

    /// Packs the oldest record that was submitted.
    private func take() throws {
        guard let record = try compressing.next() else { return }
        inFlight -= 1
        try sink.append(record)
    }

    /// Makes all of it durable.
    func finish() throws {
        for kind in [FileKind.dataPack, .metadataPack] { try flush(kind) }
        while inFlight > 0 { try take() }
        try sink.closeAll()
        try publish()
    }

    private func publish() throws {
        let finished = sink.takeFinished()
        if finished.isEmpty { return }
        packs += finished.map(\.description.packName)
        try repository.store.synchronize()
        segments.append(
            try IndexWriter.write(
                finished, store: repository.store, key: try keys.next(.index), session: session,
                collection: Counting.onlyIfNamed))
    }

    /// Takes back all that was written, where it can: nobody has built on it, and where room is
    /// short every try would leave less.
    func abandon() {
        sink.discard()
        packs += sink.takeFinished().map(\.description.packName)
        for name in segments { try? repository.store.delete(IndexSegment.storeName(name)) }
        for pack in packs { try? repository.store.delete(pack.storeName) }
    }
}
