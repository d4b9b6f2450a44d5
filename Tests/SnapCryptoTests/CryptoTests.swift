// SPDX-License-Identifier: MIT
//
// The primitives against the vectors of their standards.

import SnapBase
import SnapCrypto
import SnapTestSupport
import Testing

private func times(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
}

private func hex(_ text: String) -> [UInt8] { Hex.decode(text.filter { $0 != " " })! }

@Suite struct HashingTests {
    /// RFC 4231, cases 1 to 4, 6 and 7.
    @Test(
        arguments: [
            (
                times("0b", 20), "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                times("aa", 20), times("dd", 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                "0102030405060708090a0b0c0d0e0f10111213141516171819",
                times("cd", 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
            ),
            (
                times("aa", 131),
                "54657374205573696e67204c617267657220546861"
                    + "6e20426c6f636b2d53697a65204b6579202d20486173"
                    + "68204b6579204669727374",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                times("aa", 131),
                "5468697320697320612074657374207573696e6720"
                    + "61206c6172676572207468616e20626c6f636b2d7369"
                    + "7a65206b657920616e642061206c617267657220"
                    + "7468616e20626c6f636b2d73697a652064617461"
                    + "2e20546865206b6579206e6565647320746f206265"
                    + "20686173686564206265666f7265206265696e6720"
                    + "7573"
                    + "65642062792074686520484d414320616c676f726974686d2e",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ] as [(String, String, String)]) func hmacIsThatOfTheStandard(
            key: String, data: String, code: String
        ) throws
    {
        let hash = KeyedHash(key: Secret(hex(key)))
        #expect(try hash.code(hex(data)).hex == code)
        // In parts, and again with the same key.
        let bytes = hex(data)
        let parts = try bytes.withUnsafeBytes { all in
            try hash.code(
                UnsafeRawBufferPointer(rebasing: all[..<3]),
                UnsafeRawBufferPointer(start: nil, count: 0),
                UnsafeRawBufferPointer(rebasing: all[3...]))
        }
        #expect(parts.hex == code)
    }

    @Test func hmacGivesTheSameOnManyThreads() throws {
        let hash = KeyedHash(key: Secret(hex("4a656665")))
        let expected = try (0..<50).map { try hash.code([UInt8($0)]) }
        let threads = try (0..<4).map { _ in
            try Thread("hash") {
                for round in 0..<500 {
                    let code = try? hash.code([UInt8(round % 50)])
                    if code != expected[round % 50] { Issue.record("round \(round)") }
                }
            }
        }
        threads.forEach { $0.join() }
    }

    /// FIPS 180-4 examples, and the empty input.
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ] as [(String, String)]) func sha256IsThatOfTheStandard(text: String, digest: String) throws
    {
        #expect(try SHA256.digest(Array(text.utf8)).hex == digest)
        let running = try SHA256()
        for byte in text.utf8 { try [byte].withUnsafeBytes { try running.update($0) } }
        #expect(try running.finish().hex == digest)
    }

    @Test func comparisonInConstantTimeCompares() {
        #expect(equalInConstantTime([], []))
        #expect(equalInConstantTime([1, 2], [1, 2]))
        #expect(!equalInConstantTime([1, 2], [1, 3]))
        #expect(!equalInConstantTime([1], [1, 0]))
    }

    @Test func randomBytesDiffer() throws {
        #expect(try Random.bytes(32) != Random.bytes(32))
        #expect(try Random.bytes(0) == [])
        #expect(try Secret(randomCount: 32).hex != Secret(randomCount: 32).hex)
        #expect(try Secret(randomCount: 32).count == 32)
    }
}

