// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a collection finds and does, in numbers. Bytes are those of files; what is copied and what
/// nobody needs are taken from the share of it before compression.
package struct PackStatistics: Sendable {
    /// Before the collection.
    package var packs = 0
    package var bytes: UInt64 = 0
    package var packsCondemned = 0
    package var bytesCondemned: UInt64 = 0
    /// Of the condemned, what is needed and moves to new packs.
    package var bytesCopied: UInt64 = 0
    /// In the packs that stay, what nobody needs.
    package var bytesUnused: UInt64 = 0
    /// Of those that stay, how many are sealed under older keys.
    package var packsOlderKeys = 0
    /// How many of the condemned hold what is needed, by why they do not stay; of a collection that
    /// an earlier run has opened that is not known.
    package var rewritten: [RewriteReason: Int] = [:]

    package init() {}

    package var bytesFreed: UInt64 { bytesCondemned - min(bytesCondemned, bytesCopied) }
}

/// Why what is needed of a pack moves to a new one.
package enum RewriteReason: Sendable, CaseIterable {
    /// Too much of it is unneeded.
    case unused
    /// It is sealed under older keys.
    case olderKeys
    /// It holds what was erased, or something of its time.
    case erased
    /// It is one of many small ones.
    case small
}

/// How much of the packs that stay may be what nobody needs.
package enum UnusedMax: Sendable, Equatable {
    /// Of their size.
    case part(Double)
    case bytes(UInt64)
    /// Nothing is copied but what lies beside something erased: not what is small or sealed under
    /// older keys either.
    case unlimited

    func bytes(of size: Double) -> Double {
        switch self {
        case .part(let part): part * size
        case .bytes(let bytes): Double(bytes)
        case .unlimited: .infinity
        }
    }
}

