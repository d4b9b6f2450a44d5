// SPDX-License-Identifier: MIT
//
// Fixed cut points are in Tests/Vectors/chunks-*.vec.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct ChunkerTests {
    private static let key = Secret([UInt8](repeating: 5, count: 32))

    private static func chunking(_ low: Int, _ target: Int, _ high: Int) -> Configuration.Chunking {
        var chunking = Configuration.Chunking()
        chunking.minimum = UInt32(low)
        chunking.target = UInt32(target)
        chunking.maximum = UInt32(high)
        return chunking
    }

    /// The text of snapfs-format(5), Cutting, a byte at a time.
    private static func naiveCuts(_ data: [UInt8], _ c: Configuration.Chunking) throws -> [Int] {
        let table = try HKDF.expand(key, info: Array("snapfs1 gear".utf8), count: 2048)
        let words = table.withBytes { bytes in
            (0..<256).map {
                UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
            }
        }
        func bits(_ hash: UInt64, _ count: Int) -> Bool {
            (0..<count).allSatisfy { hash >> UInt64(62 - $0) & 1 == 0 }
        }
        let log = c.target.trailingZeroBitCount
        var cuts: [Int] = []
        var length = 0
        var hash: UInt64 = 0
        for byte in data {
            if length == c.minimum { hash = 0 }
            length += 1
            if length <= c.minimum { continue }
            hash = hash << 1 &+ words[Int(byte)]
            if bits(hash, length <= c.target ? log + 2 : log - 2) || length == c.maximum {
                cuts.append(length)
                length = 0
            }
        }
        if length > 0 { cuts.append(length) }
        return cuts
    }

    private static let bounds = [
        (64, 256, 257), (64, 256, 1024), (65, 256, 1023), (256, 256, 300), (100, 4096, 16384),
        (64, 1024, 1025),
    ]

    @Test(arguments: bounds) func twoBytesAStepCutAsOneByteAStep(bounds: (Int, Int, Int)) throws {
        var random = SeededRandom()
        let chunking = Self.chunking(bounds.0, bounds.1, bounds.2)
        let parameters = try ChunkerParameters(chunking, key: Self.key)
        for count in [0, 1, 63, 64, 65, 255, 256, 257, 1000, 60_001] {
            for data in [random.bytes(count), [UInt8](repeating: 0, count: count)] {
                let cuts = data.withUnsafeBytes { cutLengths(of: $0, parameters) }
                #expect(try cuts == Self.naiveCuts(data, chunking), "\(count)")
            }
        }
    }

    @Test(arguments: bounds) func cutsDoNotDependOnTheReads(bounds: (Int, Int, Int)) throws {
        var random = SeededRandom()
        let parameters = try ChunkerParameters(
            Self.chunking(bounds.0, bounds.1, bounds.2), key: Self.key)
        let data = random.bytes(30_000)
        let whole = data.withUnsafeBytes { cutLengths(of: $0, parameters) }
        for step in [1, 2, 3, 7, 64, 255, 256, 257, 1000, 5000] {
            var chunker = Chunker(parameters)
            var lengths: [Int] = []
            var start = 0
            var end = 0
            while end < data.count {
                end = min(
                    data.count, end + (step == 7 ? Int.random(in: 1...99, using: &random) : step))
                data.withUnsafeBytes { all in
                    while let length = chunker.cut(
                        UnsafeRawBufferPointer(rebasing: all[start..<end]))
                    {
                        lengths.append(length)
                        start += length
                    }
                }
            }
            if start < data.count { lengths.append(data.count - start) }
            #expect(lengths == whole, "steps of \(step)")
        }
    }

    @Test(arguments: bounds) func chunksKeepTheirBounds(bounds: (Int, Int, Int)) throws {
        var random = SeededRandom()
        let parameters = try ChunkerParameters(
            Self.chunking(bounds.0, bounds.1, bounds.2), key: Self.key)
        let cuts = random.bytes(200_000).withUnsafeBytes { cutLengths(of: $0, parameters) }
        #expect(cuts.reduce(0, +) == 200_000)
        #expect(cuts.dropLast().allSatisfy { $0 > bounds.0 && $0 <= bounds.2 })
    }

    @Test func insertionMovesCutsOnlyNearby() throws {
        var random = SeededRandom()
        let parameters = try ChunkerParameters(Self.chunking(256, 1024, 4096), key: Self.key)
        let data = random.bytes(200_000)
        let changed = data[..<50_000] + random.bytes(3) + data[50_000...]
        func ends(_ data: [UInt8]) -> Set<Int> {
            var end = 0
            return Set(
                data.withUnsafeBytes { cutLengths(of: $0, parameters) }.map {
                    end += $0
                    return end
                })
        }
        let before = ends(data)
        let after = Set(ends(Array(changed)).map { $0 > 50_000 ? $0 - 3 : $0 })
        #expect(before.subtracting(after).count < 20 && before.count > 100)
    }

    @Test func anotherKeyCutsElsewhere() throws {
        var random = SeededRandom()
        let chunking = Self.chunking(64, 256, 1024)
        let data = random.bytes(50_000)
        let cuts = try (0..<2).map { number in
            let key = Secret([UInt8](repeating: UInt8(number), count: 32))
            let parameters = try ChunkerParameters(chunking, key: key)
            return data.withUnsafeBytes { cutLengths(of: $0, parameters) }
        }
        #expect(cuts[0] != cuts[1])
    }

    @Test func resetBeginsAChunk() throws {
        var random = SeededRandom()
        let parameters = try ChunkerParameters(Self.chunking(64, 256, 1024), key: Self.key)
        let data = random.bytes(5000)
        var chunker = Chunker(parameters)
        _ = random.bytes(70).withUnsafeBytes { chunker.cut($0) }
        chunker.reset()
        var fresh = Chunker(parameters)
        data.withUnsafeBytes { #expect(chunker.cut($0) == fresh.cut($0)) }
    }
}
