// SPDX-License-Identifier: MIT
//
// Takes what can still be read out of damaged packs into new ones, and makes an index in which the
// damaged ones are not needed. Every object that is copied is authenticated, and its id computed
// again. What is lost is then missing from the index, so that the next backup of the same data
// stores it.

import SnapBase
import SnapFormat
import SnapStore

/// What a repair of packs found and wrote.
package struct PackRepairReport: Sendable {
    static let lostMax = 1000

    /// Store names of the packs that are damaged, cut or missing.
    package fileprivate(set) var damaged: [String] = []
    /// Objects that were copied, and those that other packs hold, too.
    package fileprivate(set) var salvaged = 0
    package fileprivate(set) var elsewhere = 0
    /// Objects that are nowhere any more: their number and the first ids.
    package fileprivate(set) var lostCount = 0
    package fileprivate(set) var lost: [ObjectID] = []
}

/// Used by one thread, once.
package final class PackRepair {
    private let repository: Repository
    private let observer: CheckObserver
    private var report = PackRepairReport()
    private var saved: Set<ObjectID> = []
    private var missed: Set<ObjectID> = []
    private let compressor = RecordCompressor()

    private var objects: ObjectReader { repository.objects }

    /// Entries of damaged packs that are in memory at a time.
    private static let entriesMax = 512 << 10

    package init(_ repository: Repository, observer: CheckObserver = CheckObserver()) {
        self.repository = repository
        self.observer = observer
    }

    /// Reads all packs, or looks only at those whose names begin so, and repairs; with `isDryRun`
    /// writes nothing.
    package func run(
        names: [String], host: String, threads: Int, isDryRun: Bool
    ) throws -> PackRepairReport {
        let writer = isDryRun ? nil : try RepairWriter(repository, host: host)
        if writer == nil {
            try RepairBase.read(repository, try CollectionState(try repository.ledger))
        }
        let damaged = try findDamaged(names, threads: threads, writer)
        report.damaged = damaged.map(\.description.storeName).sorted()
        for pack in damaged { objects.noteDamage(of: pack.description.name) }
        var group: [ExpectedPack] = []
        var count = 0
        for pack in damaged {
            let entries = pack.objects.reduce(0) { $0 + $1.count }
            if count + entries > Self.entriesMax, !group.isEmpty {
                try salvage(group, writer)
                (group, count) = ([], 0)
            }
            group.append(pack)
            count += entries
        }
        if !group.isEmpty { try salvage(group, writer) }
        let lost = missed.subtracting(saved)
        report.lostCount = lost.count
        report.lost = Array(lost.sorted().prefix(PackRepairReport.lostMax))
        if let writer, !damaged.isEmpty {
            try writer.publish()
            try writer.merge(without: Set(damaged.map(\.description.name)))
            try writer.finish()
        }
        return report
    }

    // MARK: Finding

    private func findDamaged(
        _ names: [String], threads: Int, _ writer: RepairWriter?
    ) throws -> [ExpectedPack] {
        try RepairBase.requireIndex(repository)
        let found = CheckReport(observer)
        let check = StoreCheck(repository, found, observer)
        try check.run()
        try RepairBase.requireIndex(found)
        if !names.isEmpty {
            // What they should hold is not there.
            for pack in check.suspects { objects.noteDamage(of: pack) }
            return try chosen(names, of: check.used)
        }
        let pool = try WorkerPool(threads: threads, name: "repair")
        defer { pool.close() }
        // The session must show life while all is read.
        try check.readPacks(pool, threads: threads, tick: { try writer?.heartbeat() })
        return check.used.filter { check.suspects.contains($0.description.name) }
    }

    private func chosen(_ names: [String], of packs: [ExpectedPack]) throws -> [ExpectedPack] {
        try names.map { name in
            let found = packs.filter { $0.description.name.hex.hasPrefix(name) }
            guard found.count == 1 else {
                throw SnapError(
                    found.isEmpty ? .notFound : .invalid,
                    "\(found.count) packs of the index have names that begin with \(name)")
            }
            return found[0]
        }
    }

    // MARK: Salvaging

    /// Copies what can be read of some packs: one pass over the index tells what lies in them.
    private func salvage(_ packs: [ExpectedPack], _ writer: RepairWriter?) throws {
        var entries: [ObjectID: [IndexEntry]] = [:]
        for pack in packs { entries[pack.description.name] = [] }
        for segment in objects.segments {
            try segment.forEachEntry { entry in
                let name = try segment.pack(entry.pack).description.name
                entries[name]?.append(entry)
            }
        }
        for pack in packs {
            try salvage(pack.description, entries[pack.description.name] ?? [], writer)
        }
    }

    private func salvage(
        _ description: PackDescription, _ entries: [IndexEntry], _ writer: RepairWriter?
    ) throws {
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
                report.elsewhere += 1
            }
            if wanted.isEmpty { continue }
            let good = try pack.map {
                try readable(wanted.values.sorted { $0.offset < $1.offset }, place, $0)
            }
            if let good, !good.objects.isEmpty { try writer?.append(good) }
            let ids = good?.objects.map(\.id) ?? []
            saved.formUnion(ids)
            report.salvaged += ids.count
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
