// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// The ledger as one actor sees it: each access is a step, and creations may go wrong.
struct ModelLedger: Ledger, @unchecked Sendable {
    // Sendable: all actors of a world run on one thread.
    let world: World
    let actor: Actor

    private var scheduler: Scheduler { world.scheduler }

    func list(_ directory: String) throws -> [String] {
        try scheduler.step(actor, "list \(directory)")
        return world.files.names(in: directory)
    }

    func create(_ file: LedgerFile) throws -> ObjectID? {
        try scheduler.step(actor, "create \(file.storeName)")
        let digest = world.newName()
        let faults = scheduler.faults
        if scheduler.happens(faults.lost) {
            if scheduler.happens(500) { _ = world.add(file, digest) }
        } else if scheduler.happens(faults.late) {
            world.addLate(file, digest)
        } else if world.add(file, digest) {
            return digest
        }
        // An error, or "exists": what is there decides.
        try scheduler.step(actor, "read back \(file.storeName)")
        guard let there = world.files[file.storeName] else {
            throw SnapError(.io, "simulated failure of creating \(file.storeName)")
        }
        return there.digest == digest ? digest : nil
    }

    func read(_ name: String) throws -> (file: LedgerFile, digest: ObjectID) {
        try scheduler.step(actor, "read \(name)")
        guard let there = world.files[name] else { throw SnapError(.notFound, name) }
        return (there.file, there.digest)
    }

    func delete(_ name: String) throws {
        try scheduler.step(actor, "delete \(name)")
        world.files[name] = nil
    }

    func synchronize() throws {}

    func newID() throws -> [UInt8] { world.newID() }
}

/// The index of the model, as one actor has read it.
struct ModelIndex {
    private(set) var segments: [(name: ObjectID, segment: ModelSegment)] = []
    private(set) var uncounted: [ObjectID] = []
    /// The packs of the segments, in order, with what each holds.
    private var held: [(pack: PackName, objects: Objects)] = []

    /// Lists and reads it; as a repository does, once more where something went away meanwhile.
    init(_ world: World, _ actor: Actor, _ counting: Counting) throws {
        for _ in 0..<32 {
            try world.scheduler.step(actor, "list index")
            let names = world.segments.keys.sorted()
            var found: [(name: ObjectID, segment: ModelSegment)] = []
            for name in names {
                try world.scheduler.step(actor, "read index \(name.short)")
                if let segment = world.segments[name] { found.append((name, segment)) }
            }
            if found.count < names.count { continue }
            let counted = found.filter {
                counting.countsSegment($0.name, collection: $0.segment.collection)
            }
            let superseded = Set(counted.flatMap { $0.segment.superseded })
            segments = counted.filter { !superseded.contains($0.name) }
            // What is superseded is kept by nobody: it goes with what does not count.
            let kept = Set(segments.map(\.name))
            uncounted = names.filter { !kept.contains($0) }
            hold(segments.flatMap { $0.segment.packs })
            return
        }
        throw SnapError(.busy, "the index changes all the time")
    }

    mutating func add(_ name: ObjectID, _ segment: ModelSegment) {
        segments.append((name, segment))
        hold(Array(segment.packs))
    }

    private mutating func hold(_ packs: [(key: PackName, value: Objects)]) {
        held.append(contentsOf: packs.map { (pack: $0.key, objects: $0.value) })
        held.sort { $0.pack < $1.pack }
    }

    /// The objects that may be built upon.
    func allowed(_ building: Building) -> Objects {
        var objects: Objects = 0
        for (name, segment) in segments
        where building.allowsSegment(name, collection: segment.collection) {
            for (pack, held) in segment.packs where building.allows(pack) { objects |= held }
        }
        return objects
    }

    /// The packs that hold an object.
    func packs(of object: Int) -> [PackName] {
        held.filter { $0.objects & (1 << UInt64(object)) != 0 }.map(\.pack)
    }

    var all: [PackName: Objects] {
        segments.reduce(into: [:]) { all, item in
            all.merge(item.segment.packs) { a, _ in a }
        }
    }
}

/// The packs and index of the model for a collector.
final class ModelInventory: Inventory {
    private let world: World
    private let actor: Actor
    /// Takes every pack in which anything is dead.
    private let isThorough: Bool
    private var index: ModelIndex?
    private var marked: Objects = 0

