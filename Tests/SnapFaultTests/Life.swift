// SPDX-License-Identifier: MIT
//
// A repository that has lived for a while, what can be done to it then, and the question that every
// injected fault is followed by: is all there that no prune may take, and does the deed succeed the
// next time?

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapView
import Testing

/// What changes a repository after its backups.
enum Deed: CaseIterable {
    case forget, unforget, hold, tag, audit, erase, prune
}

/// A disk with a closed collection, two generations of keys and snapshots of all sorts. Made once
/// for all tests.
struct Life: Sendable {
    static let shared = Result { try Life() }

    let engine: Engine
    let disk: Disk
    /// What each snapshot must give back, by its hexadecimal id.
    let models: [String: SourceModel]
    /// Snapshots by what was said of them. All but `gone` and `going` are promised to stay.
    let gone, going, held, listed, main: [UInt8]

    static let origin = Origin(time: 1000, host: "host", user: "root")
    /// What an erasure takes out of `main`.
    static let erased = "d/1"

    private init() throws {
        engine = try Engine.shared.get()
        var known = engine.one
        let first = try #require(known.snapshots.keys.first)
        var before = Set(known.snapshots.keys)
        func newest() throws -> [UInt8] {
            let id = try #require(Set(known.snapshots.keys).subtracting(before).first)
            before.insert(id)
            return Hex.decode(id)!  // it is the id of a manifest
        }
        known = try engine.withSmallSnapshot(known)
        let taken = try newest()
        try Self.note(.forget, taken, &known, engine)
        let files = AmnesiaFileLayer(known.disk)
        _ = try Self.prune(try engine.open(files))
        try KeyAdministration(try engine.open(files)).rotate()
        known.disk = files.disk.after(.synchronizedOnly)
        known.snapshots[Hex.encode(taken)] = nil
        known = try engine.withSmallSnapshot(known)
        going = try newest()
        known = try engine.committed(known)
        main = try newest()
        known = try engine.withSmallSnapshot(known)
        held = try newest()
        known = try engine.withSmallSnapshot(known)
        listed = try newest()
        gone = Hex.decode(first)!  // it is the id of a manifest
        for (action, id) in [
            (.forget, gone), (.forget, going), (.hold(until: nil), held), (.forget, held),
            (.tags(["before"]), listed),
        ] as [(Note.Action, [UInt8])] { try Self.note(action, id, &known, engine) }
        let last = AmnesiaFileLayer(known.disk)
        try Self.audit(try engine.open(last))
        // Of a backup that was killed.
        _ = try Session(try engine.open(last).ledger, kind: .writer, host: "host")
        (disk, models) = (last.disk.after(.synchronizedOnly), known.snapshots)
    }

    private static func note(
        _ action: Note.Action, _ id: [UInt8], _ known: inout Known, _ engine: Engine
    ) throws {
        let files = AmnesiaFileLayer(known.disk)
        try NoteBook.add(
            action, to: [id], origin: origin, ledger: try engine.open(files).ledger)
        known.disk = files.disk.after(.synchronizedOnly)
    }

    // MARK: Deeds

    /// Who is not this process is dead, and so are its sessions.
    final class Deaths: Liveness {
        func isDead(_ session: SessionRecord, heartbeat: UInt32) -> Bool { true }
        func isDead(unreadable session: [UInt8], heartbeat: UInt32) -> Bool { true }
    }

    static func prune(_ repository: Repository) throws -> CollectionReport {
        try Collector(
            ledger: try repository.ledger,
            inventory: PackInventory(repository, unusedMax: .part(0)), liveness: Deaths(),
            origin: origin, now: 1000
        ).run()
    }

    private static func audit(_ repository: Repository) throws {
        try AuditLog(repository).append(.init("test", origin: origin, program: "tests"))
    }

    func perform(_ deed: Deed, _ repository: Repository) throws {
        func note(_ action: Note.Action, _ id: [UInt8]) throws {
            try NoteBook.add(
                action, to: [id], origin: Self.origin, ledger: try repository.ledger)
        }
        switch deed {
        case .forget: try note(.forget, listed)
        case .unforget:
            try NoteBook.unforget(going, origin: Self.origin, ledger: try repository.ledger)
        case .hold: try note(.hold(until: nil), main)
        case .tag: try note(.tags(["after"]), main)
        case .audit: try Self.audit(repository)
        case .erase: try erase(repository)
        case .prune:
            if case .waiting = try Self.prune(repository).result {
                throw SnapError(.busy, "it waits for the dead")
            }
        }
    }

