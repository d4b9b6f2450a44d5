// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapTestSupport
import Testing

/// Tests/Vectors against the decoders and encoders.
@Suite struct VectorTests {
    private static let vectors = try! Vector.all()
    private static let good = vectors.filter { $0.header["expect"] == "ok" }

    @Test func everyStructureHasAVector() {
        for structure in Structure.allCases {
            #expect(Self.good.contains { $0.structure == structure.rawValue }, "\(structure)")
        }
    }

    @Test(arguments: good) func goodVectorDecodesToItsValuesAndEncodesToItsBytes(
        vector: Vector
    ) throws {
        let structure = try #require(Structure(rawValue: vector.structure))
        let decoded = try structure.decode(vector)
        for (key, value) in vector.values { #expect(decoded.values[key] == value, "\(key)") }
        if let encoded = decoded.encoded { #expect(encoded == vector.bytes) }
    }

    @Test(arguments: vectors.filter { $0.header["expect"] != "ok" })
    func badVectorIsRefusedWithItsKind(vector: Vector) throws {
        let structure = try #require(Structure(rawValue: vector.structure))
        let kind: SnapError.Kind =
            try vector.text("expect") == "unsupported" ? .unsupported : .damaged
        let error = #expect(throws: SnapError.self) { try structure.decode(vector) }
        #expect(error?.kind == kind)
    }

    /// In a structure that is authenticated as a whole no change may pass either.
    private static let authenticated: Set<Structure> = [.container, .keyring]

    @Test(arguments: good) func changedByteGivesAnErrorOrAValueNeverATrap(vector: Vector) throws {
        let structure = try #require(Structure(rawValue: vector.structure))
        var mutant = vector
        for index in Self.places(vector.bytes.count) {
            for bit in [0x01, 0x80, 0xff] as [UInt8] {
                mutant.bytes[index] ^= bit
                try check(mutant, structure)
                mutant.bytes[index] ^= bit
            }
        }
    }

    @Test(arguments: good) func cutStructureGivesAnErrorOrAValueNeverATrap(vector: Vector) throws {
        let structure = try #require(Structure(rawValue: vector.structure))
        for count in Self.places(vector.bytes.count) {
            var mutant = vector
            mutant.bytes.removeLast(vector.bytes.count - count)
            try check(mutant, structure)
        }
    }

    /// All that no structure has padding or nothing but sealed pages at; of the rest a part.
    private static func places(_ count: Int) -> [Int] {
        (0..<count).filter { $0 < 2000 || $0 >= count - 64 || $0 % 61 == 0 }
    }

    private func check(_ mutant: Vector, _ structure: Structure) throws {
        do {
            _ = try structure.decode(mutant)
            if Self.authenticated.contains(structure) { Issue.record("a change was accepted") }
        } catch let error as SnapError {
            #expect([.damaged, .unsupported, .wrongKey].contains(error.kind), "\(error)")
        }
    }
}
