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
    /// Those whose manifest is damaged or missing.
    var damaged: [[UInt8]] { unread.map(\.id) }
    private var unread: [(id: [UInt8], error: SnapError)] = []

    /// Reads all manifests, `end` being the collection that is closed.
    init(_ ledger: some Ledger, _ end: CollectionEnd?) throws {
        listed = Set(try ledger.decided())
        let counting = Counting(end)
        let live = Set((end?.live ?? [:]).keys)
        // In order, so that a seed of the simulator is one schedule.
        for id in listed.union(live).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            do {
                let decision = try ledger.decision(id)
                if decision == nil, live.contains(id) { throw Manifest.missing(id) }
                guard case .committed(let manifest, let digest)? = decision else { continue }
                add(manifest, digest, counting)
            } catch let error as SnapError where error.isFinding {
                unread.append((id, error))
            }
        }
    }

    private mutating func add(_ manifest: Manifest, _ digest: ObjectID, _ counting: Counting) {
        if counting.counts(manifest, digest) {
            committed.append(manifest)
            digests[manifest.id] = digest
        } else {
            uncounted.append(manifest.id)
        }
    }

    /// Throws where one of the damaged is to stay, by the notes or because it may not go: what it
    /// needs cannot be known. `now` is in Unix seconds.
    func requireReadable(
        _ notes: NoteBook, _ now: Int64, unless mayGo: ([UInt8]) -> Bool
    ) throws {
        let now = ClockJump.trusted(committed, now: now)
        for (id, error) in unread
        where !mayGo(id) || !notes[id].isForgotten || notes[id].isHeld(at: now) {
            throw error.within(
                "nothing can be collected while snapshot \(Hex.encode(id.prefix(4))) cannot be "
                    + "read")
        }
    }

    /// Those that notes or later backups of the same series make superfluous; all that are damaged
    /// are, once that was required. `now` is in Unix seconds.
    func forgotten(_ notes: NoteBook, _ now: Int64) -> Set<[UInt8]> {
        var forgotten = Set(damaged)
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
