// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// The decided sessions as a listing shows them to a collection.
struct SnapshotSurvey {
    private(set) var listed: Set<[UInt8]>
    private(set) var committed: [Manifest] = []
    private(set) var digests: [[UInt8]: ObjectID] = [:]
    /// Committed ones that do not count.
    private(set) var uncounted: [[UInt8]] = []
    /// Those whose manifest cannot be read.
    private(set) var damaged: [[UInt8]] = []

    /// Reads all manifests, `end` being the collection that is closed. Throws for one that is
    /// damaged or missing and not forgotten: what it needs cannot be known.
    init(_ ledger: some Ledger, _ end: CollectionEnd?) throws {
        listed = Set(try ledger.decided())
        let counting = Counting(end)
        let live = Set((end?.live ?? [:]).keys)
        var found: [(id: [UInt8], error: SnapError)] = []
        // In order, so that a seed of the simulator is one schedule.
        for id in listed.union(live).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            do {
                let decision = try ledger.decision(id)
                if decision == nil, live.contains(id) { throw Manifest.missing(id) }
                guard case .committed(let manifest, let digest)? = decision else { continue }
                add(manifest, digest, counting)
            } catch let error as SnapError where error.isFinding {
                found.append((id, error))
            }
        }
        try Self.refuse(found, ledger)
        damaged = found.map(\.id)
    }

    private mutating func add(_ manifest: Manifest, _ digest: ObjectID, _ counting: Counting) {
        if counting.counts(manifest, digest) {
            committed.append(manifest)
            digests[manifest.id] = digest
        } else {
            uncounted.append(manifest.id)
        }
    }

    private static func refuse(
        _ damaged: [(id: [UInt8], error: SnapError)], _ ledger: some Ledger
    ) throws {
        guard !damaged.isEmpty else { return }
        let notes = try NoteBook(ledger)
        for (id, error) in damaged where !notes[id].isForgotten {
            throw error.within(
                "nothing can be collected while snapshot \(Hex.encode(id.prefix(4))) cannot be "
                    + "read")
        }
    }

    /// Those that notes or later backups of the same series make superfluous. `now` is in Unix
    /// seconds.
    func forgotten(_ notes: NoteBook, _ now: Int64) -> Set<[UInt8]> {
        var forgotten = Set(damaged.filter { notes[$0].isForgotten })
        var newer: Set<Manifest.Series> = []
        let now = ClockJump.trusted(committed, now: now)
        for manifest in committed.sorted(by: Manifest.isBefore).reversed() {
            let notes = notes[manifest.id]
            let isPassed = manifest.state == .checkpoint && newer.contains(manifest.series)
            if (notes.isForgotten || isPassed) && !notes.isHeld(at: now) {
                forgotten.insert(manifest.id)
            } else {
                newer.insert(manifest.series)
            }
        }
        return forgotten
    }
}
