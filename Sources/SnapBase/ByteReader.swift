// SPDX-License-Identifier: MIT
//
// Bounds-checked reading of little-endian fields. A decoder never traps: running past the end, or a
// field outside its range, throws `.damaged` with the structure's name and the offset.

/// A cursor over bytes that it owns. Not thread-safe.
package struct ByteReader {
    package let bytes: [UInt8]
    package private(set) var offset: Int
    /// What is being decoded, for messages: "manifest", "index header".
    package let name: String

    package init(_ bytes: [UInt8], name: String, offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
        self.name = name
    }

    package var remaining: Int { bytes.count - offset }

    package func damaged(_ problem: String) -> SnapError {
        SnapError(.damaged, "\(name): \(problem) at byte \(offset)")
    }

    package mutating func integer<I: FixedWidthInteger>(_ type: I.Type) throws -> I {
        let size = MemoryLayout<I>.size
        guard remaining >= size else { throw damaged("ends early") }
        let value = bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: offset, as: I.self)
        }
        offset += size
        return I(littleEndian: value)
    }

    package mutating func u8() throws -> UInt8 { try integer(UInt8.self) }
    package mutating func u16() throws -> UInt16 { try integer(UInt16.self) }
    package mutating func u32() throws -> UInt32 { try integer(UInt32.self) }
    package mutating func u64() throws -> UInt64 { try integer(UInt64.self) }
    package mutating func i64() throws -> Int64 { try integer(Int64.self) }

    package mutating func take(_ count: Int) throws -> [UInt8] {
        guard count >= 0, remaining >= count else { throw damaged("ends early") }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    package mutating func objectID() throws -> ObjectID {
        guard remaining >= ObjectID.size else { throw damaged("ends early") }
        defer { offset += ObjectID.size }
        return bytes.withUnsafeBytes { ObjectID($0, at: offset) }
    }

    /// Skips count bytes that must all be zero.
    package mutating func zeros(_ count: Int) throws {
        guard remaining >= count else { throw damaged("ends early") }
        for index in offset..<offset + count where bytes[index] != 0 {
            throw damaged("a reserved byte is not zero")
        }
        offset += count
    }

    /// The fixed bytes that open a structure.
    package mutating func expect(_ magic: [UInt8], _ problem: String) throws {
        guard remaining >= magic.count, try take(magic.count) == magic else {
            throw damaged(problem)
        }
    }
}
