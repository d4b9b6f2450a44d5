// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Copies what is needed out of packs into new ones. Records of which all is needed are sealed anew
/// as they are; of others the rest is gathered into new records. Used by one thread.
final class ObjectMover {
    private let repository: Repository
    private let live: LiveSet
    private let keys: FileKeys
    private let sink: PackSink
    private let compressor = RecordCompressor()
    private var groups: [FileKind: (bytes: [UInt8], objects: [RecordObject])] = [:]
    /// Segments of the new packs: they count for nobody.
    private(set) var segments: [ObjectID] = []
    private var packs: [PackName] = []
    private let session: [UInt8]

    private static let segmentEntries = 256 << 10

    init(_ repository: Repository, _ live: LiveSet, session: [UInt8]) {
        self.repository = repository
        self.live = live
        self.session = session
        keys = FileKeys(repository, session: session)
        sink = PackSink(store: repository.store, keys: keys)
    }

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
            let needed = try inside.filter { try isNeeded($0, place, description) }
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

    private func isNeeded(
        _ object: PackedObject, _ place: RecordPlace, _ description: PackDescription
    ) throws -> Bool {
        guard let found = try live.location(object.id) else { return false }
        return found.pack.description.name == description.name && found.entry.record == place
            && found.entry.offset == object.offset
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
        let record = try group.bytes.withUnsafeBytes { try compressor.compress($0) }
        try sink.append(NewRecord(record: record, objects: group.objects))
    }

    /// Makes all of it durable.
    func finish() throws {
        for kind in [FileKind.dataPack, .metadataPack] { try flush(kind) }
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
