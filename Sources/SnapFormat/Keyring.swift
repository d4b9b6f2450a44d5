// SPDX-License-Identifier: MIT
//
// The keyring: the master secrets of all generations, sealed to the public key of every slot.
// See snapfs-format(5), Keyring.

import SnapBase
import SnapCrypto

/// A holder named in a keyring.
package struct Holder: Sendable, Equatable {
    package var publicKey: [UInt8]
    /// First 16 bytes of the SHA-256 of the slot file.
    package var slotName: [UInt8]
    /// Unix seconds.
    package var created: Int64
    package var label: String

    package init(publicKey: [UInt8], slotName: [UInt8], created: Int64, label: String) {
        self.publicKey = publicKey
        self.slotName = slotName
        self.created = created
        self.label = label
    }
}

package struct Keyring: Sendable {
    package static let magic = Array("SNFR".utf8)
    package static let sizeMax = 1 << 20

    package var number: UInt32
    /// By generation number; never empty, always with generation 0.
    package var generations: [UInt32: Secret]
    package var holders: [Holder]

    /// The first keyring of a repository: one generation, whose secret is random.
    package init(first holder: Holder, secret: Secret) {
        number = 1
        generations = [0: secret]
        holders = [holder]
    }

    package static func storeName(_ number: UInt32) -> String {
        "keyring/" + NameParts.digits(UInt64(number))
    }

    /// The number of a name below keyring/; nil for one that no keyring has.
    package static func number(ofName name: String) -> UInt32? {
        NameParts.number(name).map { UInt32($0) }  // eight digits are below 2^32
    }

    /// The generation that new files are sealed under.
    package var newest: UInt32 { generations.keys.max()! }

    /// What is drawn anew for each keyring file.
    package struct Draws: Sendable {
        package let ephemeral: AgreementKey
        package let content: Secret
        /// 32 bytes.
        package let salt: [UInt8]

        package init(ephemeral: AgreementKey, content: Secret, salt: [UInt8]) {
            self.ephemeral = ephemeral
            self.content = content
            self.salt = salt
        }
    }

    /// Seals the keyring to its holders. `predecessor` continues the chain; nil for number 1.
    package func sealed(
        mac: Secret, predecessor: Keyring?, repository: [UInt8], draws: Draws
    ) throws -> [UInt8] {
        let (ephemeral, content) = (draws.ephemeral, draws.content)
        var out = ByteWriter()
        out.append(Self.magic)
        out.append([1, 0, 0, 0])
        out.u32(number)
        out.u32(UInt32(holders.count))
        out.append(ephemeral.publicKey)
        let head = out.bytes
        for holder in holders {
            let shared = try ephemeral.agree(with: holder.publicKey)
            let key = try Self.wrapKey(
                shared, salt: ephemeral.publicKey + holder.publicKey, head, repository)
            out.append(holder.publicKey)
            out.append(try key.wrap(content.withBytes { Array($0) }, associated: head))
        }
        let file = try FileKey(
            kind: .keyring, generation: 0, salt: draws.salt, master: content,
            repository: repository)
        out.append(try file.sealFile(payload(), storeName: Self.storeName(number)))
        out.append(try Self.chainCode(out.bytes, predecessor, repository))
        out.append(try Self.code(mac, "snapfs1 keyring mac", repository + out.bytes))
        return out.bytes
    }

    /// Opens a keyring file with the keys of one of its holders; checks the MAC. The chain is
    /// checked by `continues`.
    package init(_ file: [UInt8], number: UInt32, keys: SlotKeys, repository: [UInt8]) throws {
        let name = Self.storeName(number)
        var reader = ByteReader(file, name: name)
        try reader.expect(Self.magic, "is not a keyring")
        let version = try reader.u8()
        guard version == 1 else {
            throw SnapError(.unsupported, "\(name): version \(version); update snapfs")
        }
        try reader.zeros(3)
        let stored = try reader.u32()
        let count = try reader.u32()
        guard stored == number, (1...UInt32(Slot.countMax)).contains(count) else {
            throw reader.damaged("number or slot count out of range")
        }
        let head = Array(file.prefix(48))
        let ephemeral = try reader.take(32)
        guard reader.remaining >= 64 + Int(count) * 80 + FileKey.overhead else {
            throw reader.damaged("ends early")
        }
        let mac = try Self.code(
            keys.mac, "snapfs1 keyring mac", repository + file.dropLast(32))
        guard equalInConstantTime(mac, Array(file.suffix(32))) else {
            throw reader.damaged("fails authentication")
        }
        var content: Secret?
        var publicKeys: [[UInt8]] = []
        for _ in 0..<count {
            let publicKey = try reader.take(32)
            publicKeys.append(publicKey)
            let wrapped = try reader.take(48)
            guard publicKey == keys.agreement.publicKey else { continue }
            let key = try Self.wrapKey(
                try keys.agreement.agree(with: ephemeral), salt: ephemeral + publicKey, head,
                repository)
            guard let plain = try key.unwrap(wrapped, associated: head) else {
                throw reader.damaged("the content key fails authentication")
            }
            content = Secret(plain)
        }
        guard let content else {
            throw SnapError(
                .wrongKey,
                "this key has been removed from the repository, or adding it was interrupted "
                    + "(it is not in \(name))")
        }
        self.number = number
        (generations, holders) = try Self.decode(
            Array(file[reader.offset..<file.count - 64]), content, name, repository)
        guard Set(publicKeys).count == publicKeys.count, holders.count == publicKeys.count,
            Set(publicKeys) == Set(holders.map(\.publicKey))
        else { throw reader.damaged("the slots are not those of the keyring") }
    }

    /// Whether the keyring file is the rightful successor of `predecessor`.
    package static func continues(
        _ file: [UInt8], _ predecessor: Keyring?, repository: [UInt8]
    ) throws -> Bool {
        guard file.count >= 64 else { return false }
        let code = try chainCode(Array(file.dropLast(64)), predecessor, repository)
        return equalInConstantTime(code, Array(file[(file.count - 64)..<(file.count - 32)]))
    }

    private func payload() -> [UInt8] {
        var fields = FieldWriter()
        for (number, secret) in generations.sorted(by: { $0.key < $1.key }) {
            var value = ByteWriter()
            value.u32(number)
            secret.withBytes { value.append($0) }
            fields.add(1, value.bytes)
        }
        for holder in holders {
            var value = ByteWriter()
            value.append(holder.publicKey)
            value.append(holder.slotName)
            value.i64(holder.created)
            value.append(Array(holder.label.utf8))
            fields.add(2, value.bytes)
        }
        return fields.finished(paddedTo: 1024, less: 0)
    }

    private static func decode(
        _ container: [UInt8], _ content: Secret, _ name: String, _ repository: [UInt8]
    ) throws -> ([UInt32: Secret], [Holder]) {
        let header = try ContainerHeader(container, name: name)
        let key = try FileKey(
            header, kind: .keyring, master: content, repository: repository, name: name)
        let plain = try key.open(
            at: UInt64(ContainerHeader.size), role: .last, storeName: name,
            Array(container.dropFirst(ContainerHeader.size)), name: name)
        var fields = try FieldReader(plain, name: name, terminated: true)
        var generations: [UInt32: Secret] = [:]
        for value in fields.list(1) {
            var reader = ByteReader(value, name: name)
            let number = try reader.u32()
            let before = generations.updateValue(Secret(try reader.take(32)), forKey: number)
            guard before == nil, reader.remaining == 0 else {
                throw fields.damaged("generation \(number): twice, or more than a secret")
            }
        }
        guard generations[0] != nil else { throw fields.damaged("generation 0 is missing") }
        var holders: [Holder] = []
        for value in fields.list(2) {
            var reader = ByteReader(value, name: name)
            holders.append(
                Holder(
                    publicKey: try reader.take(32), slotName: try reader.take(16),
                    created: try reader.i64(),
                    label: String(decoding: try reader.take(reader.remaining), as: UTF8.self)))
        }
        try fields.finish()
        return (generations, holders)
    }

    private static func wrapKey(
        _ shared: Secret, salt: [UInt8], _ head: [UInt8], _ repository: [UInt8]
    ) throws -> SealingKey {
        let prk = try HKDF.extract(salt: salt, from: shared)
        return SealingKey(
            try HKDF.expand(prk, info: Array("snapfs1 keyring wrap".utf8) + repository + head))
    }

    private static func chainCode(
        _ before: [UInt8], _ predecessor: Keyring?, _ repository: [UInt8]
    ) throws -> [UInt8] {
        guard let predecessor else { return [UInt8](repeating: 0, count: 32) }
        let newest = predecessor.generations[predecessor.newest]!
        return try code(newest, "snapfs1 keyring chain", repository + before)
    }

    private static func code(
        _ secret: Secret, _ label: String, _ bytes: [UInt8]
    ) throws -> [UInt8] {
        let key = try HKDF.expand(secret, info: Array(label.utf8))
        return try KeyedHash(key: key).code(bytes).bytes
    }
}
