// SPDX-License-Identifier: MIT
//
// The bytes of a pack around its records: record heads, the trailer with both tables, the footer
// and the padding. See snapfs-format(5), PACKS.

import SnapBase

/// The four bytes before a record's content.
package struct RecordHead: Sendable {
    package enum Codec: UInt8, Sendable {
        case stored = 0
        case zstd = 1
    }

    package static let size = 4
    /// No record is larger once decompressed.
    package static let rawSizeMax = 4 << 20
    /// Small objects share a record up to this many bytes.
    package static let groupSize = 512 << 10

    package var rawSize: Int
    package var codec: Codec

    package init(rawSize: Int, codec: Codec) {
        precondition(rawSize <= Self.rawSizeMax)
        self.rawSize = rawSize
        self.codec = codec
    }

    package init(_ plain: UnsafeRawBufferPointer, name: String) throws {
        guard plain.count >= Self.size else {
            throw SnapError(.damaged, "\(name): a record without a head")
        }
        let word = UInt32(littleEndian: plain.loadUnaligned(as: UInt32.self))
        rawSize = Int(word & 0xff_ffff)
        guard let codec = Codec(rawValue: UInt8(word >> 24)) else {
            throw SnapError(.unsupported, "\(name): unknown codec \(word >> 24); update snapfs")
        }
        self.codec = codec
        guard rawSize <= Self.rawSizeMax else {
            throw SnapError(.damaged, "\(name): a record of \(rawSize) bytes")
        }
    }

    package var word: UInt32 { UInt32(rawSize) | UInt32(codec.rawValue) << 24 }
}

/// A record's place in its pack file.
package struct RecordPlace: Sendable, Hashable {
    package var offset: UInt32
    /// With the tag.
    package var size: UInt32

    package init(offset: UInt32, size: UInt32) {
        self.offset = offset
        self.size = size
    }
}

/// An object's place within the records of its pack.
package struct PackedObject: Sendable {
    package var id: ObjectID
    package var kind: ObjectKind
    /// Number of the record in the trailer's table.
    package var record: UInt32
    package var offset: UInt32
    package var length: UInt32

    package init(id: ObjectID, kind: ObjectKind, record: UInt32, offset: UInt32, length: UInt32) {
        self.id = id
        self.kind = kind
        self.record = record
        self.offset = offset
        self.length = length
    }
}

package struct PackTrailer: Sendable {
    package static let footerSize = 32
    /// A pack closes when its records reach this size.
    package static let packSizeTarget = 32 << 20
    package static let packSizeMax = 1 << 30
    /// A pack closes when it holds so many objects.
    package static let objectsTarget = 256 << 10
    /// A trailer is read whole; with its padding it is never larger.
    package static let trailerSizeMax = 64 << 20

    package var records: [RecordPlace]
    package var objects: [PackedObject]

    package init(records: [RecordPlace] = [], objects: [PackedObject] = []) {
        self.records = records
        self.objects = objects
    }

    private var size: Int { 16 + records.count * 8 + objects.count * 48 }

    /// The size of a pack file of `size` bytes with its padding.
    package static func padded(_ size: Int) -> Int {
        let step = max(4096, 1 << max(0, Int.bitWidth - 1 - size.leadingZeroBitCount - 7))
        return (size + step - 1) / step * step
    }

    /// The trailer's plain bytes with the padding that brings a pack whose records end at `end` to
    /// its padded size; `tag` is what sealing adds.
    package func bytes(recordsEnd end: Int, tag: Int) -> [UInt8] {
        let file = Self.padded(end + size + tag + Self.footerSize)
        var writer = ByteWriter(capacity: file - end)
        writer.u32(UInt32(records.count))
        writer.u32(UInt32(objects.count))
        writer.u64(0)
        for record in records {
            writer.u32(record.offset)
            writer.u32(record.size)
        }
        for object in objects {
            writer.append(object.id)
            writer.u32(object.record)
            writer.u32(object.offset)
            writer.u32(object.length)
            writer.append([object.kind.rawValue, 0, 0, 0])
        }
        writer.zeros(file - end - tag - Self.footerSize - size)
        return writer.bytes
    }

    package init(_ plain: [UInt8], name: String) throws {
        var reader = ByteReader(plain, name: name)
        let recordCount = Int(try reader.u32())
        let objectCount = Int(try reader.u32())
        try reader.zeros(8)
        guard recordCount * 8 + objectCount * 48 <= reader.remaining else {
            throw reader.damaged("tables run past the trailer")
        }
        records = []
        objects = []
        records.reserveCapacity(recordCount)
        objects.reserveCapacity(objectCount)
        for _ in 0..<recordCount {
            records.append(RecordPlace(offset: try reader.u32(), size: try reader.u32()))
        }
        for _ in 0..<objectCount {
            let id = try reader.objectID()
            let record = try reader.u32()
            let offset = try reader.u32()
            let length = try reader.u32()
            guard let kind = ObjectKind(rawValue: try reader.u8()) else {
                throw reader.damaged("unknown kind of object")
            }
            try reader.zeros(3)
            guard record < recordCount, Int(offset) + Int(length) <= RecordHead.rawSizeMax else {
                throw reader.damaged("an object outside the records")
            }
            objects.append(
                PackedObject(id: id, kind: kind, record: record, offset: offset, length: length))
        }
        try reader.zeros(reader.remaining)
    }

    package static func footer(trailerOffset: Int, trailerSize: Int) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.u64(UInt64(trailerOffset))
        writer.u64(UInt64(trailerSize))
        return writer.bytes
    }

    /// Where the trailer is, from the opened footer of a pack of `fileSize` bytes.
    package static func place(footer: [UInt8], fileSize: Int, name: String) throws -> Range<Int> {
        var reader = ByteReader(footer, name: name)
        let offset = try reader.u64()
        let size = try reader.u64()
        guard offset >= UInt64(ContainerHeader.size), offset < UInt64(fileSize),
            size >= 32, size <= UInt64(trailerSizeMax),
            Int(offset) + Int(size) == fileSize - footerSize
        else { throw reader.damaged("the trailer is not before the footer") }
        return Int(offset)..<Int(offset) + Int(size)
    }
}
