// SPDX-License-Identifier: MIT
//
// File content as a list of extents, and the nodes of long lists.
// See snapfs-format(5), Extents.

import SnapBase

/// A run of a file's bytes: a part of a data object, or a hole.
package struct Extent: Sendable, Equatable {
    package static let size = 48
    /// Files with more extents keep them in list objects.
    package static let inlineMax = 16

    /// Offset in the file at which it ends.
    package var end: UInt64
    /// Offset in the object at which it begins.
    package var offset: UInt32
    /// nil for a hole.
    package var id: ObjectID?

    package init(end: UInt64, offset: UInt32 = 0, id: ObjectID?) {
        self.end = end
        self.offset = offset
        self.id = id
    }

    package static func encode(_ extents: some Sequence<Extent>, into writer: inout ByteWriter) {
        for extent in extents {
            writer.u64(extent.end)
            writer.u32(extent.offset)
            writer.u32(extent.id == nil ? 1 : 0)
            writer.append(extent.id ?? .zero)
        }
    }

    package static func encode(_ extents: [Extent]) -> [UInt8] {
        var writer = ByteWriter(capacity: extents.count * size)
        encode(extents, into: &writer)
        return writer.bytes
    }

    /// Decodes count extents that begin at `start` of the file.
    package static func decode(
        _ reader: inout ByteReader, count: Int, from start: UInt64
    ) throws -> [Extent] {
        var extents: [Extent] = []
        var before = start
        for _ in 0..<count {
            let end = try reader.u64()
            let offset = try reader.u32()
            let flags = try reader.u32()
            let id = try reader.objectID()
            guard end > before, end <= UInt64(Int64.max) else {
                throw reader.damaged("extents out of order")
            }
            switch flags {
            case 0: extents.append(Extent(end: end, offset: offset, id: id))
            case 1:
                guard offset == 0, id == .zero else { throw reader.damaged("a hole with content") }
                extents.append(Extent(end: end, id: nil))
            default:
                throw SnapError(
                    .unsupported, "\(reader.name): unknown kind of extent; update snapfs")
            }
            before = end
        }
        return extents
    }
}

/// A node of a long list: extents, or the nodes one level below.
package struct ListNode: Sendable, Equatable {
    package static let levelMax = 8
    package static let countMax = 8192
    /// Writers cut between these counts where an id ends in 9 zero bits.
    package static let cutMin = 128
    package static let cutMax = 1024

    package var level: UInt8
    /// Above level 0: end of the last extent below, and the id of the child.
    package var extents: [Extent]

    package init(level: UInt8, extents: [Extent]) {
        self.level = level
        self.extents = extents
    }

    package static func cuts(after id: ObjectID?, count: Int) -> Bool {
        count >= cutMax || (count >= cutMin && (id?.words.3 ?? 1) & 511 == 0)
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16 + extents.count * Extent.size)
        writer.append([level, 0, 0, 0])
        writer.u32(UInt32(extents.count))
        writer.u64(0)
        Extent.encode(extents, into: &writer)
        return writer.bytes
    }

    /// Decodes a node whose first byte stands at `start` of the file.
    package init(_ bytes: [UInt8], from start: UInt64) throws {
        var reader = ByteReader(bytes, name: "list node")
        level = try reader.u8()
        try reader.zeros(3)
        let count = Int(try reader.u32())
        try reader.zeros(8)
        guard level <= Self.levelMax, (1...Self.countMax).contains(count),
            reader.remaining == count * Extent.size
        else { throw reader.damaged("level or count out of range") }
        extents = try Extent.decode(&reader, count: count, from: start)
        if level > 0, extents.contains(where: { $0.id == nil || $0.offset != 0 }) {
            throw reader.damaged("a hole among nodes")
        }
    }
}
