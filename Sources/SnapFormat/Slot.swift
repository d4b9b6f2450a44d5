// SPDX-License-Identifier: MIT
//
// A key slot: one password or key file, and the X25519 key pair that it unlocks.
// See snapfs-format(5), Slots.

import SnapBase
import SnapCrypto

/// What opens a slot.
package enum Credential: Sendable {
    case password(Secret)
    /// The 32 bytes of a key file.
    case keyFile(Secret)
}

/// How hard a password is stretched.
package struct Stretching: Sendable {
    package var logN: UInt8
    package var r: UInt8
    package var p: UInt8
    package static let standard = Stretching(logN: 17, r: 8, p: 1)

    package init(logN: UInt8, r: UInt8, p: UInt8) {
        self.logN = logN
        self.r = r
        self.p = p
    }
}

/// What a slot holds once it is open.
package struct SlotKeys: Sendable {
    package var agreement: AgreementKey
    package var mac: Secret

    package init(agreement: AgreementKey, mac: Secret) {
        self.agreement = agreement
        self.mac = mac
    }
}

package struct Slot: Sendable {
    package static let size = 208
    package static let magic = Array("SNFK".utf8)
    /// A reader tries no more: each may cost a stretching.
    package static let countMax = 64

    private let bytes: [UInt8]

    private static let commitmentRange = 80..<112
    private static let wrappedRange = 112..<192

    /// The kinds of secrets that open a slot.
    package enum Kind: UInt8, Sendable {
        case password = 1
        case keyFile = 2
    }

    package var kind: Kind { Kind(rawValue: bytes[5])! }  // both inits let no other pass
    package var publicKey: [UInt8] { Array(bytes[48..<80]) }
    package var file: [UInt8] { bytes }

    /// Whether a name below slots/ may be that of a slot.
    package static func isName(_ name: String) -> Bool { NameParts.id(name) != nil }

    /// The name of the file below slots/.
    package func name() throws -> String {
        Hex.encode(try SHA256.digest(bytes).bytes.prefix(16))
    }

    /// Decodes the clear part of a slot.
    package init(_ file: [UInt8], name: String) throws {
        var reader = ByteReader(file, name: name)
        guard file.count == Self.size else {
            throw reader.damaged("has \(file.count) bytes instead of \(Self.size)")
        }
        try reader.expect(Self.magic, "is not a key slot")
        let version = try reader.u8()
        guard version == 1 else {
            throw SnapError(.unsupported, "\(name): slot version \(version); update snapfs")
        }
        let stretching = try reader.u8()
        guard stretching == 1 || stretching == 2 else {
            throw SnapError(.unsupported, "\(name): stretching \(stretching); update snapfs")
        }
        if stretching == 2 { try reader.zeros(3) } else { _ = try reader.take(3) }
        try reader.zeros(7)
        _ = try reader.take(176)
        try reader.zeros(16)
        bytes = file
    }

    /// Makes a slot for a credential around the keys of its holder. `salt` is 32 random bytes.
    package init(
        _ credential: Credential, keys: SlotKeys, stretching: Stretching, salt: [UInt8],
        repository: [UInt8]
    ) throws {
        var head = ByteWriter(capacity: Self.size)
        head.append(Self.magic)
        head.u8(1)
        switch credential {
        case .password:
            head.append([1, stretching.logN, stretching.r, stretching.p])
        case .keyFile:
            head.append([2, 0, 0, 0])
        }
        head.zeros(7)
        precondition(salt.count == 32)
        head.append(salt)
        head.append(keys.agreement.publicKey)
        let derived = try Self.derive(credential, head: head.bytes, repository: repository)
        head.append(derived.commitment)
        let plain = keys.agreement.secret.withBytes { Array($0) } + keys.mac.withBytes { Array($0) }
        head.append(try derived.wrap.wrap(plain, associated: head.bytes))
        head.zeros(16)
        bytes = head.bytes
    }

    /// The keys inside, or nil when the credential is not this slot's.
    package func open(_ credential: Credential, repository: [UInt8]) throws -> SlotKeys? {
        switch (credential, bytes[5]) {
        case (.password, 1), (.keyFile, 2): break
        default: return nil
        }
        let derived = try Self.derive(credential, head: Array(bytes[..<80]), repository: repository)
        guard equalInConstantTime(derived.commitment, Array(bytes[Self.commitmentRange])) else {
            return nil
        }
        let wrapped = Array(bytes[Self.wrappedRange])
        guard let plain = try derived.wrap.unwrap(wrapped, associated: Array(bytes[..<112])) else {
            throw SnapError(.damaged, "key slot: fails authentication")
        }
        let keys = SlotKeys(
            agreement: try AgreementKey(secret: Secret(plain[..<32])), mac: Secret(plain[32...]))
        guard keys.agreement.publicKey == publicKey else {
            throw SnapError(.damaged, "key slot: the key pair does not belong together")
        }
        return keys
    }

    private static func derive(
        _ credential: Credential, head: [UInt8], repository: [UInt8]
    ) throws -> (wrap: SealingKey, commitment: [UInt8]) {
        let salt = Array(head[16..<48])
        let input: Secret =
            switch credential {
            case .password(let password):
                try Scrypt.derive(
                    password: password, salt: salt, logN: head[6], r: head[7], p: head[8])
            case .keyFile(let key): key
            }
        let prk = try HKDF.extract(salt: salt, from: input)
        let wrap = try HKDF.expand(
            prk, info: Array("snapfs1 slot wrap".utf8) + repository + head)
        let commitment = try HKDF.expand(
            prk, info: Array("snapfs1 slot commit".utf8) + repository + head)
        return (SealingKey(wrap), commitment.withBytes { Array($0) })
    }
}
