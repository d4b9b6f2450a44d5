// SPDX-License-Identifier: MIT
//
// Merged copies of index segments on the client's own disk, so that a lookup asks a few segments
// however many a repository has. A copy is a segment like any other and names what it merges as
// superseded; it is good for as long as all of that is still listed. Segments are merged by size,
// small ones first, so that each entry is copied a logarithmic number of times. Losing the cache
// costs time only.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// Used by one thread at a time, which refreshes the index or adds to it.
struct IndexCache: Sendable {
    private let store: any Store
    /// Segments that lookups may have to ask: an id that is not there costs some 12 us in each.
    static let segmentsMax = 6

    /// A store in the cache directory, of this repository alone.
    init(store: any Store) { self.store = store }

    /// The segments to ask instead of `listed`: the same entries in fewer. What cannot be read or
    /// written here is done without.
    func merged(
        _ listed: [IndexSegment], open: (ObjectID, any Store) throws -> IndexSegment,
        newKey: () throws -> FileKey
    ) -> [IndexSegment] {
        let names = Set(listed.map(\.name))
        var covered: Set<ObjectID> = []
        var segments: [IndexSegment] = []
        for segment in cached(open).sorted(by: { $0.superseded.count > $1.superseded.count }) {
            let isGood =
                names.isSuperset(of: segment.superseded)
                && covered.isDisjoint(with: segment.superseded)
            guard isGood else {
                try? store.delete(IndexSegment.storeName(segment.name))
                continue
            }
            covered.formUnion(segment.superseded)
            segments.append(segment)
        }
        segments += listed.filter { !covered.contains($0.name) }
        while segments.count > Self.segmentsMax {
            guard let fewer = try? mergeSmallest(segments, names, open, newKey) else { break }
            segments = fewer
        }
        return segments
    }

    private func cached(_ open: (ObjectID, any Store) throws -> IndexSegment) -> [IndexSegment] {
        let entries = (try? store.list("index")) ?? []
        return entries.compactMap { entry in
            guard let name = ObjectID(hex: entry.name) else { return nil }
            // A damaged copy is of no use to anyone.
            guard let segment = try? open(name, store) else {
                try? store.delete("index/\(entry.name)")
                return nil
            }
            return segment
        }
    }

    /// Merges all but the largest into one.
    private func mergeSmallest(
        _ segments: [IndexSegment], _ listed: Set<ObjectID>,
        _ open: (ObjectID, any Store) throws -> IndexSegment, _ newKey: () throws -> FileKey
    ) throws -> [IndexSegment] {
        let sorted = segments.sorted { $0.header.entryCount < $1.header.entryCount }
        var count = sorted.count - Self.segmentsMax / 2
        // One that is not much larger than all before it together is merged along.
        var sum = sorted[..<count].reduce(0) { $0 + $1.header.entryCount }
        while count < sorted.count, sorted[count].header.entryCount <= sum * 2 {
            sum += sorted[count].header.entryCount
            count += 1
        }
        let small = Array(sorted[..<count])
        let names = small.flatMap { listed.contains($0.name) ? [$0.name] : $0.superseded }
        let name = try IndexWriter.merge(
            small, superseding: names, store: store, key: newKey(),
            session: [UInt8](repeating: 0, count: 16))
        for segment in small where !listed.contains(segment.name) {
            try? store.delete(IndexSegment.storeName(segment.name))
        }
        return [try open(name, store)] + sorted[count...]
    }
}
