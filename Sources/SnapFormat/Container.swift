// SPDX-License-Identifier: MIT
//
// The sealed container: the header of every sealed file, the derivation of its key and the sealing
// of its records. See snapfs-format(5), THE SEALED CONTAINER.

import SnapBase
import SnapCrypto

/// What a sealed file is; part of every record's associated data.
package enum FileKind: UInt8, Sendable {
    case config = 1
    case keyring = 2
    case dataPack = 3
    case metadataPack = 4
    case index = 6
    case session = 7
    case manifest = 8
    case abort = 9
    case note = 10
    case collectionStart = 11
    case collectionEnd = 12
    case audit = 14
    case heartbeat = 15

    package var isPack: Bool { self == .dataPack || self == .metadataPack }

    package var name: String {
        switch self {
        case .config: "config"
        case .keyring: "keyring"
        case .dataPack: "data pack"
        case .metadataPack: "metadata pack"
        case .index: "index segment"
        case .session: "session"
        case .manifest: "manifest"
        case .abort: "abort"
        case .note: "note"
        case .collectionStart: "collection"
        case .collectionEnd: "end of a collection"
        case .audit: "audit record"
        case .heartbeat: "heartbeat"
        }
    }
}

/// Where a record stands in its file; part of its associated data.
package enum RecordRole: UInt8, Sendable {
    case middle = 0
    case last = 1
    case trailer = 2
}

package struct ContainerHeader: Sendable {
    package static let size = 80
    package static let magic = Array("SNF1".utf8)
    /// No sealed file that is read whole is larger: metadata files are a few KiB.
    package static let wholeFileSizeMax = 64 << 20

    package var kind: FileKind
    package var generation: UInt32
    package var salt: [UInt8]
    package var commitment: [UInt8]

    /// Decodes 80 bytes; `.unsupported` for a newer version.
    package init(_ bytes: [UInt8], name: String) throws {
        var reader = ByteReader(bytes, name: name)
        try reader.expect(Self.magic, "is not a sealed file")
        let kind = try reader.u8()
        let version = try reader.u8()
        guard version == 1 else {
            throw SnapError(.unsupported, "\(name): container version \(version); update snapfs")
        }
        guard let kind = FileKind(rawValue: kind) else {
            throw SnapError(.unsupported, "\(name): unknown kind of file \(kind); update snapfs")
        }
        try reader.zeros(2)
        self.kind = kind
        generation = try reader.u32()
        try reader.zeros(4)
        salt = try reader.take(32)
        commitment = try reader.take(32)
    }

    fileprivate init(kind: FileKind, generation: UInt32, salt: [UInt8], commitment: [UInt8]) {
        self.kind = kind
        self.generation = generation
        self.salt = salt
        self.commitment = commitment
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.append(Self.prefix(kind, generation))
        writer.append(salt)
        writer.append(commitment)
        return writer.bytes
    }

    fileprivate static func prefix(_ kind: FileKind, _ generation: UInt32) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.append(magic)
        writer.u8(kind.rawValue)
        writer.u8(1)
        writer.u16(0)
        writer.u32(generation)
        writer.u32(0)
        return writer.bytes
    }
}

/// The key of one sealed file; seals and opens its records. Thread-safe.
package struct FileKey: Sendable {
    package let header: ContainerHeader
    private let key: SealingKey

    /// The key of a file to be written.
    package init(
        kind: FileKind, generation: UInt32, salt: [UInt8], master: Secret, repository: [UInt8]
    ) throws {
        let derived = try Self.derive(kind, generation, salt, master, repository)
        key = derived.key
        header = ContainerHeader(
            kind: kind, generation: generation, salt: salt, commitment: derived.commitment)
    }

    /// The key of a file that exists; throws `.damaged` unless the commitment holds.
    package init(
        _ header: ContainerHeader, kind: FileKind, master: Secret, repository: [UInt8], name: String
    ) throws {
        guard header.kind == kind else {
            throw SnapError(.damaged, "\(name): is a \(header.kind.name), not a \(kind.name)")
        }
        let derived = try Self.derive(
            kind, header.generation, header.salt, master, repository)
        guard equalInConstantTime(derived.commitment, header.commitment) else {
            throw SnapError(.damaged, "\(name): the header fails authentication")
        }
        key = derived.key
        self.header = header
    }

    private static func derive(
        _ kind: FileKind, _ generation: UInt32, _ salt: [UInt8], _ master: Secret,
        _ repository: [UInt8]
    ) throws -> (key: SealingKey, commitment: [UInt8]) {
        let start = repository + ContainerHeader.prefix(kind, generation)
        let prk = try HKDF.extract(salt: salt, from: master)
        let key = try HKDF.expand(prk, info: Array("snapfs1 seal".utf8) + start)
        let commitment = try HKDF.expand(prk, info: Array("snapfs1 commit".utf8) + start)
        return (SealingKey(key), commitment.withBytes { Array($0) })
    }

    private func associated(_ role: RecordRole, _ offset: UInt64, _ storeName: String?) -> [UInt8] {
        var data = [header.kind.rawValue, role.rawValue]
        if offset == ContainerHeader.size, let storeName { data += storeName.utf8 }
        return data
    }

    /// Seals plain as the record at offset. `storeName` is the file's name unless that is its hash.
    package func seal(
        at offset: UInt64, role: RecordRole, storeName: String? = nil,
        _ plain: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) throws {
        try key.seal(
            nonce: offset, associated: associated(role, offset, storeName), plain, into: out)
    }

    /// Opens the record at offset; false where it is not authentic.
    package func open(
        at offset: UInt64, role: RecordRole, storeName: String? = nil,
        _ sealed: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        try key.open(
            nonce: offset, associated: associated(role, offset, storeName), sealed, into: out)
    }

    package func seal(
        at offset: UInt64, role: RecordRole, storeName: String? = nil, _ plain: [UInt8]
    ) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: plain.count + SealingKey.tagSize)
        try plain.withUnsafeBytes { plain in
            try out.withUnsafeMutableBytes {
                try seal(at: offset, role: role, storeName: storeName, plain, into: $0)
            }
        }
        return out
    }

    /// Opens a record as an array; throws `.damaged` where it is not authentic.
    package func open(
        at offset: UInt64, role: RecordRole, storeName: String? = nil, _ sealed: [UInt8],
        name: String
    ) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: max(0, sealed.count - SealingKey.tagSize))
        let authentic = try sealed.withUnsafeBytes { sealed in
            try out.withUnsafeMutableBytes {
                try open(at: offset, role: role, storeName: storeName, sealed, into: $0)
            }
        }
        guard authentic else {
            throw SnapError(
                .damaged, "\(name): the record at byte \(offset) fails authentication")
        }
        return out
    }

    /// A whole file of one record: header and sealed fields.
    package func sealFile(_ plain: [UInt8], storeName: String) throws -> [UInt8] {
        try header.bytes
            + seal(
                at: UInt64(ContainerHeader.size), role: .last, storeName: storeName, plain)
    }

    /// What the record and header of a one-record file add to its fields.
    package static let overhead = ContainerHeader.size + SealingKey.tagSize
}
