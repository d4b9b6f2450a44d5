// SPDX-License-Identifier: MIT

import SnapBase
import SnapTestSupport
import SnapZstd
import Testing

@Suite struct ZstdTests {
    private static func compress(_ plain: [UInt8], room: Int) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: room)
        let size = plain.withUnsafeBytes { plain in
            out.withUnsafeMutableBytes { Compressor(level: 3).compress(plain, into: $0) }
        }
        return size.map { Array(out[..<$0]) }
    }

    private static func decompress(_ frame: [UInt8], count: Int) throws -> [UInt8] {
        var out = [UInt8](repeating: 0xaa, count: count)
        try frame.withUnsafeBytes { frame in
            try out.withUnsafeMutableBytes { try Decompressor().decompress(frame, into: $0) }
        }
        return out
    }

    private static let text = Array(repeating: Array("to be or not ".utf8), count: 500).flatMap {
        $0
    }

    @Test(arguments: [0, 1, 2, 1000, 65_535, 65_536, 65_537, 4 << 20])
    func whatIsCompressedComesBack(count: Int) throws {
        var random = SeededRandom(seed: UInt64(count))
        let mixed = (0..<count).map { $0 % 3 == 0 ? UInt8(truncatingIfNeeded: random.next()) : 7 }
        for plain in [mixed, [UInt8](repeating: 0, count: count)] {
            let frame = try #require(Self.compress(plain, room: count + 1000))
            #expect(try Self.decompress(frame, count: count) == plain)
        }
    }

    @Test func whatDoesNotFitIsNotCompressed() {
        var random = SeededRandom(seed: 1)
        let noise = random.bytes(10_000)
        #expect(Self.compress(noise, room: 9_900) == nil)
        #expect(Self.compress(Self.text, room: 200) != nil)
        #expect(Self.compress(Self.text, room: 0) == nil)
    }

    @Test func frameMustFillItsRoomExactly() throws {
        let frame = try #require(Self.compress(Self.text, room: 1000))
        for count in [0, 1, Self.text.count - 1, Self.text.count + 1, Self.text.count * 2] {
            let error = #expect(throws: SnapError.self) {
                try Self.decompress(frame, count: count)
            }
            #expect(error?.kind == .damaged, "\(count)")
        }
    }

    @Test func changedFrameGivesAnErrorOrAsManyBytes() throws {
        let frame = try #require(Self.compress(Self.text, room: 1000))
        for index in frame.indices {
            for bit in 0..<8 {
                var changed = frame
                changed[index] ^= 1 << UInt8(bit)
                let bytes = try? Self.decompress(changed, count: Self.text.count)
                #expect(bytes == nil || bytes!.count == Self.text.count)
            }
            let error = #expect(throws: SnapError.self) {
                try Self.decompress(Array(frame[..<index]), count: Self.text.count)
            }
            #expect(error?.kind == .damaged)
        }
    }

    @Test func contextsForgetWhatTheyDid() throws {
        let (compressor, decompressor) = (Compressor(level: 3), Decompressor())
        var random = SeededRandom(seed: 2)
        for round in 0..<50 {
            let plain = random.bytes(round * 10) + Self.text
            var frame = [UInt8](repeating: 0, count: plain.count + 100)
            let size = plain.withUnsafeBytes { plain in
                frame.withUnsafeMutableBytes { compressor.compress(plain, into: $0) }
            }
            #expect(frame[..<(try #require(size))] == Self.compress(plain, room: frame.count)![...])
            var back = [UInt8](repeating: 0, count: plain.count)
            if round % 3 == 0 {
                #expect(throws: SnapError.self) {
                    try back.withUnsafeMutableBytes { out in
                        try [1, 2, 3].withUnsafeBytes { try decompressor.decompress($0, into: out) }
                    }
                }
            }
            try frame[..<size!].withUnsafeBytes { frame in
                try back.withUnsafeMutableBytes { try decompressor.decompress(frame, into: $0) }
            }
            #expect(back == plain)
        }
    }
}
