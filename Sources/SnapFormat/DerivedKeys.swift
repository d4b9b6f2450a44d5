// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto

/// The kinds of objects; each has an id key of its own, so that none can stand in for another.
package enum ObjectKind: UInt8, Sendable {
    case data = 1
    case list = 2
    case directory = 3

    var label: String {
        switch self {
        case .data: "snapfs1 id data"
        case .list: "snapfs1 id list"
        case .directory: "snapfs1 id directory"
        }
    }

    /// Data lives in packs apart from the metadata.
    package var packKind: FileKind { self == .data ? .dataPack : .metadataPack }
}

/// Every key that comes from generation 0. See snapfs-format(5), Derived keys.
package struct DerivedKeys: Sendable {
    package let chunker: Secret
    private let data, list, directory, split, inode, salt: KeyedHash

    package init(master: Secret) throws {
        func key(_ label: String) throws -> Secret {
            try HKDF.expand(master, info: Array(label.utf8))
        }
        data = KeyedHash(key: try key(ObjectKind.data.label))
        list = KeyedHash(key: try key(ObjectKind.list.label))
        directory = KeyedHash(key: try key(ObjectKind.directory.label))
        chunker = try key("snapfs1 chunker")
        split = KeyedHash(key: try key("snapfs1 split"))
        inode = KeyedHash(key: try key("snapfs1 inode"))
        salt = KeyedHash(key: try key("snapfs1 salt"))
    }

    /// The id of an object's plain bytes.
    package func id(_ kind: ObjectKind, _ bytes: UnsafeRawBufferPointer) throws -> ObjectID {
        switch kind {
        case .data: try data.code(bytes)
        case .list: try list.code(bytes)
        case .directory: try directory.code(bytes)
        }
    }

    package func id(_ kind: ObjectKind, _ bytes: [UInt8]) throws -> ObjectID {
        try bytes.withUnsafeBytes { try id(kind, $0) }
    }

    /// The two numbers that decide where directories are cut.
    package func splitCode(name: [UInt8]) throws -> (leaf: UInt16, index: UInt16) {
        let code = try split.code(name).bytes
        return (
            UInt16(code[0]) | UInt16(code[1]) << 8, UInt16(code[2]) | UInt16(code[3]) << 8
        )
    }

    /// The hard link group of a file at the source, in 1..<2^61.
    package func linkGroup(device: UInt64, inode number: UInt64) throws -> UInt64 {
        var writer = ByteWriter(capacity: 16)
        writer.u64(device)
        writer.u64(number)
        let code = try inode.code(writer.bytes).words.0.byteSwapped
        let group = code & ((1 << 61) - 1)
        return group == 0 ? 1 : group
    }

    /// The salt of a file that a session writes; `random` is 32 bytes.
    package func salt(session: [UInt8], counter: UInt64, random: [UInt8]) throws -> [UInt8] {
        var writer = ByteWriter(capacity: 56)
        writer.append(session)
        writer.u64(counter)
        writer.append(random)
        return try salt.code(writer.bytes).bytes
    }
}