    init(_ world: World, _ actor: Actor, thorough: Bool = false) {
        self.world = world
        self.actor = actor
        isThorough = thorough
    }

    var segments: [ObjectID] { index!.segments.map(\.name) }
    var uncounted: [ObjectID] { index!.uncounted }
    var writers: [[UInt8]] { [] }

    func listPacks() throws -> [PackName] {
        try world.scheduler.step(actor, "list packs")
        return world.packs.keys.sorted()
    }

    func refresh(_ end: CollectionEnd?) throws {
        index = try ModelIndex(world, actor, Counting(end))
        marked = 0
    }

    func mark(_ snapshots: [Manifest]) throws {
        for manifest in snapshots {
            let objects = world.closure(world.roots[manifest.id]!)
            for object in 0..<64 where objects & ~marked & (1 << UInt64(object)) != 0 {
                let packs = index!.packs(of: object)
                // Nodes are read, of the others it is enough that the index has them.
                if object < 16 {
                    try world.scheduler.step(actor, "mark \(object)")
                    guard packs.contains(where: { world.packs[$0] != nil }) else {
                        throw SnapError(.damaged, "object \(object) is missing")
                    }
                }
                guard !packs.isEmpty else {
                    throw SnapError(.damaged, "object \(object) is missing")
                }
            }
            marked |= objects
        }
    }

    func condemn(_ packs: [PackName], thorough: Bool) throws -> [PackName] {
        let known = index!.all
        return packs.filter { pack in
            guard let objects = known[pack], objects & marked != 0 else { return true }
            let dead = objects & ~marked
            return dead != 0 && (isThorough || world.scheduler.happens(500))
        }
    }

    func evacuate(_ condemned: [PackName]) throws -> [ObjectID] {
        let gone = Set(condemned)
        let kept = index!.all.filter { !gone.contains($0.key) }
        var copied: Objects = 0
        let held = kept.values.reduce(0, |)
        for object in 0..<64 where (marked & ~held) & (1 << UInt64(object)) != 0 {
            try world.scheduler.step(actor, "copy \(object)")
            guard index!.packs(of: object).contains(where: { world.packs[$0] != nil }) else {
                throw SnapError(.damaged, "object \(object) is missing")
            }
            copied |= 1 << UInt64(object)
        }
        var merged = kept
        if copied != 0 {
            let pack = PackName(kind: .dataPack, name: world.newName())
            try world.scheduler.step(actor, "create pack \(pack.name.short) of \(copied)")
            world.packs[pack] = copied
            merged[pack] = copied
        }
        let name = world.newName()
        try world.scheduler.step(actor, "create index \(name.short) of \(merged.shown)")
        world.segments[name] = ModelSegment(
            collection: Counting.onlyIfNamed, packs: merged, superseded: Set(segments))
        return [name]
    }

    func delete(segments: [ObjectID]) throws {
        for name in segments {
            try world.scheduler.step(actor, "delete index \(name.short)")
            world.segments[name] = nil
        }
    }

    func delete(packs: [PackName]) throws {
        for pack in packs {
            try world.scheduler.step(actor, "delete pack \(pack.name.short)")
            world.packs[pack] = nil
            world.check("after a pack was deleted")
        }
    }
}

/// Tells the dead from the living, and sometimes takes the living for dead.
final class ModelLiveness: Liveness {
    private let world: World
    private let everyone: Bool

    /// With `everyone`, nobody lives any more.
    init(_ world: World, everyone: Bool) {
        self.world = world
        self.everyone = everyone
    }

    func isDead(_ session: SessionRecord, heartbeat: UInt32) throws -> Bool {
        let isDead = everyone || world.scheduler.happens(world.scheduler.faults.falseDeath)
        if isDead { world.buried.insert(session.id) }
        return isDead
    }

    func isDead(unreadable session: [UInt8], heartbeat: UInt32) throws -> Bool { everyone }
}

extension ObjectID {
    /// Enough to tell it from others in a trace.
    var short: String { String(hex.prefix(4)) }
}

extension [PackName: Objects] {
    var shown: String {
        sorted { $0.key < $1.key }.map { "\($0.key.name.short)=\($0.value)" }
            .joined(separator: " ")
    }
}
