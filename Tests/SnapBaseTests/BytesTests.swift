// SPDX-License-Identifier: MIT

import SnapBase
import SnapTestSupport
import Testing

@Suite struct BytesTests {
    private static func isDamaged(_ body: () throws -> Void) -> Bool {
        do { try body() } catch let error as SnapError { return error.kind == .damaged } catch {
            return false
        }
        return false
    }

    @Test func integersAreLittleEndian() throws {
        var reader = ByteReader((1...23).map { UInt8($0) }, name: "test")
        #expect(try reader.u8() == 0x01)
        #expect(try reader.u16() == 0x0302)
        #expect(try reader.u32() == 0x0706_0504)
        #expect(try reader.u64() == 0x0f0e_0d0c_0b0a_0908)
        #expect(try reader.i64() == 0x1716_1514_1312_1110)
        #expect(reader.remaining == 0)
        var negative = ByteReader([UInt8](repeating: 0xff, count: 8), name: "test")
        #expect(try negative.i64() == -1)
    }

    @Test func readingPastTheEndIsDamageAndMovesNothing() {
        for count in 0..<9 {
            for skip in 0...count {
                var reader = ByteReader(
                    [UInt8](repeating: 0, count: count), name: "test", offset: skip)
                let left = count - skip
                #expect(Self.isDamaged { _ = try reader.take(left + 1) })
                #expect(Self.isDamaged { _ = try reader.take(.max) })
                #expect(Self.isDamaged { _ = try reader.take(-1) })
                #expect(Self.isDamaged { try reader.zeros(left + 1) })
                #expect(Self.isDamaged { try reader.expect([UInt8](repeating: 0, count: 9), "") })
                #expect(Self.isDamaged { _ = try reader.objectID() })
                if left < 2 { #expect(Self.isDamaged { _ = try reader.u16() }) }
                if left < 4 { #expect(Self.isDamaged { _ = try reader.u32() }) }
                if left < 8 { #expect(Self.isDamaged { _ = try reader.u64() }) }
                #expect(reader.offset == skip)
            }
        }
    }

    @Test func reservedBytesMustBeZero() throws {
        for place in 0..<4 {
            var bytes: [UInt8] = [0, 0, 0, 0]
            bytes[place] = 1
            var reader = ByteReader(bytes, name: "test")
            #expect(Self.isDamaged { try reader.zeros(4) })
            try reader.zeros(place)
        }
    }

    @Test func writtenStructuresReadBack() throws {
        var random = SeededRandom()
        for _ in 0..<1000 {
            let (a, b, c) = (
                UInt16.random(in: 0 ... .max, using: &random), random.next(),
                Int64.random(in: .min ... .max, using: &random)
            )
            let tail = random.bytes(Int.random(in: 0..<40, using: &random))
            var writer = ByteWriter()
            writer.u16(a)
            writer.u64(b)
            writer.i64(c)
            writer.append(tail)
            writer.pad(to: 16)
            #expect(writer.count % 16 == 0 && writer.count - 18 - tail.count < 16)
            var reader = ByteReader(writer.bytes, name: "test")
            #expect(try reader.u16() == a)
            #expect(try reader.u64() == b)
            #expect(try reader.i64() == c)
            #expect(try reader.take(tail.count) == tail)
            try reader.zeros(reader.remaining)
        }
    }

    @Test func hexadecimalGoesThereAndBack() {
        let all = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(all)) == all)
        #expect(Hex.encode([0x00, 0x9a, 0xff]) == "009aff")
        #expect(Hex.decode("") == [])
    }

    @Test(arguments: ["0", "abc", "AB", "0g", " 00", "00 ", "0x", "é0", "０0", "-1", "\u{0}\u{0}"])
    func otherThanLowerCaseHexadecimalIsRefused(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func idsAreInTheOrderOfTheirBytes() {
        var random = SeededRandom()
        for _ in 0..<2000 {
            let a = random.bytes(32)
            var b = a
            b[Int.random(in: 0..<32, using: &random)] = UInt8.random(in: 0...255, using: &random)
            let (first, second) = (ObjectID(a), ObjectID(b))
            #expect((first < second) == a.lexicographicallyPrecedes(b))
            #expect((first == second) == (a == b))
            #expect(first.bytes == a)
            #expect(Hex.decode(first.hex) == a)
        }
    }
}
