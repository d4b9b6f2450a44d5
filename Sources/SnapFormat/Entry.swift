// SPDX-License-Identifier: MIT

import SnapBase

/// A point in time as file systems keep it.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970 UTC, negative before.
    package var seconds: Int64
    /// 0..<1,000,000,000.
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool {
        (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
    }
}

/// What a directory entry says besides its name, content and extension.
/// See snapfs-format(5), Directories, for each field.
package struct Attributes: Sendable, Equatable {
    package enum Kind: Sendable {
        case regular, directory, symlink, fifo, socket, characterDevice, blockDevice
    }

    /// st_mode: type and permission bits.
    package var mode: UInt16
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    package var mtime = Timestamp(seconds: 0)
    package var ctime = Timestamp(seconds: 0)
    /// Content or link target bytes; for a directory the bytes of all files below.
    package var size: UInt64 = 0
    /// For a directory the entries below; for a device its number, major << 32 | minor.
    package var count: UInt64 = 0
    package var inode: UInt64 = 0
    package var links: UInt32 = 1
    package var changedWhileRead = false
    /// 0 where the link count is 1.
    package var linkGroup: UInt64 = 0
    /// Bytes of storage at the source.
    package var allocated: UInt64 = 0

    package init(mode: UInt16) { self.mode = mode }

    /// nil for a type that Linux does not have.
    package var kind: Kind? {
        switch mode & 0o170000 {
        case 0o100000: .regular
        case 0o040000: .directory
        case 0o120000: .symlink
        case 0o010000: .fifo
        case 0o140000: .socket
        case 0o020000: .characterDevice
        case 0o060000: .blockDevice
        default: nil
        }
    }

    package var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    package var isRegular: Bool { mode & 0o170000 == 0o100000 }
    package var isSymlink: Bool { mode & 0o170000 == 0o120000 }

    var flags: UInt8 { changedWhileRead ? 1 : 0 }
}

/// Where the content of an entry is.
package enum Content: Sendable, Equatable {
    case none
    case inline([UInt8])
    case chunk(ObjectID)
    case extents([Extent])
    case list(ObjectID)
    case directory(ObjectID)

    var code: UInt8 {
        switch self {
        case .none: 0
        case .inline: 1
        case .chunk: 2
        case .extents: 3
        case .list: 4
        case .directory: 5
        }
    }

    package static let inlineMax = 512
}

/// An extended attribute.
package struct ExtendedAttribute: Sendable, Equatable {
    package var name: [UInt8]
    package var value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Runs longer than this are objects of their own.
    package static let inlineMax = 2048
    /// A longer run is refused: the limit of one object.
    package static let runMax = 4 << 20

    package static func encode(_ attributes: [ExtendedAttribute]) -> [UInt8] {
        var writer = ByteWriter()
        for attribute in attributes.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            writer.u16(UInt16(attribute.name.count))
            writer.u32(UInt32(attribute.value.count))
            writer.append(attribute.name)
            writer.append(attribute.value)
        }
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws -> [ExtendedAttribute] {
        var reader = ByteReader(bytes, name: "extended attributes")
        var attributes: [ExtendedAttribute] = []
        while reader.remaining > 0 {
            let nameLength = try reader.u16()
            let valueLength = try reader.u32()
            let name = try reader.take(Int(nameLength))
            guard !name.isEmpty, !name.contains(0) else { throw reader.damaged("bad name") }
            if let last = attributes.last, !last.name.lexicographicallyPrecedes(name) {
                throw reader.damaged("names out of order")
            }
            attributes.append(
                ExtendedAttribute(name: name, value: try reader.take(Int(valueLength))))
        }
        return attributes
    }
}

/// The extended attributes of an entry, as the entry keeps them.
package enum ExtendedAttributes: Sendable, Equatable {
    case none
    /// The encoded run.
    case inline([UInt8])
    /// The encoded run in a data object.
    case object(ObjectID, length: UInt32)
}

/// One entry of a directory.
package struct Entry: Sendable, Equatable {
    /// Bytes as the file system has them; empty only for the root in a manifest.
    package var name: [UInt8]
    package var attributes: Attributes
    package var content: Content = .none
    package var target: [UInt8] = []
    package var xattrs: ExtendedAttributes = .none

    package init(name: [UInt8], attributes: Attributes) {
        self.name = name
        self.attributes = attributes
    }

    /// Entries below and including this one.
    package var weight: UInt64 { 1 + (attributes.isDirectory ? attributes.count : 0) }
    /// Bytes of files at and below it.
    package var byteWeight: UInt64 {
        attributes.isDirectory || attributes.isRegular ? attributes.size : 0
    }

    var extensionFields: [UInt8] {
        var fields = FieldWriter()
        if case .inline(let bytes) = content { fields.add(1, bytes) }
        if case .extents(let extents) = content { fields.add(2, Extent.encode(extents)) }
        if !target.isEmpty { fields.add(3, target) }
        switch xattrs {
        case .none: break
        case .inline(let run): fields.add(4, run)
        case .object(let id, let length):
            var value = ByteWriter(capacity: 36)
            value.u32(length)
            value.append(id)
            fields.add(5, value.bytes)
        }
        return fields.bytes
    }
}

/// Whether bytes may name an entry: neither empty, "." nor "..", without slash and zero.
package func isValidName(_ name: UnsafeRawBufferPointer) -> Bool {
    if name.isEmpty || name.count > 255 { return false }
    if name[0] == 0x2e && (name.count == 1 || (name.count == 2 && name[1] == 0x2e)) { return false }
    for byte in name where byte == 0 || byte == 0x2f { return false }
    return true
}
