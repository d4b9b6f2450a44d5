// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// The snapshots of a repository: which there are, which count, and what notes say of them. What is
/// read once is not read again: nothing in the ledger ever changes.
package struct Catalog: Sendable {
    private var committed: [[UInt8]: (manifest: Manifest, digest: ObjectID)] = [:]
    private var aborted: Set<[UInt8]> = []
    /// Manifests that cannot be read.
    package private(set) var damaged: [[UInt8]: SnapError] = [:]
    package private(set) var notes = NoteBook()
    package private(set) var collections = CollectionState()
    /// The snapshots and checkpoints that count and are not forgotten, in order, with the tags that
    /// they have now.
    package private(set) var snapshots: [Manifest] = []
    /// Those that wait for a collection, or for being brought back.
    package private(set) var forgotten: [Manifest] = []

    package init() {}

    /// What a listing showed: the same again means that nothing has changed.
    private struct Shape: Equatable {
        var committed, damaged: Set<[UInt8]>
        var newestCollection: UInt64
        var isOpen: Bool
        var notes: [[UInt8]: UInt32]
        var unsoundNotes: [[UInt8]]

        init(_ catalog: Catalog) {
            (committed, damaged) = (Set(catalog.committed.keys), Set(catalog.damaged.keys))
            newestCollection = catalog.collections.newest
            isOpen = catalog.collections.open != nil
            (notes, unsoundNotes) = (catalog.notes.newest, catalog.notes.unsound)
        }
    }

    /// That of `snapshots` and `forgotten`; nil before the first listing.
    private var shape: Shape?

    /// Lists what there is now; false where that is what there was. Damaged manifests are read
    /// again only if so said.
    @discardableResult
    package mutating func refresh(
        _ ledger: some Ledger, retryingDamaged: Bool = true
    ) throws -> Bool {
        let ids = Set(try ledger.decided())
        committed = committed.filter { ids.contains($0.key) }
        aborted.formIntersection(ids)
        damaged = retryingDamaged ? [:] : damaged.filter { ids.contains($0.key) }
        // Deleted between listing and reading, if it is not there.
        for id in ids { _ = try read(id, ledger) }
        // What is listed above is judged by what came later: a collection takes, and never gives.
        collections = try CollectionState(ledger, known: collections)
        try readLive(ledger)
        notes = try NoteBook(ledger, known: notes)
        return arrange()
    }

    /// Puts into order what was listed; false where that is done.
    private mutating func arrange() -> Bool {
        let found = Shape(self)
        guard found != shape ?? Shape(Catalog()) else { return false }
        let counting = collections.counting
        let manifests = committed.values.filter { counting.counts($0.manifest, $0.digest) }
            .map(\.manifest)
        snapshots = chosen(manifests) { !$0.isForgotten }
        forgotten = chosen(manifests) { $0.isForgotten }
        shape = found
        return true
    }

    /// Reads a manifest unless it is known; false where there is none.
    private mutating func read(_ id: [UInt8], _ ledger: some Ledger) throws -> Bool {
        if committed[id] != nil || aborted.contains(id) || damaged[id] != nil { return true }
        do {
            switch try ledger.decision(id) {
            case .committed(let manifest, let digest): committed[id] = (manifest, digest)
            case .aborted: aborted.insert(id)
            case nil: return false
            }
        } catch let error as SnapError where error.kind != .wrongKey {
            // Another manifest may be readable, and the next look may find this one.
            damaged[id] = error
        }
        return true
    }

    /// What the newest collection kept is there until another one is closed, listed or not.
    private mutating func readLive(_ ledger: some Ledger) throws {
        guard let end = collections.end else { return }
        var missing: [[UInt8]] = []
        for id in end.live.keys where try !read(id, ledger) { missing.append(id) }
        if missing.isEmpty { return }
        collections = try CollectionState(ledger, known: collections)
        guard collections.end?.number == end.number else { return }
        for id in missing { damaged[id] = Manifest.missing(id) }
    }

    /// Manifests that cannot be read, in the order of their ids.
    package var damagedInOrder: [(id: [UInt8], error: SnapError)] {
        damaged.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (id: $0.key, error: $0.value) }
    }

    /// The time by which holds end: `now`, in Unix seconds, unless the clock has jumped there.
    package func trustedTime(now: Int64) -> Int64 {
        ClockJump.trusted(snapshots + forgotten, now: now)
    }

    private func chosen(
        _ manifests: [Manifest], _ isChosen: (SnapshotNotes) -> Bool
    ) -> [Manifest] {
        manifests.compactMap { manifest in
            let notes = notes[manifest.id]
            guard isChosen(notes) else { return nil }
            var manifest = manifest
            if let tags = notes.tags { manifest.tags = tags }
            return manifest
        }.sorted(by: Manifest.isBefore)
    }
}

extension Manifest {
    /// Why a snapshot that a collection kept is damaged where it is not there.
    static func missing(_ id: [UInt8]) -> SnapError {
        SnapError(.damaged, "\(storeName(id)) is missing, and no collection took it")
    }
}
