// SPDX-License-Identifier: MIT
//
// Makes the index again where segments are damaged or missing, from the packs' own tables. A table
// is authentic or is not used: nothing is guessed. Packs that a collection has deleted, or is about
// to, are not brought back.

import SnapBase
import SnapFormat
import SnapStore

/// What a repair of the index found and wrote.
package struct IndexRepairReport: Sendable {
    /// Segments that cannot be read in full.
    package fileprivate(set) var damaged: [(name: String, error: SnapError)] = []
    /// Of those, what stays in use for what can still be read of it.
    package fileprivate(set) var kept: [String] = []
    /// Packs that no sound segment names, with the objects in them.
    package fileprivate(set) var packs = 0
    package fileprivate(set) var objects = 0
    /// Packs whose own tables cannot be read either.
    package fileprivate(set) var unreadable: [(name: String, error: SnapError)] = []
    package fileprivate(set) var segments = 0
    /// Objects of those packs that were asked for.
    package fileprivate(set) var wanted = 0
}

/// Used by one thread, once.
package final class IndexRepair {
    private let repository: Repository
    private let observer: CheckObserver
    private var report = IndexRepairReport()
    /// Packs that sound segments name.
    private var named: Set<ObjectID> = []
    /// Damaged segments of which nothing can be read, and those of which something can.
    private var closed: [ObjectID] = []
    private var partial: [ObjectID] = []
    private var batch: [FinishedPack] = []
    private var batchObjects = 0
    private let wanted: Set<ObjectID>

    /// Objects after which a segment is written: they are all in memory.
    private static let segmentEntries = 256 << 10

    /// `wanted` are objects that may be in packs that no segment names.
    package init(
        _ repository: Repository, observer: CheckObserver = CheckObserver(),
        wanted: Set<ObjectID> = []
    ) {
        self.repository = repository
        self.observer = observer
        self.wanted = wanted
    }

    /// Repairs; with `isDryRun` only looks.
    package func run(host: String, isDryRun: Bool) throws -> IndexRepairReport {
        let writer = isDryRun ? nil : try RepairWriter(repository, host: host)
        let state = try writer?.state ?? CollectionState(try repository.ledger)
        if writer == nil { try RepairBase.read(repository, state) }
        try checkSegments(writer)
        let gone = Set(state.end?.packs ?? [])
        let listed = try repository.listPacks().packs
            .map { (name: PackName(kind: $0.value.kind, name: $0.key), size: $0.value.size) }
            .filter { !named.contains($0.name.name) && !gone.contains($0.name) }
            .sorted { $0.name < $1.name }
        observer.expect(listed.count, 0)
        for pack in listed {
            try observer.throwIfInterrupted()
            try add(pack.name, size: pack.size, writer)
            observer.done(1, 0)
        }
        try conclude(writer)
        return report
    }

    private func checkSegments(_ writer: RepairWriter?) throws {
        for (name, error) in repository.objects.damagedSegments {
            // A newer program's is whole.
            guard error.kind == .damaged, let id = ObjectID(hex: name) else { throw error }
            report.damaged.append((IndexSegment.storeName(id), error))
            closed.append(id)
        }
        for segment in repository.objects.segments {
            var packs = ExpectedPacks()
            do {
                try segment.check(repository.store, &packs) {
                    try observer.throwIfInterrupted()
                    try writer?.heartbeat()
                }
                named.formUnion(packs.order)
            } catch let error as SnapError where error.isFinding {
                report.damaged.append((IndexSegment.storeName(segment.name), error))
                partial.append(segment.name)
            }
        }
    }

    /// Adds what a pack's own table says to the next segment.
    private func add(_ name: PackName, size: Int, _ writer: RepairWriter?) throws {
        do {
            let pack = try RepairBase.insisting {
                try FinishedPack(reading: name, size: size, of: repository)
            }
            report.packs += 1
            report.objects += pack.objects.count
            if !wanted.isEmpty {
                report.wanted += pack.objects.count { wanted.contains($0.id) }
            }
            batch.append(pack)
            batchObjects += pack.objects.count
        } catch let error as SnapError where error.isFinding {
            report.unreadable.append((name.storeName, error))
        } catch let error as SnapError where error.kind == .notFound {
            return  // taken away since the listing
        }
        if batchObjects >= Self.segmentEntries { try publish(writer, superseding: []) }
    }

    /// The last segment says which ones it replaces: by then all others are durable. One that can
    /// be read in part stays while it may know of a pack that has lost its own table.
    private func conclude(_ writer: RepairWriter?) throws {
        var superseded = closed
        if report.unreadable.isEmpty {
            superseded += partial
        } else {
            report.kept = partial.map { IndexSegment.storeName($0) }
        }
        if !batch.isEmpty || !superseded.isEmpty {
            try publish(writer, superseding: superseded)
        }
        try writer?.finish()
    }

    private func publish(_ writer: RepairWriter?, superseding: [ObjectID]) throws {
        try writer?.publish(batch, superseding: superseding)
        report.segments += 1
        (batch, batchObjects) = ([], 0)
    }
}

extension FinishedPack {
    /// Reads a pack's own tables; throws `.damaged` unless they are authentic and agree with the
    /// file.
    fileprivate init(reading name: PackName, size: Int, of repository: Repository) throws {
        let path = name.storeName
        guard size > ContainerHeader.size, size < PackTrailer.packSizeMax else {
            throw SnapError(.damaged, "\(path): \(size) bytes are no pack")
        }
        let file = try repository.store.open(path)
        var head = [UInt8](repeating: 0, count: ContainerHeader.size)
        try head.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        let header = try ContainerHeader(head, name: path)
        guard header.kind == name.kind else {
            throw SnapError(.damaged, "\(path): is a \(header.kind.name)")
        }
        let description = PackDescription(
            name: name.name, salt: header.salt, fileSize: UInt32(size),
            generation: header.generation, kind: name.kind)
        let pack = try Pack(
            description, store: repository.store,
            master: try repository.sealed.master(header.generation, path),
            repository: repository.id)
        let trailer = try pack.trailer()
        guard trailer.isPlausible(for: description) else {
            throw SnapError(.damaged, "\(path): its tables are not those of such a file")
        }
        self.init(description: description, objects: trailer.objects, records: trailer.records)
    }
}

extension PackTrailer {
    /// Whether everything that the tables name is inside the pack and of its kind.
    fileprivate func isPlausible(for pack: PackDescription) -> Bool {
        records.allSatisfy {
            Int($0.offset) >= ContainerHeader.size && Int($0.size) < 1 << 24
                && Int($0.offset) + Int($0.size) <= Int(pack.fileSize)
        } && objects.allSatisfy { $0.kind.packKind == pack.kind }
    }
}
