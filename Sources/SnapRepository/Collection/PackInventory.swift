// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// The packs and index of a repository, for a collector. Used by one thread.
package final class PackInventory: Inventory {
    private let repository: Repository
    /// How much of the packs that stay may be what nobody needs, as a part of their size.
    private let unusedMax: Double
    private let poll: () throws -> Void
    private var live = LiveSet([])

    private var objects: ObjectReader { repository.objects }

    /// How much of a pack is needed; bytes before compression.
    private struct Use {
        var description: PackDescription
        var live: UInt64 = 0
        var total: UInt64 = 0

        var deadPart: Double { total == 0 ? 1 : Double(total - live) / Double(total) }
        /// Bytes of the file that nobody needs, about.
        var dead: Double { deadPart * Double(description.fileSize) }
    }

    /// `poll` is called now and then, and may throw.
    package init(
        _ repository: Repository, unusedMax: Double, poll: @escaping () throws -> Void = {}
    ) {
        self.repository = repository
        self.unusedMax = unusedMax
        self.poll = poll
    }

    package var segments: [ObjectID] { objects.segments.map(\.name) }
    package var uncounted: [ObjectID] { objects.uncountedSegments }

    package func listPacks() throws -> [PackName] {
        try repository.listPacks().packs.map { PackName(kind: $1.kind, name: $0) }
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

    package func condemn(_ packs: [PackName]) throws -> [PackName] {
        let uses = try uses()
        var condemned: Set<PackName> = []
        var rest: [Use] = []
        for pack in packs {
            guard let use = uses[pack], use.live > 0,
                use.description.generation == repository.sealed.newest
            else {
                condemned.insert(pack)
                continue
            }
            rest.append(use)
        }
        rest.sort { $0.deadPart > $1.deadPart }
        var unused = rest.reduce(0) { $0 + $1.dead }
        var size = rest.reduce(0) { $0 + Double($1.description.fileSize) }
        for use in rest where use.dead > 0 && unused > unusedMax * size {
            condemned.insert(use.description.packName)
            unused -= use.dead
            size -= use.dead
        }
        return Array(condemned)
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
        let mover = ObjectMover(repository, live, session: session)
        for use in try uses().values where use.live > 0 {
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
        // They have counted for nobody.
        try delete(segments: mover.segments)
        return [merged]
    }

    package func delete(segments: [ObjectID]) throws {
        for name in segments { try repository.store.delete(IndexSegment.storeName(name)) }
    }

    package func delete(packs: [PackName]) throws {
        for pack in packs { try repository.store.delete(pack.storeName) }
    }
}
