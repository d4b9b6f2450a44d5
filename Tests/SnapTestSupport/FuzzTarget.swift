// SPDX-License-Identifier: MIT
//
// What the fuzzers feed and the corpus test replays: bytes into a decoder. What is encrypted is fed
// before its sealing, so that the fuzzer gets behind the authentication, as who holds a key would.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository

package enum FuzzTarget: String, CaseIterable, Sendable {
    case fields, container, slot, marker, configuration, session, heartbeat, abort, note, audit,
        list,
        xattrs, directory, root
    case record, trailer, footer, manifest
    case collectionStart = "collection-start"
    case collectionEnd = "collection-end"
    case packDescription = "pack-description"
    case indexHeader = "index-header"
    /// The fields inside a keyring.
    case keyring
    /// The stream inside an index segment, with lookups of everything in it.
    case index

    /// Larger inputs show nothing new and cost time.
    package static let sizeMax = 16 << 10

    /// Decodes bytes; a value is encoded and decoded again and must be the same. Traps on any
    /// failure but a SnapError.
    package func run(_ bytes: [UInt8]) {
        do {
            switch self {
            case .keyring: try Self.keyring(bytes)
            case .index: try Self.index(bytes)
            default:
                guard let structure = Structure(rawValue: rawValue) else {
                    preconditionFailure("a target without a structure")
                }
                try Self.run(structure, bytes)
            }
        } catch {
            guard let error = error as? SnapError,
                [.damaged, .unsupported, .wrongKey].contains(error.kind)
            else { fatalError("\(rawValue): \(error)") }
        }
    }

    private static func run(_ structure: Structure, _ bytes: [UInt8]) throws {
        var vector = context
        vector.bytes = bytes
        let first = try structure.decode(vector)
        guard let encoded = first.encoded else { return }
        vector.bytes = encoded
        guard let second = try? structure.decode(vector), second.values == first.values else {
            fatalError("\(structure): what was decoded and encoded decodes to something else")
        }
    }

    private static let zeros = String(repeating: "00", count: 32)

    /// The keys and bounds that the decoders ask for.
    private static let context = try! Vector(
        name: "fuzz",
        text: """
            terminated: yes
            kind: 7
            name: sessions/x
            master: \(zeros)
            repository: \(zeros.prefix(32))
            keyfile: \(zeros)
            id: \(zeros.prefix(32))
            number: 1
            start: 0
            end: 180
            size: 4096


            """)

    // MARK: Behind the sealing

    private static let secret = Secret([UInt8](repeating: 0, count: 32))
    private static let repository = [UInt8](repeating: 0, count: 16)
    private static let salt = [UInt8](repeating: 0, count: 32)

    private static func keyring(_ payload: [UInt8]) throws {
        let agreement = try AgreementKey(secret: secret)
        let ephemeral = agreement.publicKey
        var file = ByteWriter()
        file.append(Keyring.magic)
        file.append([1, 0, 0, 0])
        file.u32(1)
        file.u32(1)
        file.append(ephemeral)
        let head = file.bytes
        let prk = try HKDF.extract(
            salt: ephemeral + agreement.publicKey,
            from: try agreement.agree(with: agreement.publicKey))
        let wrap = SealingKey(
            try HKDF.expand(prk, info: Array("snapfs1 keyring wrap".utf8) + repository + head))
        var wrapped = [UInt8](repeating: 0, count: 48)
        try secret.withBytes { plain in
            try wrapped.withUnsafeMutableBytes {
                try wrap.seal(nonce: 0, associated: head, plain, into: $0)
            }
        }
        file.append(agreement.publicKey)
        file.append(wrapped)
        let key = try FileKey(
            kind: .keyring, generation: 0, salt: salt, master: secret, repository: repository)
        file.append(try key.sealFile(payload, storeName: Keyring.storeName(1)))
        file.zeros(32)
        let mac = KeyedHash(
            key: try HKDF.expand(secret, info: Array("snapfs1 keyring mac".utf8)))
        file.append(try mac.code(repository + file.bytes))
        _ = try Keyring(
            file.bytes, number: 1, keys: SlotKeys(agreement: agreement, mac: secret),
            repository: repository)
    }

    private static func index(_ stream: [UInt8]) throws {
        let key = try FileKey(
            kind: .index, generation: 0, salt: salt, master: secret, repository: repository)
        var padded = ByteWriter()
        padded.append(stream)
        padded.pad(to: IndexHeader.pageSize)
        var file = key.header.bytes
        for start in stride(from: 0, to: padded.count, by: IndexHeader.pageSize) {
            let end = start + IndexHeader.pageSize
            file += try key.seal(
                at: UInt64(file.count), role: end == padded.count ? .last : .middle,
                Array(padded.bytes[start..<end]))
        }
        let name = ObjectID.zero
        let segment = try IndexSegment(
            name, store: BytesStore([IndexSegment.storeName(name): file]), repository: repository,
            pages: PageCache(costMax: 1 << 20), master: { _, _ in secret })
        for number in 0..<UInt32(segment.header.packCount) { _ = try? segment.pack(number) }
        try segment.forEachEntry { entry in
            _ = try? segment.lookup(entry.id)
            _ = try segment.pack(entry.pack)
        }
    }
}
