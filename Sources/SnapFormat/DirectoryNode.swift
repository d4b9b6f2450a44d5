// SPDX-License-Identifier: MIT
//
// A node of a directory, decoded in place: checked once as a whole, then read by offset. A lookup
// is a binary search over the records, a listing one pass. See snapfs-format(5), Directories.

import Glibc
import SnapBase

/// An immutable decoded node. Thread-safe.
package final class DirectoryNode: Sendable {
    package static let sizeMax = 1 << 20
    package static let headerSize = 32
    package static let leafRecordSize = 128
    package static let indexRecordSize = 64
    package static let levelMax: UInt8 = 8

    private let bytes: [UInt8]
    package let level: UInt8
    package let count: Int
    /// Entries under this node, all levels of directories.
    package let entriesBelow: UInt64
    package let bytesBelow: UInt64
    /// Entries of the directory itself under this node.
    package let entries: UInt64
    /// Rank of each record's first entry relative to the first entry of this node, plus the total.
    private let ranks: [UInt64]

    /// Checks every bound, the order of names and the sums. `root` admits the one empty name.
    package init(_ bytes: [UInt8], root: Bool = false) throws {
        var reader = ByteReader(bytes, name: "directory node")
        guard bytes.count <= Self.sizeMax else { throw reader.damaged("is too large") }
        level = try reader.u8()
        try reader.zeros(3)
        count = Int(try reader.u32())
        entriesBelow = try reader.u64()
        bytesBelow = try reader.u64()
        try reader.zeros(8)
        let size = level == 0 ? Self.leafRecordSize : Self.indexRecordSize
        guard level <= Self.levelMax, reader.remaining / size >= count, count > 0
        else { throw reader.damaged("level or count out of range") }
        self.bytes = bytes
        var ranks = [UInt64]()
        ranks.reserveCapacity(count + 1)
        var entries: UInt64 = 0
        var total: UInt64 = 0
        var own: UInt64 = 0
        for index in 0..<count {
            ranks.append(entries)
            let weight = try Self.check(bytes, level, index, count: count, root: root)
            own &+= weight.own
            let (sum, over) = entries.addingReportingOverflow(weight.entries)
            let (sumBytes, overBytes) = total.addingReportingOverflow(weight.bytes)
            guard !over, !overBytes, sum < 1 << 40, weight.own <= weight.entries else {
                throw reader.damaged("counts out of range")
            }
            entries = sum
            total = sumBytes
        }
        ranks.append(entries)
        guard entries == entriesBelow, total == bytesBelow else {
            throw reader.damaged("counts do not add up")
        }
        self.ranks = ranks
        self.entries = own
    }

    /// Bytes of memory that it takes.
    package var memory: Int { bytes.count + 8 * ranks.count + 128 }

    // MARK: Reading

    @inline(__always)
    private func field<I: FixedWidthInteger>(_ offset: Int, _ type: I.Type) -> I {
        bytes.withUnsafeBytes {
            I(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: I.self))
        }
    }

    private func start(_ index: Int) -> Int {
        precondition(index >= 0 && index < count)
        return Self.headerSize
            + index * (level == 0 ? Self.leafRecordSize : Self.indexRecordSize)
    }

    /// The name of a leaf record, or the first name below an index record.
    package func withName<R>(at index: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows
        -> R
    {
        let record = start(index)
        let offset = Int(field(record, UInt32.self))
        let length = Int(field(record + 4, UInt16.self))
        return try bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + length]))
        }
    }

    /// Whether a record has the same name as one of another node.
    package func hasName(at index: Int, of other: DirectoryNode, at otherIndex: Int) -> Bool {
        withName(at: index) { a in other.withName(at: otherIndex) { compareNames(a, $0) == 0 } }
    }

    package func name(at index: Int) -> [UInt8] { withName(at: index) { Array($0) } }

    /// Preorder rank of record index's first entry, relative to this node's first; index may be
    /// count.
    package func rank(at index: Int) -> UInt64 { ranks[index] }

    /// The record that holds the entry of a relative rank below entriesBelow.
    package func index(ofRank rank: UInt64) -> Int {
        precondition(rank < entriesBelow)
        var low = 0
        var high = count
        while high - low > 1 {
            let middle = (low + high) / 2
            if ranks[middle] <= rank { low = middle } else { high = middle }
        }
        return low
    }

    /// Index of the last record whose name is not greater; nil when all are greater. `exact` tells
    /// whether it is equal.
    package func search(_ name: UnsafeRawBufferPointer) -> (index: Int, exact: Bool)? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let order = withName(at: middle) { compareNames($0, name) }
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : (low - 1, false)
    }

    /// The child of an index record and how many entries it holds directly.
    package func child(at index: Int) -> (id: ObjectID, entries: UInt64) {
        precondition(level > 0)
        let record = start(index)
        return (objectID(record + 32), field(record + 8, UInt64.self))
    }

    /// Bytes of the files under the child of an index record.
    package func childBytes(at index: Int) -> UInt64 {
        precondition(level > 0)
        return field(start(index) + 24, UInt64.self)
    }

    private func objectID(_ offset: Int) -> ObjectID {
        bytes.withUnsafeBytes { ObjectID($0, at: offset) }
    }

    package func attributes(at index: Int) -> Attributes {
        precondition(level == 0)
        let r = start(index)
        var attributes = Attributes(mode: field(r + 6, UInt16.self))
        attributes.uid = field(r + 8, UInt32.self)
        attributes.gid = field(r + 12, UInt32.self)
        attributes.mtime = Timestamp(
            seconds: field(r + 16, Int64.self), nanoseconds: field(r + 32, UInt32.self))
        attributes.ctime = Timestamp(
            seconds: field(r + 24, Int64.self), nanoseconds: field(r + 36, UInt32.self))
        attributes.size = field(r + 40, UInt64.self)
        attributes.count = field(r + 48, UInt64.self)
        attributes.inode = field(r + 56, UInt64.self)
        attributes.links = field(r + 64, UInt32.self)
        let flags = field(r + 76, UInt8.self)
        attributes.changedWhileRead = flags & 1 != 0
        attributes.linkGroup = field(r + 80, UInt64.self)
        attributes.allocated = field(r + 88, UInt64.self)
        return attributes
    }

    /// The only chunk, list or directory of a record, without decoding the extension.
    package func reference(at index: Int) -> (code: UInt8, id: ObjectID) {
        let r = start(index)
        return (field(r + 75, UInt8.self), objectID(r + 96))
    }

    /// The chunk and the size of a file that has neither extended attributes nor anything else that
    /// only the whole entry tells; nil for any other record.
    package func plainChunk(at index: Int) -> (id: ObjectID, size: UInt64)? {
        precondition(level == 0)
        let r = start(index)
        // The length of the extension with the code of the content above it.
        guard field(r + 72, UInt32.self) == 2 << 24 else { return nil }
        return (objectID(r + 96), field(r + 40, UInt64.self))
    }

    /// Whether a record carries extended attributes or a link target: whether its extension
    /// matters.
    package func hasExtension(at index: Int) -> Bool {
        field(start(index) + 68, UInt64.self) & 0xff_ffff_0000_0000 != 0
    }

    /// The whole entry; throws `.damaged` when its extension does not fit its type.
    package func entry(at index: Int) throws -> Entry {
        let r = start(index)
        var entry = Entry(name: name(at: index), attributes: attributes(at: index))
        let offset = Int(field(r + 68, UInt32.self))
        let length = Int(field(r + 72, UInt32.self) & 0xff_ffff)
        var fields = try FieldReader(
            Array(bytes[offset..<offset + length]), name: "directory entry", terminated: false)
        let reference = reference(at: index)
        entry.content = try Self.content(reference, &fields, entry.attributes)
        entry.target = try fields.optional(3) ?? []
        if let run = try fields.optional(4) { entry.xattrs = .inline(run) }
        if let object = try fields.optional(5, count: 36) {
            var reader = ByteReader(object, name: "directory entry")
            let length = try reader.u32()
            entry.xattrs = .object(try reader.objectID(), length: length)
        }
        try fields.finish()
        guard entry.attributes.isSymlink == !entry.target.isEmpty,
            !entry.target.contains(0), entry.target.count <= 65535
        else { throw fields.damaged("a link target in the wrong place") }
        return entry
    }

    private static func content(
        _ reference: (code: UInt8, id: ObjectID), _ fields: inout FieldReader,
        _ attributes: Attributes
    ) throws -> Content {
        let inline = try fields.optional(1)
        let extents = try fields.optional(2)
        guard inline == nil || reference.code == 1, extents == nil || reference.code == 3 else {
            throw fields.damaged("content in two places")
        }
        switch reference.code {
        case 0: return .none
        case 1:
            guard let inline, UInt64(inline.count) == attributes.size,
                inline.count <= Content.inlineMax
            else {
                throw fields.damaged("inline content of the wrong size")
            }
            return .inline(inline)
        case 2: return .chunk(reference.id)
        case 3:
            guard let extents, extents.count % Extent.size == 0,
                extents.count <= Extent.inlineMax * Extent.size
            else {
                throw fields.damaged("extents are missing or too many")
            }
            var reader = ByteReader(extents, name: "extents")
            let list = try Extent.decode(&reader, count: extents.count / Extent.size, from: 0)
            guard list.last?.end == attributes.size else {
                throw fields.damaged("extents do not end at the size")
            }
            return .extents(list)
        case 4: return .list(reference.id)
        default: return .directory(reference.id)
        }
    }

    // MARK: Checking

    private static func check(
        _ bytes: [UInt8], _ level: UInt8, _ index: Int, count: Int, root: Bool
    ) throws -> (own: UInt64, entries: UInt64, bytes: UInt64) {
        let size = level == 0 ? leafRecordSize : indexRecordSize
        let heap = headerSize + count * size
        let record = headerSize + index * size
        func damaged(_ problem: String) -> SnapError {
            SnapError(.damaged, "directory node: record \(index): \(problem)")
        }
        return try bytes.withUnsafeBytes { all in
            func at<I: FixedWidthInteger>(_ offset: Int, _ type: I.Type) -> I {
                I(littleEndian: all.loadUnaligned(fromByteOffset: record + offset, as: I.self))
            }
            func name(_ start: Int) -> UnsafeRawBufferPointer? {
                let offset = Int(
                    UInt32(
                        littleEndian: all.loadUnaligned(
                            fromByteOffset: start, as: UInt32.self)))
                let length = Int(
                    UInt16(
                        littleEndian: all.loadUnaligned(
                            fromByteOffset: start + 4, as: UInt16.self)))
                guard offset >= heap, offset + length <= all.count else { return nil }
                return UnsafeRawBufferPointer(rebasing: all[offset..<offset + length])
            }
            guard let own = name(record), root ? own.isEmpty : isValidName(own) else {
                throw damaged("bad name")
            }
            if index > 0, compareNames(name(record - size)!, own) >= 0 {
                throw damaged("names out of order")
            }
            if level > 0 {
                guard at(6, UInt16.self) == 0 else { throw damaged("a reserved byte is not zero") }
                return (at(8, UInt64.self), at(16, UInt64.self), at(24, UInt64.self))
            }
            let extent = (Int(at(68, UInt32.self)), Int(at(72, UInt32.self) & 0xff_ffff))
            guard extent.1 == 0 || extent.0 >= heap, extent.0 + extent.1 <= all.count else {
                throw damaged("extension out of bounds")
            }
            let attributes = Attributes(mode: at(6, UInt16.self))
            guard let kind = attributes.kind, at(75, UInt8.self) <= 5, at(76, UInt8.self) <= 1,
                at(77, UInt16.self) == 0, at(79, UInt8.self) == 0,
                at(32, UInt32.self) < 1_000_000_000, at(36, UInt32.self) < 1_000_000_000,
                at(40, UInt64.self) <= UInt64(Int64.max), at(80, UInt64.self) < 1 << 61
            else { throw damaged("a field is out of range") }
            let code = at(75, UInt8.self)
            guard code == 0 || (kind == .directory) == (code == 5),
                code == 0 || code == 5 || kind == .regular
            else { throw damaged("content of the wrong kind") }
            switch kind {
            case .directory:
                let entries = at(48, UInt64.self)
                guard (entries == 0) == (code == 0), entries < 1 << 40 else {
                    throw damaged("counts of a directory")
                }
                return (1, 1 + entries, at(40, UInt64.self))
            case .regular:
                guard (at(40, UInt64.self) == 0) == (code == 0) else {
                    throw damaged("content of an empty file")
                }
                return (1, 1, at(40, UInt64.self))
            default: return (1, 1, 0)
            }
        }
    }
}

/// -1, 0 or 1: unsigned bytes, shorter first.
package func compareNames(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int32 {
    let common = min(a.count, b.count)
    if common > 0 {
        let order = memcmp(a.baseAddress!, b.baseAddress!, common)
        if order != 0 { return order < 0 ? -1 : 1 }
    }
    return a.count == b.count ? 0 : (a.count < b.count ? -1 : 1)
}
