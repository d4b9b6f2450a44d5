// SPDX-License-Identifier: MIT

/// Builds little-endian structures; the counterpart of ByteReader.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package var count: Int { bytes.count }

    @inline(__always)
    package mutating func integer<I: FixedWidthInteger>(_ value: I) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func u8(_ value: UInt8) { bytes.append(value) }
    /// Three bytes; the caller guarantees that the value fits.
    package mutating func u24(_ value: UInt32) {
        precondition(value < 1 << 24)
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
    }
    package mutating func u16(_ value: UInt16) { integer(value) }
    package mutating func u32(_ value: UInt32) { integer(value) }
    package mutating func u64(_ value: UInt64) { integer(value) }
    package mutating func i64(_ value: Int64) { integer(value) }
    package mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }
    package mutating func append(_ id: ObjectID) {
        integer(id.words.0.byteSwapped)
        integer(id.words.1.byteSwapped)
        integer(id.words.2.byteSwapped)
        integer(id.words.3.byteSwapped)
    }

    package mutating func zeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Zeros up to the next multiple of size.
    package mutating func pad(to size: Int) { zeros((size - bytes.count % size) % size) }
}
