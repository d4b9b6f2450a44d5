// SPDX-License-Identifier: MIT
//
// The bytes of an index segment: one stream of sections over sealed pages.
// See snapfs-format(5), INDEX.

import SnapBase
import SnapCrypto

/// Where an object is.
@usableFromInline
package struct IndexEntry: Sendable, Equatable {
    @inlinable package static var size: Int { 48 }

    package var id: ObjectID
    /// Number of the pack in the segment's pack table.
    package var pack: UInt32
    package var record: RecordPlace
    package var offset: UInt32
    package var length: UInt32

    package init(id: ObjectID, pack: UInt32, record: RecordPlace, offset: UInt32, length: UInt32) {
        self.id = id
        self.pack = pack
        self.record = record
        self.offset = offset
        self.length = length
    }

    /// Reads 48 bytes at offset, which the caller guarantees.
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        func u24(_ at: Int) -> UInt32 {
            UInt32(bytes[offset + at]) | UInt32(bytes[offset + at + 1]) << 8
                | UInt32(bytes[offset + at + 2]) << 16
        }
        id = ObjectID(bytes, at: offset)
        pack = u24(32)
        record = RecordPlace(
            offset: UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 35, as: UInt32.self)),
            size: u24(39))
        self.offset = u24(42)
        length = u24(45)
    }

    package func encode(into writer: inout ByteWriter) {
        writer.append(id)
        writer.u24(pack)
        writer.u32(record.offset)
        writer.u24(record.size)
        writer.u24(offset)
        writer.u24(length)
    }
}

/// A pack as the index names it: enough to derive its key without reading it.
package struct PackDescription: Sendable, Hashable {
    package static let size = 80

    package var name: ObjectID
    package var salt: [UInt8]
    package var fileSize: UInt32
    package var generation: UInt32
    package var kind: FileKind

    package init(
        name: ObjectID, salt: [UInt8], fileSize: UInt32, generation: UInt32, kind: FileKind
    ) {
        self.name = name
        self.salt = salt
        self.fileSize = fileSize
        self.generation = generation
        self.kind = kind
    }

    package init(_ reader: inout ByteReader) throws {
        name = try reader.objectID()
        salt = try reader.take(32)
        fileSize = try reader.u32()
        generation = try reader.u32()
        let kind = try reader.u8()
        try reader.zeros(7)
        guard let kind = FileKind(rawValue: kind), kind.isPack else {
            throw SnapError(.unsupported, "\(reader.name): unknown kind of pack; update snapfs")
        }
        self.kind = kind
    }

    /// The directories of packs.
    package static let areas = [FileKind.dataPack, .metadataPack].map { (name: area($0), kind: $0) }

    private static func area(_ kind: FileKind) -> String { kind == .dataPack ? "data" : "meta" }

    /// Whether a directory of this name in one of the areas is for packs.
    package static func isDirectory(_ name: String) -> Bool {
        name.utf8.count == 2 && Hex.decode(name) != nil
    }

    /// The name of the pack in a directory of an area; nil for a foreign one.
    package static func parse(_ name: String, in directory: String) -> ObjectID? {
        name.hasPrefix(directory) ? ObjectID(hex: name) : nil
    }

    package func encode(into writer: inout ByteWriter) {
        writer.append(name)
        writer.append(salt)
        writer.u32(fileSize)
        writer.u32(generation)
        writer.u8(kind.rawValue)
        writer.zeros(7)
    }

    package var packName: PackName { PackName(kind: kind, name: name) }

    /// The pack's path on the store.
    package var storeName: String { Self.storeName(name, kind) }

    package static func storeName(_ name: ObjectID, _ kind: FileKind) -> String {
        let hex = name.hex
        return "\(area(kind))/\(hex.prefix(2))/\(hex)"
    }
}

/// The first section of a segment, and with it the places of the others.
@usableFromInline
package struct IndexHeader: Sendable, Equatable {
    /// Plain bytes of a page; 85 entries, 51 packs, 17 alignment units. With 10 million entries in
    /// 508 MB a lookup in pages of 64 KiB took five times as long, for a file of 506 MB.
    @inlinable package static var pageSize: Int { 4080 }
    package static let sealedPageSize = pageSize + SealingKey.tagSize
    package static let alignment = 240
    package static let fanOutBitsMax: UInt32 = 24
    /// These names are the only part of a segment that is read whole.
    package static let supersededMax = 1 << 16
    /// Entries number packs in 24 bits.
    package static let packsMax = 1 << 24

    package var entryCount: Int
    package var packCount: Int
    package var fanOutBits: UInt32
    package var supersededCount: Int
    package var session: [UInt8]
    /// The newest that the writer saw.
    package var collection: UInt64

    /// Fan-out bits follow from the entry count: about 64 entries a slot.
    package init(
        entryCount: Int, packCount: Int, supersededCount: Int, session: [UInt8],
        collection: UInt64 = 0
    ) {
        self.entryCount = entryCount
        self.packCount = packCount
        self.supersededCount = supersededCount
        self.session = session
        self.collection = collection
        fanOutBits = 0
        while entryCount >> Int(fanOutBits) > 64 && fanOutBits < Self.fanOutBitsMax {
            fanOutBits += 1
        }
    }

    package init(_ bytes: [UInt8], fileSize: Int, name: String) throws {
        var reader = ByteReader(bytes, name: name)
        let entries = try reader.u64()
        packCount = Int(try reader.u32())
        fanOutBits = try reader.u32()
        supersededCount = Int(try reader.u32())
        try reader.zeros(4)
        session = try reader.take(16)
        collection = try reader.u64()
        try reader.zeros(192)
        // Every count is bounded by the file that must hold it.
        guard entries <= UInt64(fileSize / IndexEntry.size), fanOutBits <= Self.fanOutBitsMax,
            packCount <= fileSize / PackDescription.size, packCount < Self.packsMax,
            supersededCount <= Self.supersededMax
        else { throw reader.damaged("counts run past the file") }
        entryCount = Int(entries)
        guard fileSize == Self.fileSize(streamEnd) else {
            throw reader.damaged("the file has \(fileSize) bytes, not what its counts ask for")
        }
    }

    /// The slot of the fan-out that an id falls into.
    package func slot(of id: ObjectID) -> Int {
        fanOutBits == 0 ? 0 : Int(id.words.0 >> UInt64(64 - fanOutBits))
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.alignment)
        writer.u64(UInt64(entryCount))
        writer.u32(UInt32(packCount))
        writer.u32(fanOutBits)
        writer.u32(UInt32(supersededCount))
        writer.u32(0)
        writer.append(session)
        writer.u64(collection)
        writer.pad(to: Self.alignment)
        return writer.bytes
    }

    private static func aligned(_ size: Int) -> Int {
        (size + alignment - 1) / alignment * alignment
    }

    // Offsets in the stream.
    package var packStart: Int { Self.alignment }
    package var fanOutStart: Int {
        packStart + Self.aligned(packCount * PackDescription.size)
    }
    package var fanOutCount: Int { 1 << Int(fanOutBits) }
    package var entryStart: Int { fanOutStart + Self.aligned(4 * fanOutCount) }
    package var supersededStart: Int {
        entryStart + Self.aligned(entryCount * IndexEntry.size)
    }
    package var streamEnd: Int { supersededStart + supersededCount * ObjectID.size }

    /// The size of a segment file whose stream has `stream` bytes.
    package static func fileSize(_ stream: Int) -> Int {
        ContainerHeader.size + (stream + pageSize - 1) / pageSize * sealedPageSize
    }
}
