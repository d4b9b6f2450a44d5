// SPDX-License-Identifier: MIT
//
// The extensible structure of manifests, configuration, keyrings and entry extensions.
// See snapfs-format(5), Fields.

import SnapBase

package struct FieldWriter {
    package private(set) var writer = ByteWriter()
    private var last: UInt16 = 0

    package init() {}

    package var bytes: [UInt8] { writer.bytes }

    /// Appends one field; tags come in ascending order.
    package mutating func add(_ tag: UInt16, _ value: some Collection<UInt8>) {
        precondition(tag > 0 && tag >= last)
        last = tag
        writer.u16(tag)
        writer.u16(0)
        writer.u32(UInt32(value.count))
        writer.append(value)
    }

    package mutating func add(_ tag: UInt16, _ text: String) { add(tag, Array(text.utf8)) }

    package mutating func add<I: FixedWidthInteger>(_ tag: UInt16, integer value: I) {
        withUnsafeBytes(of: value.littleEndian) { add(tag, Array($0)) }
    }

    /// The run with its end tag, padded with zeros to a multiple of `multiple` less `less` bytes.
    package func finished(paddedTo multiple: Int, less: Int) -> [UInt8] {
        var out = writer
        out.zeros(8)
        out.zeros((multiple - (out.count + less) % multiple) % multiple)
        return out.bytes
    }
}

/// Decoded fields: each is taken by its tag; what is left over and must not be is an error.
package struct FieldReader {
    private var values: [(tag: UInt16, value: [UInt8])] = []
    private let name: String

    /// Decodes a run. `terminated` runs end with tag 0 and zeros, the others with the bytes.
    package init(_ bytes: [UInt8], name: String, terminated: Bool) throws {
        self.name = name
        var reader = ByteReader(bytes, name: name)
        var last: UInt16 = 0
        while terminated || reader.remaining > 0 {
            let tag = try reader.u16()
            try reader.zeros(2)
            let length = try reader.u32()
            if tag == 0 {
                guard terminated, length == 0 else { throw reader.damaged("stray end tag") }
                try reader.zeros(reader.remaining)
                return
            }
            guard tag >= last else { throw reader.damaged("fields out of order") }
            last = tag
            values.append((tag, try reader.take(Int(length))))
        }
    }

    /// All values of a tag, taken out.
    package mutating func list(_ tag: UInt16) -> [[UInt8]] {
        // Most entries of directories have none.
        if values.isEmpty { return [] }
        let found = values.filter { $0.tag == tag }.map(\.value)
        if !found.isEmpty { values.removeAll { $0.tag == tag } }
        return found
    }

    /// The only value of a tag, nil where it is absent.
    package mutating func optional(_ tag: UInt16, count: Int? = nil) throws -> [UInt8]? {
        let found = list(tag)
        guard found.count <= 1 else { throw damaged("field \(tag) is repeated") }
        if let value = found.first, let count, value.count != count {
            throw damaged("field \(tag) has \(value.count) bytes instead of \(count)")
        }
        return found.first
    }

    package mutating func required(_ tag: UInt16, count: Int? = nil) throws -> [UInt8] {
        guard let value = try optional(tag, count: count) else {
            throw damaged("field \(tag) is missing")
        }
        return value
    }

    package mutating func integer<I: FixedWidthInteger>(_ tag: UInt16, _ type: I.Type) throws -> I {
        var reader = ByteReader(try required(tag, count: MemoryLayout<I>.size), name: name)
        return try reader.integer(type)
    }

    package mutating func optionalInteger<I: FixedWidthInteger>(
        _ tag: UInt16, _ type: I.Type
    ) throws -> I? {
        guard let value = try optional(tag, count: MemoryLayout<I>.size) else { return nil }
        var reader = ByteReader(value, name: name)
        return try reader.integer(type)
    }

    /// A field that is a run of items of `size` bytes.
    package mutating func items(_ tag: UInt16, size: Int) throws -> [[UInt8]] {
        let value = try required(tag)
        guard value.count % size == 0 else {
            throw damaged("field \(tag) is not made of items of \(size) bytes")
        }
        return stride(from: 0, to: value.count, by: size).map { Array(value[$0..<$0 + size]) }
    }

    package mutating func objectIDs(_ tag: UInt16) throws -> [ObjectID] {
        try items(tag, size: ObjectID.size).map { ObjectID($0) }
    }

    package mutating func text(_ tag: UInt16) throws -> String {
        String(decoding: try optional(tag) ?? [], as: UTF8.self)
    }

    /// Ends the decoding: an unknown field below 0x8000 is an error.
    package func finish() throws {
        if let unknown = values.first(where: { $0.tag < 0x8000 }) {
            throw SnapError(
                .unsupported,
                "\(name): field \(unknown.tag) is of a newer version of the format; "
                    + "update snapfs")
        }
    }

    package func damaged(_ problem: String) -> SnapError {
        SnapError(.damaged, "\(name): \(problem)")
    }
}