@Suite struct DerivationTests {
    /// RFC 5869, A.1 to A.3.
    @Test(
        arguments: [
            (
                times("0b", 22), "000102030405060708090a0b0c",
                "f0f1f2f3f4f5f6f7f8f9",
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf"
                    + "1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
            ),
            (
                "000102030405060708090a0b0c0d0e0f1011121314"
                    + "15161718191a1b1c1d1e1f20212223242526272829"
                    + "2a2b2c2d2e2f303132333435363738393a3b3c"
                    + "3d3e3f404142434445464748494a4b4c4d4e4f",
                "606162636465666768696a6b6c6d6e6f7071727374"
                    + "75767778797a7b7c7d7e7f80818283848586878889"
                    + "8a8b8c8d8e8f909192939495969798999a9b9c"
                    + "9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
                "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4"
                    + "c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9"
                    + "dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebec"
                    + "edeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d"
                    + "4efad8a050cc4c19afa97c59045a99cac7827271cb"
                    + "41c65e590e09da3275600c2f09b8367793a9aca3"
                    + "db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
            ),
            (
                times("0b", 22), "", "",
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5e"
                    + "e1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
            ),
        ] as [(String, String, String, String, String)]) func hkdfIsThatOfTheStandard(
            input: String, salt: String, info: String, prk: String, output: String
        ) throws
    {
        let extracted = try HKDF.extract(salt: hex(salt), from: Secret(hex(input)))
        #expect(extracted.hex == prk)
        let expanded = try HKDF.expand(extracted, info: hex(info), count: hex(output).count)
        #expect(expanded.hex == output)
    }

    @Test func hkdfGivesAtMost255Blocks() throws {
        let key = Secret(hex(times("01", 32)))
        #expect(try HKDF.expand(key, info: [], count: 8160).count == 8160)
        #expect(throws: SnapError.self) { try HKDF.expand(key, info: [], count: 8161) }
    }

    /// RFC 7914, 12: the first three, of which 32 of 64 bytes are derived here.
    @Test(
        arguments: [
            ("", "", 4, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"),
            (
                "password", "NaCl", 10, 8, 16,
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            ),
            (
                "pleaseletmein", "SodiumChloride", 14, 8, 1,
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            ),
        ] as [(String, String, UInt8, UInt8, UInt8, String)]) func scryptIsThatOfTheStandard(
            password: String, salt: String, logN: UInt8, r: UInt8, p: UInt8, key: String
        ) throws
    {
        let derived = try Scrypt.derive(
            password: Secret(Array(password.utf8)), salt: Array(salt.utf8), logN: logN, r: r, p: p)
        #expect(derived.hex == key)
    }

    @Test(
        arguments: [
            (0, 8, 1), (21, 8, 1), (255, 8, 1), (4, 0, 1), (4, 17, 1), (4, 8, 0), (4, 8, 17),
            (16, 1, 1),
        ] as [(UInt8, UInt8, UInt8)])
    func costOutOfRangeIsDamageWithoutAnyWork(logN: UInt8, r: UInt8, p: UInt8) {
        let error = #expect(throws: SnapError.self) {
            try Scrypt.derive(password: Secret([1]), salt: [2], logN: logN, r: r, p: p)
        }
        #expect(error?.kind == .damaged)
    }
}

@Suite struct AgreementTests {
    /// RFC 7748, 5.2.
    @Test(
        arguments: [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"
            ),
        ] as [(String, String, String)]) func x25519IsThatOfTheStandard(
            secret: String, point: String, shared: String
        ) throws
    {
        #expect(try AgreementKey(secret: Secret(hex(secret))).agree(with: hex(point)).hex == shared)
    }

    /// RFC 7748, 6.1.
    @Test func bothSidesAgreeAsInTheStandard() throws {
        let alice = try AgreementKey(
            secret: Secret(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")))
        let bob = try AgreementKey(
            secret: Secret(hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")))
        #expect(
            Hex.encode(alice.publicKey)
                == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        #expect(
            Hex.encode(bob.publicKey)
                == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        #expect(try alice.agree(with: bob.publicKey).hex == shared)
        #expect(try bob.agree(with: alice.publicKey).hex == shared)
    }

    /// The points of small order: whoever sends one would know the shared secret.
    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]) func sharedSecretOfZeroIsRefused(point: String) throws {
        let error = #expect(throws: SnapError.self) { try AgreementKey().agree(with: hex(point)) }
        #expect(error?.kind == .damaged)
    }

    @Test func newPairsDiffer() throws {
        #expect(try AgreementKey().publicKey != AgreementKey().publicKey)
    }
}
