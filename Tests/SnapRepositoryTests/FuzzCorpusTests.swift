// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapTestSupport
import Testing

/// What the fuzzers of contrib/fuzz have found reaches every branch of the decoders; none may trap.
@Suite struct FuzzCorpusTests {
    private static func corpus(_ target: FuzzTarget) throws -> [[UInt8]] {
        let folder = Vector.sourceFolder + "/contrib/fuzz/corpus/" + target.rawValue
        let directory = try FileDescriptor.open(folder, O_RDONLY | O_DIRECTORY)
        var names: [String] = []
        try DirectoryReader(directory, label: folder).forEach { name, _ in
            names.append(String(decoding: name, as: UTF8.self))
        }
        return try names.map { try readFile("\(folder)/\($0)") }
    }

    @Test(arguments: FuzzTarget.allCases) func keptInputsBringNoDecoderDown(
        target: FuzzTarget
    ) throws {
        let inputs = try Self.corpus(target)
        #expect(!inputs.isEmpty)
        for input in inputs { target.run(input) }
    }

    @Test(arguments: FuzzTarget.allCases) func mutationsOfThemDoNeither(target: FuzzTarget) throws {
        let inputs = try Self.corpus(target)
        var random = SeededRandom(for: "mutations of \(target.rawValue)")
        for _ in 0..<300 {
            var input = inputs.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                Self.mutate(&input, with: inputs, &random)
            }
            target.run(Array(input.prefix(FuzzTarget.sizeMax)))
        }
    }

    private static func mutate(
        _ input: inout [UInt8], with others: [[UInt8]], _ random: inout SeededRandom
    ) {
        let place = Int.random(in: 0...input.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where place < input.count:
            input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where place < input.count:
            input[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random)!
        case 2: input.removeLast(input.count - place)
        case 3:
            let count = min(input.count - place, Int.random(in: 1...16, using: &random))
            input.removeSubrange(place..<place + count)
        default:
            let other = others.randomElement(using: &random)!
            let start = Int.random(in: 0...other.count, using: &random)
            input.insert(
                contentsOf: other[start...].prefix(Int.random(in: 1...100, using: &random)),
                at: place)
        }
    }
}
