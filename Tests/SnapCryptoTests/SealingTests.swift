// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapTestSupport
import Testing

@Suite struct SealingTests {
    private static func hex(_ text: String) -> [UInt8] { Hex.decode(text)! }

    private static func seal(
        _ key: SealingKey, _ nonce: UInt64, _ associated: [UInt8], _ plain: [UInt8]
    ) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: plain.count + SealingKey.tagSize)
        try plain.withUnsafeBytes { plain in
            try out.withUnsafeMutableBytes {
                try key.seal(nonce: nonce, associated: associated, plain, into: $0)
            }
        }
        return out
    }

    private static func open(
        _ key: SealingKey, _ nonce: UInt64, _ associated: [UInt8], _ sealed: [UInt8]
    ) throws -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: max(0, sealed.count - SealingKey.tagSize))
        let authentic = try sealed.withUnsafeBytes { sealed in
            try out.withUnsafeMutableBytes {
                try key.open(nonce: nonce, associated: associated, sealed, into: $0)
            }
        }
        return authentic ? out : nil
    }

    /// Cases 13 and 14 of the GCM specification (McGrew, Viega), whose nonce is zero; then values
    /// made by python3-cryptography 48: `AESGCM(bytes(range(32))).encrypt(struct.pack("<Q", nonce)
    /// + bytes(4), plain, associated)`.
    @Test(
        arguments: [
            ("00", 0, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                "00", 0, "", "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
            ),
            ("range", 0, "", "", "f05d76ae4ab99fe5a6f69b3148c2363d"),
            (
                "range", 80, "0300", "61207265636f7264",
                "65cf9ffeff2435655621c08777c41ae3c82e40c04e0476ed"
            ),
            ("range", 4176, "0601", "", "f68bdaa5d887d24bcf493c5ed8601510"),
            (
                "range", UInt64.max, "000102030405060708090a0b0c0d0e0f10111213",
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627",
                "62ad8312f8b845b9fc50d825a38ecff6257a5044e30b2f5f86d65d6bef3dc4927b9e1140310082f4"
                    + "8c7154fd3d0b57b9e9bb5d044f87679c"
            ),
        ] as [(String, UInt64, String, String, String)])
    func sealingIsAES256GCM(
        key: String, nonce: UInt64, associated: String, plain: String, sealed: String
    ) throws {
        let key = SealingKey(
            Secret(key == "00" ? [UInt8](repeating: 0, count: 32) : (0..<32).map { UInt8($0) }))
        let associated = Self.hex(associated)
        #expect(try Self.seal(key, nonce, associated, Self.hex(plain)) == Self.hex(sealed))
        #expect(try Self.open(key, nonce, associated, Self.hex(sealed)) == Self.hex(plain))
    }

    @Test func anyChangeIsNoticed() throws {
        var random = SeededRandom()
        let secret = random.bytes(32)
        let key = SealingKey(Secret(secret))
        let associated: [UInt8] = [3, 0]
        let sealed = try Self.seal(key, 80, associated, random.bytes(50))
        #expect(try Self.open(key, 80, associated, sealed) != nil)
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << UInt8(bit)
                #expect(try Self.open(key, 80, associated, changed) == nil)
            }
            #expect(try Self.open(key, 80, associated, Array(sealed[..<index])) == nil)
        }
        for nonce in [0, 81, 80 << 8, 1 << 63] as [UInt64] {
            #expect(try Self.open(key, nonce, associated, sealed) == nil)
        }
        for other in [[], [3], [0, 3], [3, 1], [3, 0, 0]] as [[UInt8]] {
            #expect(try Self.open(key, 80, other, sealed) == nil)
        }
        for index in secret.indices {
            var other = secret
            other[index] ^= 1
            #expect(try Self.open(SealingKey(Secret(other)), 80, associated, sealed) == nil)
        }
    }

    @Test func sealingInPlaceIsTheSame() throws {
        let key = SealingKey(try Secret(randomCount: 32))
        let plain = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        let expected = try Self.seal(key, 7, [1], plain)
        var buffer = plain + [UInt8](repeating: 0, count: 16)
        let authentic = try buffer.withUnsafeMutableBytes { all in
            let inner = UnsafeMutableRawBufferPointer(rebasing: all[..<1000])
            try key.seal(nonce: 7, associated: [1], UnsafeRawBufferPointer(inner), into: all)
            #expect(Array(all) == expected)
            return try key.open(
                nonce: 7, associated: [1], UnsafeRawBufferPointer(all), into: inner)
        }
        #expect(authentic && Array(buffer[..<1000]) == plain)
    }

    @Test func oneKeyServesManyThreads() throws {
        let key = SealingKey(try Secret(randomCount: 32))
        let threads = try (0..<4).map { number in
            try Thread("seal") {
                for round in 0..<300 {
                    let plain = [UInt8](repeating: UInt8(number), count: round)
                    let nonce = UInt64(number * 1000 + round)
                    let sealed = try? Self.seal(key, nonce, [], plain)
                    let opened = sealed.flatMap { try? Self.open(key, nonce, [], $0) }
                    if opened != plain { Issue.record("thread \(number), round \(round)") }
                }
            }
        }
        threads.forEach { $0.join() }
    }
}
