// SPDX-License-Identifier: MIT
//
// From an id to its bytes: index, pack, record, with bounded caches. This is the one road out of a
// repository for mount, restore, check and the predecessor of a backup alike.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import Synchronization

/// Reads objects. Thread-safe.
package final class ObjectReader: Sendable {
    /// Bounds of the caches; bytes unless said otherwise.
    package struct Limits: Sendable {
        package var indexPages = 16 << 20
        package var records = 36 << 20
        /// Open packs.
        package var packs = 64
        /// Threads that decode ahead of readers; 0 for none.
        package var readAheadThreads = 0
        package init() {}
    }

    struct RecordKey: Hashable, Sendable {
        var pack: ObjectID
        var offset: UInt32
    }

    private let sealed: SealedFiles
    private let keys: DerivedKeys
    private let pages: PageCache
    private let records: LRUCache<RecordKey, Record>
    private let packs: LRUCache<ObjectID, Pack>
    private let ahead: ReadAhead?
    private let cache: IndexCache?
    private let state = Mutex(State())
    /// Held while segments are listed or merged.
    private let refreshing = Monitor()
    /// Number of the segment that the last object was found in: what was written together is asked
    /// for together, so the other segments are seldom asked at all.
    private let lastHit = Atomic<Int>(0)

    /// Packs of which something could not be read.
    private let damagedPacks = Mutex<Set<ObjectID>>([])
    private let damageMet = Atomic<Bool>(false)

    private struct State {
        /// What lookups ask: the listed segments, or merged copies of them.
        var segments: [IndexSegment] = []
        var listed: [IndexSegment] = []
        /// What may be built upon, where that is not all that is asked.
        var buildable: [IndexSegment]?
        var building = Building(CollectionState())
        /// Number of the collection whose end says which segments count.
        var end: UInt64 = 0
        /// Segments that are there and do not count, or are superseded.
        var uncounted: [ObjectID] = []
        var damaged: [(name: String, error: SnapError)] = []
        /// Listed segments that others supersede, each with those that it supersedes itself.
        var retired: [ObjectID: [ObjectID]] = [:]
    }

    init(sealed: SealedFiles, keys: DerivedKeys, cache: (any Store)?, limits: Limits) {
        self.sealed = sealed
        self.cache = cache.map { IndexCache(store: $0) }
        self.keys = keys
        pages = PageCache(costMax: limits.indexPages)
        records = LRUCache(costMax: limits.records)
        packs = LRUCache(costMax: limits.packs)
        ahead = limits.readAheadThreads > 0 ? ReadAhead(threads: limits.readAheadThreads) : nil
    }

    // MARK: Index

    /// The repository's segments that count, by the newest listing.
    package var segments: [IndexSegment] { state.withLock { $0.listed } }

    /// What lookups ask: the same, or merged copies of them.
    var askedSegments: [IndexSegment] { state.withLock { $0.segments } }

    /// Segments that cannot be read: what only they know is missing.
    package var damagedSegments: [(name: String, error: SnapError)] {
        state.withLock { $0.damaged }
    }

    /// Segments that are there and do not count, or are superseded, by the newest listing.
    var uncountedSegments: [ObjectID] { state.withLock { $0.uncounted } }

    /// Lists the index and opens what is new. Damaged segments are set aside, other errors thrown.
    /// What counts, and what may be built upon, is as `collections` say, a listing from before.
    /// Without `usingCopy`, lookups ask the repository's own segments and nothing else.
    package func refresh(_ collections: CollectionState, usingCopy: Bool = true) throws {
        try refreshing.locked {
            var new = try list(collections)
            if usingCopy { new.segments = merged(new.listed) }
            state.withLock { $0 = new }
        }
    }

    /// Number of the collection by whose end it was decided which segments count; 0 without any.
    var collected: UInt64 { state.withLock { $0.end } }

    private func merged(_ listed: [IndexSegment]) -> [IndexSegment] {
        cache?.merged(
            listed, open: { try openSegment($0, in: $1) },
            newKey: {
                try sealed.key(.index, salt: try Random.bytes(32))
            }) ?? listed
    }

    /// The segments of the repository itself that count.
    func listedSegments(_ collections: CollectionState) throws -> [IndexSegment] {
        try list(collections).listed
    }

    /// A collection may delete a superseded segment, and another one that supersedes it may come,
    /// between the listing and the look at it: then it is listed again.
    private func list(_ collections: CollectionState) throws -> State {
        for _ in 0..<8 {
            if let state = try listOnce(collections) { return state }
        }
        throw SnapError(
            .busy, "the index at \(sealed.store.location) changes all the time; try again")
    }

    private func listOnce(_ collections: CollectionState) throws -> State? {
        let (before, end) = (state.withLock { $0 }, collections.end?.number ?? 0)
        let known = Dictionary(
            (before.listed + (before.buildable ?? [])).map { ($0.name, $0) },
            uniquingKeysWith: { a, _ in a })
        var new = State()
        new.end = end
        var open: [IndexSegment] = []
        func add(_ name: ObjectID) throws {
            do { open.append(try known[name] ?? openSegment(name)) } catch let error as SnapError {
                switch error.kind {
                case .damaged, .unsupported: new.damaged.append((name.hex, error))
                case .notFound: break
                default: throw error
                }
            }
        }
        let names = try indexNames()
        // Who may build on less looks at all of them; so does who has another idea of what counts.
        let building = collections.building
        if building.isUnrestricted, before.end == end {
            new.retired = before.retired.filter { names.contains($0.key) }
        }
        for name in names where new.retired[name] == nil { try add(name) }
        let counting = collections.counting
        var superseded: Set<ObjectID> = []
        func findSuperseded() {
            let counted = open.filter { $0.counts(counting) }
            superseded = Set(counted.flatMap(\.superseded))
                .union(new.retired.values.joined())
        }
        findSuperseded()
        // What superseded it is gone: it counts again.
        for name in new.retired.keys where !superseded.contains(name) {
            new.retired[name] = nil
            try add(name)
        }
        findSuperseded()
        for segment in open where segment.counts(counting) && superseded.contains(segment.name) {
            new.retired[segment.name] = segment.superseded
        }
        // What was rebuilt is not missed.
        new.damaged.removeAll { ObjectID(hex: $0.name).map(superseded.contains) ?? false }
        new.listed = Self.sorted(
            open.filter { $0.counts(counting) && !superseded.contains($0.name) })
        new.uncounted = names.subtracting(new.listed.map(\.name))
            .subtracting(new.damaged.compactMap { ObjectID(hex: $0.name) }).sorted()
        new.building = building
        if !building.isUnrestricted {
            let allowed = open.filter {
                building.allowsSegment($0.name, collection: $0.header.collection)
            }
            let replaced = Set(allowed.flatMap(\.superseded))
            new.buildable = Self.sorted(allowed.filter { !replaced.contains($0.name) })
        }
        do {
            for segment in new.listed + (new.buildable ?? []) { try segment.hold() }
        } catch let error as SnapError where error.kind == .notFound { return nil }
        new.segments = new.listed
        return new
    }

    private static func sorted(_ segments: [IndexSegment]) -> [IndexSegment] {
        segments.sorted { ($0.header.entryCount, $0.name) > ($1.header.entryCount, $1.name) }
    }

    /// The names in the index, each once: a directory that changes while it is listed may show one
    /// twice.
    private func indexNames() throws -> Set<ObjectID> {
        Set(try sealed.store.list("index").compactMap { ObjectID(hex: $0.name) })
    }

    func openSegment(_ name: ObjectID) throws -> IndexSegment {
        try openSegment(name, in: sealed.store)
    }

    private func openSegment(_ name: ObjectID, in store: any Store) throws -> IndexSegment {
        try IndexSegment(
            name, store: store, repository: sealed.repository, pages: pages,
            master: sealed.master)
    }

    /// Adds a segment that this process has written. In a long backup these become many, and a new
    /// object costs a look into each: they are merged into the cache as those of a listing are.
    /// Not while another thread refreshes.
    func add(_ segment: IndexSegment) {
        let (count, listed) = state.withLock {
            $0.segments.append(segment)
            $0.listed.append(segment)
            $0.buildable?.append(segment)
            return ($0.segments.count, $0.listed)
        }
        guard cache != nil, count > IndexCache.segmentsMax else { return }
        refreshing.locked {
            let used = merged(listed)
            state.withLock { $0.segments = used }
        }
    }

    /// How many segments a lookup may have to ask.
    var segmentsAsked: Int { state.withLock { $0.segments.count } }

    /// Where an object is, by preference in a pack of which nothing was found damaged; nil when no
    /// segment has it. Throws `.damaged` when it may be on a page that cannot be read.
    package func find(_ id: ObjectID) throws -> ObjectLocation? {
        var damaged: ObjectLocation?
        do {
            let sound = try lookUp(id) { segment, entry in
                let location = ObjectLocation(
                    pack: try segment.pack(entry.pack), record: entry.record,
                    offset: Int(entry.offset), length: Int(entry.length))
                guard isDamaged(location.pack.description.name) else { return location }
                damaged = location
                return nil
            }
            return sound ?? damaged
        } catch let error as SnapError where error.isFinding {
            guard let damaged else { throw error }
            return damaged
        }
    }

    /// Whether an object can be built upon: a readable segment has it, in a pack that no open
    /// collection condemns and of which nothing was found damaged. One that only a damaged page may
    /// have is stored again by who asks, and so found again.
    package func contains(_ id: ObjectID) throws -> Bool {
        let (buildable, building) = state.withLock { ($0.buildable, $0.building) }
        let accept = { (segment: IndexSegment, entry: IndexEntry) throws -> Bool? in
            try segment.requirePack(entry.pack)
            guard self.hasMetDamage || buildable != nil else { return true }
            let pack = try segment.pack(entry.pack).description
            return self.isDamaged(pack.name) || !building.allows(pack.packName) ? nil : true
        }
        do {
            if let buildable { return try lookUp(id, in: buildable, accept) != nil }
            return try lookUp(id, accept) != nil
        } catch let error as SnapError where error.isFinding { return false }
    }

    /// As `contains`; but once damage was met, an object of metadata must also be readable.
    func isReusable(_ id: ObjectID, _ kind: ObjectKind) throws -> Bool {
        guard try contains(id) else { return false }
        guard hasMetDamage, kind.packKind == .metadataPack else { return true }
        do { _ = try bytes(id) } catch let error as SnapError where error.isFinding {
            return false
        }
        return true
    }

    /// Whether something of a pack could not be read since the repository was opened.
    var hasMetDamage: Bool { damageMet.load(ordering: .acquiring) }

    func isDamaged(_ pack: ObjectID) -> Bool {
        hasMetDamage && damagedPacks.withLock { $0.contains(pack) }
    }

    /// Something of the pack cannot be read: it is not built upon, and avoided where there is
    /// another copy.
    package func noteDamage(of pack: ObjectID) {
        damagedPacks.withLock { _ = $0.insert(pack) }
        damageMet.store(true, ordering: .releasing)
    }

    /// What body makes of the first entry of an object that it takes; nil when no segment has one.
    /// Throws `.damaged` when only a page that cannot be read may have one.
    private func lookUp<R>(
        _ id: ObjectID, _ body: (IndexSegment, IndexEntry) throws -> R?
    ) throws -> R? {
        let (segments, listed) = state.withLock { ($0.segments, $0.listed) }
        do { return try lookUp(id, in: segments, body) } catch let error as SnapError {
            // A fault of the cache is none of the repository: it is done without until the next
            // refresh.
            guard segments.map(\.name) != listed.map(\.name) else { throw error }
            state.withLock { $0.segments = $0.listed }
            return try lookUp(id, in: listed, body)
        }
    }

    private func lookUp<R>(
        _ id: ObjectID, in segments: [IndexSegment],
        _ body: (IndexSegment, IndexEntry) throws -> R?
    ) throws -> R? {
        let hint = lastHit.load(ordering: .relaxed)
        var damage: SnapError?
        func ask(_ segment: IndexSegment) throws -> R? {
            do {
                guard let entry = try segment.lookup(id) else { return nil }
                return try body(segment, entry)
            } catch let error as SnapError where error.isFinding {
                damage = error
                return nil
            }
        }
        if hint < segments.count, let found = try ask(segments[hint]) { return found }
        for number in segments.indices where number != hint {
            guard let found = try ask(segments[number]) else { continue }
            lastHit.store(number, ordering: .relaxed)
            return found
        }
        if let damage { throw damage }
        return nil
    }

    /// Where an object is that a tree names; throws `.damaged` when it is nowhere.
    package func locate(_ id: ObjectID) throws -> ObjectLocation {
        if let location = try find(id) { return location }
        let damaged = damagedSegments
        if let first = damaged.first {
            throw SnapError(
                .damaged,
                "object \(id.hex.prefix(16)) is not in the index, of which "
                    + counted(damaged.count, "segment", "segments")
                    + " cannot be read: \(first.error.message)")
        }
        throw SnapError(.damaged, "object \(id.hex.prefix(16)) is missing from the index")
    }

    // MARK: Content

    package func record(_ location: ObjectLocation) throws -> Record {
        let record = try decoded(location)
        if let ahead, record.isFirstUse() {
            ahead.firstUse(of: location.record, in: location.pack, reader: self)
        }
        return record
    }

    /// The record, without the effects of its being used.
    func decoded(_ location: ObjectLocation) throws -> Record {
        let description = location.pack.description
        return try records.value(
            RecordKey(pack: description.name, offset: location.record.offset),
            cost: { $0.count + 128 },
            make: {
                do { return try pack(location.pack).record(location.record) } catch {
                    if SnapError.wrap(error).isFinding { noteDamage(of: description.name) }
                    throw error
                }
            })
    }

    /// Whether the record is in memory or on its way there.
    package func isCached(_ location: ObjectLocation) -> Bool {
        records.isPresent(
            RecordKey(pack: location.pack.description.name, offset: location.record.offset))
    }

    package func pack(_ reference: PackReference) throws -> Pack {
        let description = reference.description
        return try packs.value(
            description.name, cost: { _ in 1 },
            make: {
                try Pack(
                    description, store: sealed.store,
                    master: try sealed.master(description.generation, description.storeName),
                    repository: sealed.repository)
            })
    }

    /// The bytes of a small object, by value. What follows it is not decoded ahead where it is read
    /// alone.
    package func bytes(_ id: ObjectID, alone: Bool = false) throws -> [UInt8] {
        let location = try locate(id)
        let record = alone ? try decoded(location) : try record(location)
        return try record.withBytes(offset: location.offset, count: location.length) {
            Array($0)
        }
    }

    /// Whether bytes are the object that an id names.
    package func verifies(
        _ id: ObjectID, _ kind: ObjectKind, _ bytes: UnsafeRawBufferPointer
    ) throws -> Bool {
        try keys.id(kind, bytes) == id
    }
}
