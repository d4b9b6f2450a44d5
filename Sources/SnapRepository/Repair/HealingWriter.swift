// SPDX-License-Identifier: MIT
//
// Brings lost objects back into a repository. An object is taken only if its id, computed under the
// keys of this repository, is the one that was asked for: whoever gives the bytes need not be
// trusted. Nothing that is there is changed or deleted.

import SnapBase
import SnapFormat

/// The session of a repair that adds objects. Used by one thread, once.
package final class HealingWriter {
    private let repository: Repository
    private let observer: CheckObserver
    /// nil to look only.
    private let writer: RepairWriter?
    private let compressor = RecordCompressor()
    private var groups: [FileKind: (bytes: [UInt8], objects: [RecordObject])] = [:]
    private var added: Set<ObjectID> = []
    private var check: StoreCheck?
    private var damaged: Set<ObjectID> = []
    /// Bytes of the objects that were added.
    package private(set) var bytes: UInt64 = 0
    /// Objects that could still be read in damaged packs.
    package private(set) var salvaged = 0

    package var objects: Int { added.count }
    package var damagedPacks: Int { damaged.count }

    /// Announces a session, unless `isDryRun`, and reads the index; throws `.busy` while a
    /// collection is open.
    package init(
        _ repository: Repository, observer: CheckObserver, host: String, isDryRun: Bool
    ) throws {
        self.repository = repository
        self.observer = observer
        writer = isDryRun ? nil : try RepairWriter(repository, host: host)
        if writer == nil {
            try RepairBase.read(repository, try CollectionState(try repository.ledger))
        }
        try RepairBase.requireIndex(repository)
    }

    /// The packs that are missing or cut, and with `readData` those of which something cannot be
    /// read. Throws `.damaged` where the index is.
    package func findSuspects(readData: Bool, threads: Int) throws -> Set<ObjectID> {
        var quiet = observer
        quiet.found = { _ in }
        let report = CheckReport(quiet)
        let check = StoreCheck(repository, report, quiet)
        self.check = check
        try check.run()
        try RepairBase.requireIndex(report)
        if readData {
            let pool = try WorkerPool(threads: threads, name: "repair")
            defer { pool.close() }
            // The session must show life while all is read.
            try check.readPacks(pool, threads: threads, tick: heartbeat)
        }
        for pack in check.suspects { repository.objects.noteDamage(of: pack) }
        return check.suspects
    }

    /// Copies what can be read of the suspects, and of packs that were met damaged since, so that
    /// nobody needs them any more; returns them.
    package func salvage() throws -> Set<ObjectID> {
        let packs = (check?.used ?? []).filter {
            let name = $0.description.name
            return check?.suspects.contains(name) == true || repository.objects.isDamaged(name)
        }
        damaged = Set(packs.map(\.description.name))
        let salvage = PackSalvage(repository, observer, writer)
        try salvage.run(packs)
        salvaged = salvage.salvaged
        try writer?.publish()
        return damaged
    }

    /// The session lives.
    package func heartbeat() throws { try writer?.heartbeat() }

    /// Whether the object was added here.
    package func has(_ id: ObjectID) -> Bool { added.contains(id) }

    /// Adds an object, unless it was added before; false where bytes are not what the id names.
    package func add(_ bytes: [UInt8], as id: ObjectID, _ kind: ObjectKind) throws -> Bool {
        guard bytes.count <= RecordHead.rawSizeMax, try repository.keys.id(kind, bytes) == id else {
            return false
        }
        guard added.insert(id).inserted else { return true }
        self.bytes += UInt64(bytes.count)
        if writer != nil { try group(bytes, id, kind) }
        return true
    }

    /// Small objects share a record, a large one has its own.
    private func group(_ bytes: [UInt8], _ id: ObjectID, _ kind: ObjectKind) throws {
        let pack = kind.packKind
        if let open = groups[pack], open.bytes.count + bytes.count > RecordHead.groupSize {
            try flush(pack)
        }
        let start = groups[pack]?.bytes.count ?? 0
        groups[pack, default: ([], [])].bytes += bytes
        groups[pack]!.objects.append(  // it was made above
            RecordObject(
                id: id, kind: kind, offset: UInt32(start), length: UInt32(bytes.count)))
    }

    private func flush(_ pack: FileKind) throws {
        guard let group = groups.removeValue(forKey: pack) else { return }
        let record = try group.bytes.withUnsafeBytes { try compressor.compress($0) }
        try writer?.append(NewRecord(record: record, objects: group.objects))
    }

    /// Makes durable what was added; from now on it is found.
    package func publish() throws {
        for pack in [FileKind.dataPack, .metadataPack] { try flush(pack) }
        try writer?.publish()
    }

    /// Writes an index that does not need the damaged packs. What only they have is given up where
    /// nothing needs it, `isWhole`, and otherwise stays known: such a pack may turn up again.
    /// Throws `.busy` where a collection has given this session up.
    package func finish(isWhole: Bool) throws {
        guard let writer else { return }
        if !damaged.isEmpty { try writer.merge(without: damaged, dropping: isWhole) }
        try writer.finish()
    }
}
