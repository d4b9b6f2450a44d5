// SPDX-License-Identifier: MIT
//
// A full pass over a segment of the index: the file is what its name says, every page opens, the
// entries are in order and within their packs, and the fan-out leads to them. On the way it sums up
// what the index says of each pack, so that a pack can be compared with it without a lookup.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// A set of objects with their places, as a count and a sum that does not depend on the order. Two
/// equal ones are the same set: the entries are authentic, so nobody has aimed at a collision.
struct PlacedObjects: Equatable {
    private(set) var count = 0
    private var sum: UInt64 = 0

    mutating func add(_ id: ObjectID, _ record: RecordPlace, offset: UInt32, length: UInt32) {
        var mixed = id.words.0 ^ id.words.3
        for value in [record.offset, record.size, offset, length] {
            mixed = (mixed ^ UInt64(value)) &* 0x9e37_79b9_7f4a_7c15
            mixed ^= mixed >> 29
        }
        sum &+= mixed
        count += 1
    }
}

/// What the index says of a pack.
struct ExpectedPack {
    var description: PackDescription
    /// The objects in it, by segment that names it.
    var objects: [PlacedObjects]

    /// Whether a segment finds an object in it. A merge may have found all of them elsewhere.
    var isUsed: Bool { objects.contains { $0.count > 0 } }
}

/// The packs of all segments, in the order of the segments and their tables.
struct ExpectedPacks {
    private(set) var order: [ObjectID] = []
    private(set) var packs: [ObjectID: ExpectedPack] = [:]

    /// Adds what a segment says; throws `.damaged` where another one says otherwise.
    mutating func add(_ description: PackDescription, _ objects: PlacedObjects) throws {
        guard var known = packs[description.name] else {
            order.append(description.name)
            packs[description.name] = ExpectedPack(description: description, objects: [objects])
            return
        }
        guard known.description == description else {
            throw SnapError(
                .damaged, "\(description.storeName): two segments describe it differently")
        }
        known.objects.append(objects)
        packs[description.name] = known
    }
}

extension IndexSegment {
    /// Checks all of the segment and adds what it says to `expected`; throws `.damaged`. `progress`
    /// is called now and then.
    func check(
        _ store: any Store, _ expected: inout ExpectedPacks, progress: () throws -> Void
    ) throws {
        let path = Self.storeName(name)
        guard try store.open(path).digest() == name else {
            throw SnapError(.damaged, "\(path): the content is not what the name says")
        }
        var descriptions: [PackDescription] = []
        try forEachPack { descriptions.append($0) }
        var objects = [PlacedObjects](repeating: PlacedObjects(), count: descriptions.count)
        var slot = 0
        var count = 0
        try forEachEntry { entry in
            if count % 65536 == 0 { try progress() }
            try checkFanOut(from: &slot, to: header.slot(of: entry.id), count)
            count += 1
            guard entry.pack < descriptions.count,
                Self.fits(entry, descriptions[Int(entry.pack)])
            else {
                throw SnapError(
                    .damaged, "\(path): object \(entry.id.hex.prefix(16)) lies outside its pack")
            }
            objects[Int(entry.pack)].add(
                entry.id, entry.record, offset: entry.offset, length: entry.length)
        }
        try checkFanOut(from: &slot, to: header.fanOutCount, count)
        for (description, objects) in zip(descriptions, objects) {
            try expected.add(description, objects)
        }
    }

    /// The slots from `slot` on that end before the next entry, the `count`-th.
    private func checkFanOut(from slot: inout Int, to next: Int, _ count: Int) throws {
        while slot < next {
            guard try fanOutSlot(slot) == count else {
                throw SnapError(.damaged, "\(Self.storeName(name)): bad fan-out")
            }
            slot += 1
        }
    }

    private static func fits(_ entry: IndexEntry, _ pack: PackDescription) -> Bool {
        Int(entry.record.offset) >= ContainerHeader.size
            && UInt64(entry.record.offset) + UInt64(entry.record.size) <= UInt64(pack.fileSize)
            && Int(entry.record.size) >= SealingKey.tagSize + RecordHead.size
            && Int(entry.offset) + Int(entry.length) <= RecordHead.rawSizeMax
    }
}

extension StoreFile {
    /// Bytes that are read and hashed at once: they stay in the processor's cache from one to the
    /// other.
    private static var digestBlock: Int { 256 << 10 }

    /// The SHA-256 of the file. `progress` is called with the number of bytes, block by block.
    func digest(progress: (Int) throws -> Void = { _ in }) throws -> ObjectID {
        let hash = try SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(max(size, 1), Self.digestBlock), alignment: 4096)
        defer { buffer.deallocate() }
        expectSequentialReading()
        var offset = 0
        while offset < size {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<min(buffer.count, size - offset)])
            try read(at: offset, into: part)
            try hash.update(UnsafeRawBufferPointer(part))
            offset += part.count
            try progress(part.count)
        }
        return try hash.finish()
    }
}
