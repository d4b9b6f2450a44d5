// SPDX-License-Identifier: MIT

/// The name of an object: HMAC-SHA-256 of its plain bytes under the key of its kind.
/// See snapfs-format(5), OBJECTS.
@usableFromInline
package struct ObjectID: Sendable, Hashable, Comparable {
    /// The 32 bytes as four big-endian words, so that comparing words compares bytes.
    @usableFromInline
    package var words: (UInt64, UInt64, UInt64, UInt64)

    package static let size = 32
    /// All zero: no object has it (a keyed hash of 256 bits never meets it by chance).
    package static let zero = ObjectID(words: (0, 0, 0, 0))

    @inlinable
    package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Reads 32 bytes at offset; the caller guarantees they are there.
    @inlinable @inline(__always)
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
        func word(_ index: Int) -> UInt64 {
            UInt64(
                bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8 * index, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// Takes exactly 32 bytes.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.size)
        self = bytes.withUnsafeBytes { ObjectID($0) }
    }

    package var bytes: [UInt8] {
        var out = [UInt8]()
        out.reserveCapacity(Self.size)
        for word in [words.0, words.1, words.2, words.3] {
            withUnsafeBytes(of: word.bigEndian) { out.append(contentsOf: $0) }
        }
        return out
    }

    /// nil unless text is 64 lower-case hexadecimal digits.
    package init?(hex text: String) {
        guard text.utf8.count == 2 * Self.size, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes)
    }

    /// 64 lower-case hexadecimal digits.
    package var hex: String { Hex.encode(bytes) }

    @inlinable
    package static func == (a: ObjectID, b: ObjectID) -> Bool {
        a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2
            && a.words.3 == b.words.3
    }

    @inlinable
    package static func < (a: ObjectID, b: ObjectID) -> Bool {
        if a.words.0 != b.words.0 { return a.words.0 < b.words.0 }
        if a.words.1 != b.words.1 { return a.words.1 < b.words.1 }
        if a.words.2 != b.words.2 { return a.words.2 < b.words.2 }
        return a.words.3 < b.words.3
    }

    /// One word is enough: ids are uniform.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
