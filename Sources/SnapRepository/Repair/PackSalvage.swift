// SPDX-License-Identifier: MIT
//
// Copies what can still be read out of damaged packs. Every object that is copied is authenticated,
// and its id computed again.

import SnapBase
import SnapFormat

/// Used by one thread, once.
final class PackSalvage {
    private let repository: Repository
    private let observer: CheckObserver
    private let writer: RepairWriter?
    /// Objects that were copied, and those that other packs hold, too.
    private(set) var salvaged = 0
    private(set) var elsewhere = 0
    private var saved: Set<ObjectID> = []
    private var missed: Set<ObjectID> = []
    private let compressor = RecordCompressor()

    private var objects: ObjectReader { repository.objects }

    /// Entries of damaged packs that are in memory at a time.
    private static let entriesMax = 512 << 10

    /// Without a writer it only looks.
    init(_ repository: Repository, _ observer: CheckObserver, _ writer: RepairWriter?) {
        self.repository = repository
        self.observer = observer
        self.writer = writer
    }

    /// Objects that are nowhere any more.
    var lost: Set<ObjectID> { missed.subtracting(saved) }

    /// Copies what can be read of packs whose damage was noted.
    func run(_ damaged: [ExpectedPack]) throws {
        var group: [ExpectedPack] = []
        var count = 0
        for pack in damaged {
            let entries = pack.objects.reduce(0) { $0 + $1.count }
            if count + entries > Self.entriesMax, !group.isEmpty {
                try salvage(group)
                (group, count) = ([], 0)
            }
            group.append(pack)
            count += entries
        }
        if !group.isEmpty { try salvage(group) }
    }

    /// Copies what can be read of some packs: one pass over the index tells what lies in them.
    private func salvage(_ packs: [ExpectedPack]) throws {
        var entries: [ObjectID: [IndexEntry]] = [:]
        for pack in packs { entries[pack.description.name] = [] }
        for segment in objects.segments {
            try segment.forEachEntry { entry in
                let name = try segment.pack(entry.pack).description.name
                entries[name]?.append(entry)
            }
        }
        for pack in packs {
            try salvage(pack.description, entries[pack.description.name] ?? [])
        }
    }

    private func salvage(_ description: PackDescription, _ entries: [IndexEntry]) throws {
        let pack: Pack?
        do {
            pack = try RepairBase.insisting {
                try Pack(
                    description, store: repository.store,
                    master: try repository.sealed.master(
                        description.generation, description.storeName),
                    repository: repository.id, ofAnySize: true)
            }
        } catch let error as SnapError where error.isFinding { pack = nil }
        let records = Dictionary(grouping: entries) { $0.record }
        for (place, inside) in records.sorted(by: { $0.key.offset < $1.key.offset }) {
            try observer.throwIfInterrupted()
            var wanted: [ObjectID: IndexEntry] = [:]
            for entry in inside where !saved.contains(entry.id) { wanted[entry.id] = entry }
            for id in wanted.keys where try isElsewhere(id) {
                wanted[id] = nil
                elsewhere += 1
            }
            if wanted.isEmpty { continue }
            let good = try pack.map {
                try readable(wanted.values.sorted { $0.offset < $1.offset }, place, $0)
            }
            if let good, !good.objects.isEmpty { try writer?.append(good) }
            let ids = good?.objects.map(\.id) ?? []
            saved.formUnion(ids)
            salvaged += ids.count
            missed.formUnion(Set(wanted.keys).subtracting(ids))
        }
    }

    /// Whether another pack has an object, and gives it back.
    private func isElsewhere(_ id: ObjectID) throws -> Bool {
        while try objects.contains(id) {
            let location = try objects.locate(id)
            if objects.isDamaged(location.pack.description.name) { return false }
            do {
                let record = try RepairBase.insisting { try objects.decoded(location) }
                let found = try record.withBytes(
                    offset: location.offset, count: location.length
                ) { try kind(of: id, $0, in: location.pack.description.kind) }
                if found != nil { return true }
            } catch let error as SnapError where error.isFinding {}
            // So the next turn asks for another one.
            objects.noteDamage(of: location.pack.description.name)
        }
        return false
    }

    /// A record of those of the objects in it that are what their ids say; none where it cannot
    /// be opened. Nothing else is in it: what no trailer names could never be taken away.
    private func readable(
        _ entries: [IndexEntry], _ place: RecordPlace, _ pack: Pack
    ) throws -> NewRecord {
        var new = NewRecord(record: CompressedRecord(bytes: [], codec: .stored), objects: [])
        var bytes: [UInt8] = []
        var isWhole = true
        do {
            let record = try RepairBase.insisting { try pack.record(place) }
            for entry in entries {
                guard Int(entry.offset) + Int(entry.length) <= record.count else { continue }
                let found: ObjectKind? = try record.withBytes(
                    offset: Int(entry.offset), count: Int(entry.length)
                ) { bytes in try kind(of: entry.id, bytes, in: pack.description.kind) }
                // Objects that share bytes are in no record that was ever written.
                guard let found, bytes.count + Int(entry.length) <= record.count else { continue }
                new.objects.append(
                    RecordObject(
                        id: entry.id, kind: found, offset: UInt32(bytes.count),
                        length: entry.length))
                isWhole = isWhole && Int(entry.offset) == bytes.count
                try record.withBytes(offset: Int(entry.offset), count: Int(entry.length)) {
                    bytes.append(contentsOf: $0)
                }
            }
            if bytes.isEmpty { return new }
            new.record =
                isWhole && bytes.count == record.count
                ? try RepairBase.insisting { try pack.plain(place) }
                : try bytes.withUnsafeBytes { try compressor.compress($0) }
        } catch let error as SnapError where error.isFinding { new.objects = [] }
        return new
    }

    /// The kind under whose key bytes have the id; nil where they are another object.
    private func kind(
        of id: ObjectID, _ bytes: UnsafeRawBufferPointer, in pack: FileKind
    ) throws -> ObjectKind? {
        for kind in [ObjectKind.data, .list, .directory] where kind.packKind == pack {
            if try repository.keys.id(kind, bytes) == id { return kind }
        }
        return nil
    }
}
