// SPDX-License-Identifier: MIT
//
// Every file of a repository that has lived for a while is damaged in several ways. Then a
// collection runs, and everything else: no wrong data, and what could be read before still can.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapView
import Testing

@Suite struct LifeDamageTests {
    enum Damage: CaseIterable {
        case firstByte, lastByte, someByte, cut, emptied, removed

        /// nil where the file goes.
        func of(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8]? {
            var bytes = bytes
            switch self {
            case .firstByte: bytes[0] ^= 1
            case .lastByte: bytes[bytes.count - 1] ^= 1
            case .someByte:
                bytes[Int.random(in: bytes.indices, using: &random)] ^=
                    1
                    << UInt8.random(
                        in: 0..<8, using: &random)
            case .cut: bytes.removeLast(1 + bytes.count / 2)
            case .emptied: bytes = []
            case .removed: return nil
            }
            return bytes
        }
    }

    @Test(arguments: Damage.allCases)
    func aCollectionOfADamagedRepositoryTakesNothingThatReads(_ damage: Damage) throws {
        let life = try Life.shared.get()
        var random = SeededRandom(Seed.run)
        let paths = try Self.files(AmnesiaFileLayer(life.disk))
        for path in paths {
            let files = AmnesiaFileLayer(life.disk)
            try Self.change(files, path) { damage.of($0, &random) }
            let what = "\(path): \(damage)"
            let before = try readable(life, files, what)
            if let error = try refusal({ try life.perform(.prune, try life.engine.open(files)) }) {
                // Shut out, or told of; the disk has room and no call failed.
                #expect(error.kind != .noSpace && error.kind != .busy, "\(what): \(error)")
            }
            let after = try readable(life, files, what)
            for (id, model) in before where id != life.gone && id != life.going {
                for (name, node) in model where after[id]?[name] != node {
                    Issue.record("\(what): \(Hex.encode(id)): \(name) is gone after a prune")
                }
            }
            try useEverything(life, files, what)
        }
        print("damage of a life: \(damage): \(paths.count) files, SNAPFS_SEED=\(Seed.run)")
        #expect(paths.count > 30)
    }

    // MARK: Files

    private static func files(_ files: AmnesiaFileLayer, below path: String = "") throws
        -> [String]
    {
        try files.list(path).flatMap { name, size in
            let path = path.isEmpty ? name : "\(path)/\(name)"
            return size == nil ? try Self.files(files, below: path) : [path]
        }.sorted()
    }

    private static func change(
        _ files: AmnesiaFileLayer, _ path: String, _ change: ([UInt8]) -> [UInt8]?
    ) throws {
        let old = try files.openFile(path)
        var bytes = [UInt8](repeating: 0, count: try old.size())
        _ = try bytes.withUnsafeMutableBytes { try old.read(at: 0, into: $0) }
        try files.unlink(path)
        guard let changed = change(bytes) else { return }
        let new = try files.createFile(path)
        try changed.withUnsafeBytes { try new.write($0, at: 0) }
    }

    // MARK: Judgement

    /// The error that something ends with; anything but a SnapError fails the test.
    private func refusal(_ body: () throws -> Void) throws -> SnapError? {
        do { try body() } catch let error as SnapError { return error }
        return nil
    }

    /// What can be read of the snapshots that are known; none of it may differ from what was
    /// written.
    private func readable(
        _ life: Life, _ files: AmnesiaFileLayer, _ what: String
    ) throws -> [[UInt8]: SourceModel] {
        var found: [[UInt8]: SourceModel] = [:]
        _ = try refusal {
            let repository = try life.engine.open(files)
            let catalog = try repository.catalog()
            for manifest in catalog.snapshots + catalog.forgotten {
                let model = try life.engine.readable(manifest, repository)
                guard let wanted = life.models[manifest.hexID] else { continue }
                for (name, node) in model where wanted[name] != node {
                    Issue.record("\(what): \(manifest.hexID): \(name) has other contents")
                }
                found[manifest.id] = model
            }
        }
        return found
    }

    /// Whatever is run then ends with an error or well, and a snapshot that is made reads.
    private func useEverything(_ life: Life, _ files: AmnesiaFileLayer, _ what: String) throws {
        for deed in Deed.allCases {
            _ = try refusal { try life.perform(deed, try life.engine.open(files)) }
        }
        _ = try refusal {
            _ = try AuditLog(life.engine.open(files)).verify()
            _ = try RepositoryCheck(life.engine.open(files)).run(readData: true, threads: 1)
        }
        _ = try refusal {
            let manifest = try life.engine.backup(try life.engine.open(files))
            let tree = try life.engine.contents(manifest, try life.engine.open(files))
            #expect(tree == life.engine.model, "\(what): the backup after it")
        }
    }
}
