// SPDX-License-Identifier: MIT
//
// What the collections of a repository mean for everyone else: what counts, and what must not be
// built upon. See snapfs-format(5), COLLECTION.

import SnapBase
import SnapFormat

/// The collections that a listing showed.
package struct CollectionState: Sendable {
    /// The highest number, open or closed; 0 without any.
    package var newest: UInt64 = 0
    /// The one that is under way.
    package var open: CollectionStart?
    /// The newest that is closed.
    package var end: CollectionEnd?
    /// Why one of them cannot be read: then everything counts for who reads, and only what the
    /// writers after it wrote is built upon.
    package var damage: SnapError?

    package init() {}

    /// Lists and reads them, but for what `known` has. A later one may take away what was listed:
    /// then once more.
    package init(_ ledger: some Ledger, known: CollectionState = .init()) throws {
        for _ in 0..<Self.attempts {
            if let state = try Self.readOnce(ledger, known) {
                self = state
                return
            }
        }
        throw SnapError(.busy, "the collections of this repository change all the time; try again")
    }

    private static let attempts = 16

    private static func readOnce(
        _ ledger: some Ledger, _ known: CollectionState
    ) throws -> CollectionState? {
        let found = try ledger.list(CollectionStart.directory).compactMap(CollectionStart.parse)
        var state = CollectionState()
        let closed = found.filter(\.closes).map(\.number).max() ?? 0
        let opened = found.filter { !$0.closes }.map(\.number).max() ?? 0
        state.newest = max(closed, opened)
        func read(_ name: String) throws -> LedgerFile? {
            do { return try ledger.read(name).file } catch let error as SnapError
                where error.isFinding
            {
                state.damage = error
                return nil
            }
        }
        do {
            if closed > 0, closed == known.end?.number {
                state.end = known.end
            } else if closed > 0, case .end(let end)? = try read(CollectionEnd.storeName(closed)) {
                state.end = end
            }
            if opened > closed, opened == known.open?.number {
                state.open = known.open
            } else if opened > closed,
                case .start(let start)? = try read(CollectionStart.storeName(opened))
            {
                state.open = start
            }
        } catch let error as SnapError where error.kind == .notFound { return nil }
        return state
    }

    package var counting: Counting { Counting(end) }
    package var building: Building { Building(self) }

    /// Whether nobody takes the snapshot away, once it is pinned.
    package func mayRead(_ manifest: Manifest, _ digest: ObjectID) -> Bool {
        counting.counts(manifest, digest) && !(open?.forgotten.contains(manifest.id) ?? false)
    }
}

/// Which snapshots and segments count.
package struct Counting: Sendable {
    private let floor: UInt64
    private let live: [[UInt8]: ObjectID]
    private let segments: Set<ObjectID>

    /// Segments that a collection wrote say so in place of the newest collection seen: they count
    /// only where they are named.
    package static let onlyIfNamed = UInt64.max

    /// By the newest collection that is closed; without one everything counts.
    package init(_ end: CollectionEnd?) {
        floor = end?.floor ?? 0
        live = end?.live ?? [:]
        segments = Set(end?.segments ?? [])
    }

    package func counts(_ manifest: Manifest, _ digest: ObjectID) -> Bool {
        manifest.collection >= floor || live[manifest.id] == digest
    }

    /// `collection` is the newest one that the segment's writer saw.
    package func countsSegment(_ name: ObjectID, collection: UInt64) -> Bool {
        collection != Self.onlyIfNamed && collection >= floor || segments.contains(name)
    }
}

/// What a writer may build upon that has seen a state.
package struct Building: Sendable {
    private let open: CollectionStart?
    private let isDamaged: Bool
    private let newest: UInt64
    private let segments: Set<ObjectID>
    private let condemned: Set<PackName>

    package init(_ state: CollectionState) {
        open = state.open
        isDamaged = state.damage != nil
        newest = state.newest
        segments = Set(state.open?.segments ?? [])
        condemned = Set(state.open?.condemned ?? [])
    }

    /// Whether everything that counts may be built upon.
    package var isUnrestricted: Bool { open == nil && !isDamaged }

    /// Of a segment that counts: whether it will, too, once the open collection is closed.
    package func allowsSegment(_ name: ObjectID, collection: UInt64) -> Bool {
        if isUnrestricted { return true }
        return segments.contains(name) && !isDamaged
            || collection != Counting.onlyIfNamed && collection >= newest
    }

    package func allows(_ pack: PackName) -> Bool { !condemned.contains(pack) }

    /// Whether a snapshot may be a predecessor.
    package func allowsPredecessor(_ id: [UInt8]) -> Bool {
        !isDamaged && !(open?.forgotten.contains(id) ?? false)
    }
}