    private func erase(_ repository: Repository) throws {
        let catalog = try repository.catalog()
        let erasure = try Erasure(
            repository, catalog,
            [Array("\(engine.source.path)/\(Self.erased)".utf8)],
            caches: ViewCaches(), origin: Self.origin, program: "tests")
        var damage = catalog.damagedInOrder.first?.error
        let found = try erasure.affected({ $0.id == main }, failed: { damage = $1 })
        for snapshot in found { _ = try erasure.erase(snapshot) }
        // As the command does: what cannot be read was not erased.
        if let damage { throw damage }
    }

    // MARK: Judgement

    /// Opens the disk without repair and compares all that counts with what it must be.
    func judge(_ disk: Disk, _ deed: Deed, isDone: Bool, _ what: String) throws {
        let repository = try engine.open(AmnesiaFileLayer(disk))
        let catalog = try repository.catalog()
        #expect(catalog.damaged.isEmpty && catalog.notes.damaged.isEmpty, "\(what)")
        let all = catalog.snapshots + catalog.forgotten
        for manifest in all {
            var wanted = models[manifest.hexID]
            if wanted == nil, deed == .erase, manifest.predecessor == main {
                wanted = models[Hex.encode(main)]
                wanted?[Self.erased] = nil
            }
            if try engine.contents(manifest, repository) != wanted {
                Issue.record("\(what): \(manifest.hexID) has other contents")
            }
        }
        let there = Set(all.map(\.id))
        #expect(there.isSuperset(of: [held, listed, main]), "\(what): something is lost")
        let listed = Set(catalog.snapshots.map(\.id))
        #expect(deed == .forget || listed.contains(self.listed), "\(what)")
        #expect(deed == .erase || listed.contains(main), "\(what)")
        #expect(deed == .prune || there.isSuperset(of: [gone, going]), "\(what)")
        let records = try AuditLog(repository).verify()
        #expect(records.findings.isEmpty, "\(what): \(records.findings)")
        if isDone { try expectDone(deed, catalog, records.records, what) }
    }

    private func expectDone(
        _ deed: Deed, _ catalog: Catalog, _ records: Int, _ what: String
    ) throws {
        let listed = Set(catalog.snapshots.map(\.id))
        let isDone =
            switch deed {
            case .forget: !listed.contains(self.listed)
            case .unforget: listed.contains(going)
            case .hold: catalog.notes[main].isHeld(at: .max)
            case .tag: catalog.snapshots.contains { $0.id == main && $0.tags == ["after"] }
            case .audit: records > 1
            case .erase:
                !listed.contains(main)
                    && catalog.snapshots.filter { $0.predecessor == main }.count == 1
            case .prune: catalog.forgotten.map(\.id) == [held]
            }
        #expect(isDone, "\(what): it is not done")
    }

    /// What was interrupted is done by the next one; then a collection takes nothing but what it
    /// may, down to the last byte.
    func judgeNext(_ disk: Disk, _ deed: Deed, _ what: String) throws {
        let files = AmnesiaFileLayer(disk)
        try within(what) { try perform(deed, try engine.open(files)) }
        try judge(files.disk, deed, isDone: true, what + ", and again")
        let repository = try engine.open(files)
        _ = try Self.prune(repository)
        let report = try RepositoryCheck(try engine.open(files)).run(readData: true, threads: 1)
        #expect(report.findings.isEmpty, "\(what), and a prune: \(report.findings)")
        let kept = Set(try engine.open(files).catalog().snapshots.map(\.id))
        #expect(deed == .erase || kept.contains(main), "\(what), and a prune")
        #expect(deed == .forget || kept.contains(listed), "\(what), and a prune")
        #expect(deed != .unforget || kept.contains(going), "\(what), and a prune")
        #expect(try engine.open(files).store.list("sessions").isEmpty, "\(what), and a prune")
    }
}