/// The packs and index of a repository, for a collector. Used by one thread.
package final class PackInventory: Inventory {
    private let repository: Repository
    private let unusedMax: UnusedMax
    private let poll: () throws -> Void
    private var live = LiveSet([])
    /// Bytes of the packs as they were listed.
    private var sizes: [PackName: UInt64] = [:]
    /// Of those that this run has condemned.
    private var reasons: [PackName: RewriteReason] = [:]
    package private(set) var statistics = PackStatistics()

    private var objects: ObjectReader { repository.objects }

    /// Packs below this size are gathered once there are so many of a kind: backups that run often
    /// leave small ones.
    private static let smallPackSize = UInt64(PackTrailer.packSizeTarget) / 4
    private static let smallPacksMax = 16

    /// How much of a pack is needed; bytes before compression.
    private struct Use {
        var description: PackDescription
        var live: UInt64 = 0
        var total: UInt64 = 0

        var deadPart: Double { total == 0 ? 1 : Double(total - live) / Double(total) }
        /// Bytes of the file that nobody needs, about.
        var dead: Double { deadPart * Double(description.fileSize) }
        var needed: Double { Double(description.fileSize) - dead }
    }

    /// `poll` is called now and then, and may throw.
    package init(
        _ repository: Repository, unusedMax: UnusedMax, poll: @escaping () throws -> Void = {}
    ) {
        self.repository = repository
        self.unusedMax = unusedMax
        self.poll = poll
    }

    package var segments: [ObjectID] { objects.segments.map(\.name) }
    package var uncounted: [ObjectID] { objects.uncountedSegments }
    package var writers: [[UInt8]] { objects.segments.map(\.header.session) }

    package func listPacks() throws -> [PackName] {
        sizes = [:]
        for (name, item) in try repository.listPacks().packs {
            sizes[PackName(kind: item.kind, name: name)] = UInt64(item.size)
        }
        return Array(sizes.keys)
    }

    package func refresh(_ end: CollectionEnd?) throws {
        var state = CollectionState()
        state.end = end
        state.newest = end?.number ?? 0
        try objects.refresh(state)
        if let damaged = objects.damagedSegments.first { throw damaged.error }
        live = LiveSet(objects.askedSegments)
    }

    package func mark(_ snapshots: [Manifest]) throws {
        let marker = TreeMarker(objects, live, poll: poll)
        for manifest in snapshots { try marker.mark(manifest) }
    }

    package func condemn(_ packs: [PackName], thorough: Bool) throws -> [PackName] {
        let uses = try uses()
        try requireWhole(uses)
        var condemned: Set<PackName> = []
        var rest: [Use] = []
        reasons = [:]
        for pack in packs {
            guard let use = uses[pack], use.live > 0 else {
                condemned.insert(pack)
                continue
            }
            if unusedMax == .unlimited || isNewest(use) {
                rest.append(use)
            } else {
                reasons[pack] = .olderKeys
            }
        }
        chooseUnused(rest, thorough ? .bytes(0) : unusedMax, as: thorough ? .erased : .unused)
        if thorough {
            for use in rest where reasons[use.description.packName] == nil {
                try poll()
                if try hasUnneeded(use.description) { reasons[use.description.packName] = .erased }
            }
        }
        condemned.formUnion(try lost(uses))
        if unusedMax != .unlimited {
            for pack in Self.small(rest.filter { reasons[$0.description.packName] == nil }) {
                reasons[pack] = .small
            }
        }
        condemned.formUnion(reasons.keys)
        count(uses, condemned)
        return Array(condemned)
    }

    /// Throws `.damaged` where a pack that is needed is not there in full: what else there is may
    /// be what makes that good.
    private func requireWhole(_ uses: [PackName: Use]) throws {
        for (name, use) in uses where use.live > 0 {
            let size = UInt64(use.description.fileSize)
            if sizes[name] == size { continue }
            // One that came after the listing.
            var found: Int?
            do { found = try repository.store.open(name.storeName).size } catch let error
                as SnapError where error.kind == .notFound
            {}
            if let damage = use.description.damage(size: found) { throw damage }
        }
    }

    /// Packs that only the index knows any more, and nobody needs.
    private func lost(_ uses: [PackName: Use]) throws -> [PackName] {
        try uses.filter { name, use in
            if use.live > 0 || sizes[name] != nil { return false }
            do {
                // One that came after the listing.
                _ = try repository.store.open(name.storeName)
                return false
            } catch let error as SnapError where error.kind == .notFound { return true }
        }.map(\.key)
    }

    private func isNewest(_ use: Use) -> Bool {
        use.description.generation == repository.sealed.newest
    }

    /// Those with most that is unneeded, until the others hold no more of it than they may.
    private func chooseUnused(_ uses: [Use], _ unusedMax: UnusedMax, as reason: RewriteReason) {
        var unused = uses.reduce(0) { $0 + $1.dead }
        var size = uses.reduce(0) { $0 + Double($1.description.fileSize) }
        for use in uses.sorted(by: { $0.deadPart > $1.deadPart })
        where use.dead > 0 && unused > unusedMax.bytes(of: size) {
            reasons[use.description.packName] = reason
            unused -= use.dead
            size -= use.dead
        }
    }

    /// Whether a pack holds anything that is not needed there: also what the index finds elsewhere.
    private func hasUnneeded(_ description: PackDescription) throws -> Bool {
        let trailer = try objects.pack(PackReference(description)).trailer()
        return try trailer.objects.contains { object in
            try !live.isNeeded(object, trailer.records[Int(object.record)], description)
        }
    }

    private static func small(_ uses: [Use]) -> [PackName] {
        var names: [FileKind: [PackName]] = [:]
        for use in uses where use.description.fileSize < smallPackSize {
            names[use.description.packName.kind, default: []].append(use.description.packName)
        }
        return names.values.filter { $0.count >= smallPacksMax }.flatMap { $0 }
    }

    /// Brings the statistics up to what an open collection condemns; what is needed is marked.
    package func measure(_ condemned: [PackName]) throws {
        _ = try listPacks()
        count(try uses(), Set(condemned))
    }

    private func count(_ uses: [PackName: Use], _ condemned: Set<PackName>) {
        statistics = PackStatistics()
        for (name, size) in sizes {
            statistics.packs += 1
            statistics.bytes += size
            guard condemned.contains(name) else {
                if let use = uses[name] {
                    statistics.bytesUnused += UInt64(use.dead)
                    statistics.packsOlderKeys += isNewest(use) ? 0 : 1
                }
                continue
            }
            statistics.packsCondemned += 1
            statistics.bytesCondemned += size
            if let use = uses[name], use.live > 0 {
                statistics.bytesCopied += UInt64(use.needed)
                if let reason = reasons[name] { statistics.rewritten[reason, default: 0] += 1 }
            }
        }
    }

    private func uses() throws -> [PackName: Use] {
        var uses: [PackName: Use] = [:]
        for segment in objects.askedSegments {
            try segment.forEachPack { uses[$0.packName] = Use(description: $0) }
        }
        try live.forEach { entry, segment, isLive in
            let name = try segment.pack(entry.pack).description.packName
            uses[name]!.total += UInt64(entry.length)  // every pack of the table is there
            if isLive { uses[name]!.live += UInt64(entry.length) }
        }
        return uses
    }

    package func evacuate(_ condemned: [PackName]) throws -> [ObjectID] {
        if condemned.isEmpty { return segments }
        let gone = Set(condemned)
        let session = try repository.ledger.newID()
        let mover = try ObjectMover(repository, live, session: session)
        do {
            let merged = try move(gone, mover, session)
            // They have counted for nobody.
            try delete(segments: mover.segments)
            return [merged]
        } catch {
            mover.abandon()
            throw error
        }
    }

    /// Copies what is needed of packs that go; returns the whole index without them, durable.
    private func move(
        _ gone: Set<PackName>, _ mover: ObjectMover, _ session: [UInt8]
    ) throws -> ObjectID {
        let uses = try uses()
        if sizes.isEmpty { _ = try listPacks() }
        count(uses, gone)
        for use in uses.values where use.live > 0 {
            guard gone.contains(use.description.packName) else { continue }
            try poll()
            try mover.move(use.description)
        }
        try mover.finish()
        let all = try objects.segments + mover.segments.map { try objects.openSegment($0) }
        let merged = try IndexWriter.merge(
            all, store: repository.store,
            key: try FileKeys(repository, session: session).next(.index), session: session,
            collection: Counting.onlyIfNamed, leavingOut: { gone.contains($0) })
        try repository.store.synchronize()
        return merged
    }

    package func delete(segments: [ObjectID]) throws {
        for name in segments { try repository.store.delete(IndexSegment.storeName(name)) }
    }

    package func delete(packs: [PackName]) throws {
        for pack in packs { try repository.store.delete(pack.storeName) }
    }
}
