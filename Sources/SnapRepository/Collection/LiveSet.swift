// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Which entries of an index are needed: one bit an entry, so 1.2 MiB for ten million objects. Used
/// by one thread.
final class LiveSet {
    private let segments: [IndexSegment]
    private var bits: [[UInt64]]
    init(_ segments: [IndexSegment]) {
        self.segments = segments
        bits = segments.map { [UInt64](repeating: 0, count: ($0.header.entryCount + 63) / 64) }
    }

    /// Marks an object; false where it was before. Throws `.damaged` where no segment has it.
    func mark(_ id: ObjectID) throws -> Bool {
        guard let (segment, number, _) = try find(id) else {
            throw SnapError(.damaged, "object \(id.hex.prefix(16)) is missing from the index")
        }
        let bit: UInt64 = 1 << UInt64(number % 64)
        if bits[segment][number / 64] & bit != 0 { return false }
        bits[segment][number / 64] |= bit
        return true
    }

    /// Whether an object is needed, and where it is if so.
    func location(_ id: ObjectID) throws -> (entry: IndexEntry, pack: PackReference)? {
        guard let (segment, number, entry) = try find(id), isMarked(segment, number) else {
            return nil
        }
        return (entry, try segments[segment].pack(entry.pack))
    }

    /// Whether an object of a pack is needed, and found there and nowhere else.
    func isNeeded(
        _ object: PackedObject, _ place: RecordPlace, _ description: PackDescription
    ) throws -> Bool {
        guard let found = try location(object.id) else { return false }
        return found.pack.description.name == description.name && found.entry.record == place
            && found.entry.offset == object.offset
    }

    private func isMarked(_ segment: Int, _ number: Int) -> Bool {
        bits[segment][number / 64] & (1 << UInt64(number % 64)) != 0
    }

    /// Always the same place for the same object: what is marked must be found again.
    private func find(
        _ id: ObjectID
    ) throws -> (segment: Int, number: Int, entry: IndexEntry)? {
        for index in segments.indices {
            if let found = try segments[index].position(id) {
                return (index, found.number, found.entry)
            }
        }
        return nil
    }

    /// Calls body with every entry, its pack and whether it is needed.
    func forEach(_ body: (IndexEntry, IndexSegment, Bool) throws -> Void) throws {
        for (index, segment) in segments.enumerated() {
            var number = 0
            try segment.forEachEntry {
                try body($0, segment, isMarked(index, number))
                number += 1
            }
        }
    }
}
