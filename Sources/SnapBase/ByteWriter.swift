// SPDX-License-Identifier: MIT

/// Builds little-endian structures; the counterpart of ByteReader.
@usableFromInline
package struct ByteWriter {
    @usableFromInline var storage: [UInt8] = []

    package init(capacity: Int = 0) { storage.reserveCapacity(capacity) }

    @inlinable package var bytes: [UInt8] { storage }
    @inlinable package var count: Int { storage.count }

    @inlinable @inline(__always)
    package mutating func integer<I: FixedWidthInteger>(_ value: I) {
        withUnsafeBytes(of: value.littleEndian) { storage.append(contentsOf: $0) }
    }

    package mutating func u8(_ value: UInt8) { storage.append(value) }
    /// Three bytes; the caller guarantees that the value fits.
    package mutating func u24(_ value: UInt32) {
        precondition(value < 1 << 24)
        storage.append(UInt8(truncatingIfNeeded: value))
        storage.append(UInt8(truncatingIfNeeded: value >> 8))
        storage.append(UInt8(truncatingIfNeeded: value >> 16))
    }
    package mutating func u16(_ value: UInt16) { integer(value) }
    package mutating func u32(_ value: UInt32) { integer(value) }
    package mutating func u64(_ value: UInt64) { integer(value) }
    package mutating func i64(_ value: Int64) { integer(value) }
    @inlinable
    package mutating func append(_ more: some Collection<UInt8>) {
        storage.append(contentsOf: more)
    }
    package mutating func append(_ id: ObjectID) {
        let (a, b, c, d) = id.words
        let words = (a.bigEndian, b.bigEndian, c.bigEndian, d.bigEndian)
        withUnsafeBytes(of: words) { storage.append(contentsOf: $0) }
    }

    package mutating func zeros(_ count: Int) {
        storage.append(contentsOf: repeatElement(0, count: count))
    }

    /// Zeros up to the next multiple of size.
    package mutating func pad(to size: Int) { zeros((size - storage.count % size) % size) }
}
