// SPDX-License-Identifier: MIT
//
// Slots and keyrings as they are made: their encoders draw random numbers, so no vector has them.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapTestSupport
import Testing

@Suite struct KeyTests {
    private static let repository = [UInt8](repeating: 3, count: 16)

    private static func keys() throws -> SlotKeys {
        SlotKeys(agreement: try AgreementKey(), mac: Secret([UInt8](repeating: 4, count: 32)))
    }

    private static func holder(_ keys: SlotKeys, _ label: String = "") -> Holder {
        Holder(
            publicKey: keys.agreement.publicKey, slotName: [UInt8](repeating: 1, count: 16),
            created: 5, label: label)
    }

    @Test func slotOpensForItsCredentialAlone() throws {
        let keys = try Self.keys()
        let cheap = Stretching(logN: 1, r: 1, p: 1)
        let password = Credential.password(Secret(Array("secret".utf8)))
        let file = Credential.keyFile(Secret([UInt8](repeating: 9, count: 32)))
        let wrong: [Credential] = [
            .password(Secret(Array("Secret".utf8))), .password(Secret([])),
            .keyFile(Secret([UInt8](repeating: 8, count: 32))),
        ]
        for (own, other) in [(password, file), (file, password)] {
            let slot = try Slot(
                own, keys: keys, stretching: cheap, salt: Random.bytes(32),
                repository: Self.repository)
            let decoded = try Slot(slot.file, name: "slot")
            let opened = try #require(try decoded.open(own, repository: Self.repository))
            #expect(opened.agreement.secret.hex == keys.agreement.secret.hex)
            #expect(opened.mac.hex == keys.mac.hex)
            for credential in wrong + [other] {
                #expect(try decoded.open(credential, repository: Self.repository) == nil)
            }
            #expect(try decoded.open(own, repository: [UInt8](repeating: 2, count: 16)) == nil)
            #expect(try slot.name() == decoded.name() && slot.name().utf8.count == 32)
        }
    }

    @Test func noByteOfASlotChangesUnnoticed() throws {
        let credential = Credential.keyFile(Secret([UInt8](repeating: 9, count: 32)))
        let slot = try Slot(
            credential, keys: try Self.keys(), stretching: .standard, salt: Random.bytes(32),
            repository: Self.repository)
        for index in slot.file.indices {
            for bit in 0..<8 {
                var changed = slot.file
                changed[index] ^= 1 << UInt8(bit)
                let keys = try? Slot(changed, name: "slot").open(
                    credential, repository: Self.repository)
                #expect(keys == nil, "byte \(index)")
            }
        }
    }

    private static func draws() throws -> Keyring.Draws {
        Keyring.Draws(
            ephemeral: try AgreementKey(), content: try Secret(randomCount: 32),
            salt: try Random.bytes(32))
    }

    @Test func everyHolderOpensTheKeyringAndNobodyElse() throws {
        let all = try (0..<3).map { _ in try Self.keys() }
        var keyring = Keyring(
            first: Self.holder(all[0], "one"), secret: try Secret(randomCount: 32))
        keyring.holders.append(Self.holder(all[1], "two"))
        let file = try keyring.sealed(
            mac: all[0].mac, predecessor: nil, repository: Self.repository, draws: Self.draws())
        for keys in all[..<2] {
            let opened = try Keyring(file, number: 1, keys: keys, repository: Self.repository)
            #expect(opened.holders == keyring.holders)
            #expect(opened.generations.mapValues(\.hex) == keyring.generations.mapValues(\.hex))
        }
        let error = #expect(throws: SnapError.self) {
            try Keyring(file, number: 1, keys: all[2], repository: Self.repository)
        }
        #expect(error?.kind == .wrongKey)
        #expect(try Keyring.continues(file, nil, repository: Self.repository))
    }

    @Test func rotationContinuesTheChainAndShutsTheRemovedOut() throws {
        let (stays, leaves) = (try Self.keys(), try Self.keys())
        var keyring = Keyring(first: Self.holder(stays), secret: try Secret(randomCount: 32))
        keyring.holders.append(Self.holder(leaves))
        var next = keyring
        next.number = 2
        next.generations[1] = try Secret(randomCount: 32)
        next.holders = [Self.holder(stays)]
        let file = try next.sealed(
            mac: stays.mac, predecessor: keyring, repository: Self.repository, draws: Self.draws())
        #expect(try Keyring.continues(file, keyring, repository: Self.repository))
        #expect(try !Keyring.continues(file, nil, repository: Self.repository))
        #expect(try !Keyring.continues(file, next, repository: Self.repository))
        let opened = try Keyring(file, number: 2, keys: stays, repository: Self.repository)
        #expect(opened.newest == 1 && opened.generations.count == 2)
        #expect(throws: SnapError.self) {
            try Keyring(file, number: 2, keys: leaves, repository: Self.repository)
        }
    }

    @Test func saltsNeverRepeat() throws {
        let keys = try DerivedKeys(master: Secret([UInt8](repeating: 1, count: 32)))
        let session = [UInt8](repeating: 2, count: 16)
        let salts = try (0..<100).map {
            try keys.salt(session: session, counter: UInt64($0 % 2), random: Random.bytes(32))
        }
        #expect(Set(salts).count == 100 && salts.allSatisfy { $0.count == 32 })
    }

    @Test func equalBytesOfAnotherKindHaveAnotherID() throws {
        let keys = try DerivedKeys(master: Secret([UInt8](repeating: 1, count: 32)))
        let kinds: [ObjectKind] = [.data, .list, .directory]
        #expect(try Set(kinds.map { try keys.id($0, [1, 2, 3]) }).count == 3)
    }
}
