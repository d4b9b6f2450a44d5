// SPDX-License-Identifier: MIT
//
// Promise 3: a damaged byte is an error, never wrong data. A small repository is damaged in every way
// that one change of one file allows, opened anew, and everything in it read.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

@Suite struct DamageTests {
    /// Two snapshots with things in common; all files of the repository and the trees.
    private struct Sample: Sendable {
        var files: [String: [UInt8]]
        var trees: [[UInt8]: SampleTree] = [:]

        init() throws {
            let layer = MemoryFileLayer()
            let password = Credential.password(Secret(Array("password".utf8)))
            try createRepository(on: layer, password)
            let first = SampleTree.small(seed: 1)
            let second = SampleTree(
                Array(first.children.dropFirst(2)) + [.file("new", .data(Array("new".utf8)))])
            for tree in [first, second] {
                trees[try tree.backUp(to: try openRepository(on: layer, password)).id] = tree
            }
            files = layer.contents
        }
    }

    private static let sample = Result { try Sample() }

    /// Opens a damaged copy and reads everything. True when all of it was right.
    private func readsRight(_ files: [String: [UInt8]], _ what: String) throws -> Bool {
        let sample = try Self.sample.get()
        let layer = MemoryFileLayer(files: files)
        do {
            let repository = try openRepository(
                on: layer, .password(Secret(Array("password".utf8))))
            var damaged = 0
            let manifests = try repository.manifests { _, _ in damaged += 1 }
            let listed = try repository.manifestIDs().count
            #expect(manifests.count + damaged == listed, "\(what)")
            var whole = manifests.count == sample.trees.count
            for manifest in manifests {
                let tree = try #require(sample.trees[manifest.id], "\(what)")
                let view = try SnapshotView(
                    manifest, repository: repository, caches: ViewCaches())
                let findings = tree.compare(with: view)
                #expect(findings.wrong == [], "\(what)")
                if !findings.errors.isEmpty { whole = false }
            }
            return whole
        } catch let error as SnapError {
            #expect(error.kind != .io, "\(what): \(error)")
            return false
        }
    }

    @Test func undamagedRepositoryReadsRight() throws {
        let files = try Self.sample.get().files
        #expect(try readsRight(files, "as it is"))
        #expect(files.values.reduce(0) { $0 + $1.count } < 64 << 10)
    }

    /// Bits of the clear and small structures all; of sealed records, where a flip anywhere fails the
    /// one tag, and of padding, every 29th byte.
    private static func places(_ path: String, _ count: Int) -> [Int] {
        (0..<count).filter { $0 < 128 || $0 >= count - 64 || count < 1024 || $0 % 29 == 0 }
    }

    @Test func flippedBitAnywhereGivesRightDataOrAnError() throws {
        let files = try Self.sample.get().files
        var harmless: [String: Int] = [:]
        var count = 0
        for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
            for place in Self.places(path, bytes.count) {
                var damaged = files
                damaged[path]![place] ^= 1 << UInt8(place % 8)
                count += 1
                if try readsRight(damaged, "\(path) byte \(place)") {
                    harmless[String(path.prefix(4)), default: 0] += 1
                }
            }
        }
        print("\(count) flips; harmless: \(harmless)")
        // What reading needs is noticed: only what a mount never looks at in a pack may pass.
        #expect(Set(harmless.keys).isSubset(of: ["data", "meta"]))
    }

    @Test func cutOrEmptyFileGivesRightDataOrAnError() throws {
        let files = try Self.sample.get().files
        for (path, bytes) in files {
            for count in Set([0, 1, bytes.count / 2, bytes.count - 1]) {
                var damaged = files
                damaged[path] = Array(bytes[..<count])
                #expect(try !readsRight(damaged, "\(path) cut to \(count)"), "\(path) \(count)")
            }
            var longer = files
            longer[path]! += [0]
            #expect(try !readsRight(longer, "\(path) with a byte more"), "\(path)")
        }
    }

    @Test func removedFileGivesRightDataOrAnError() throws {
        let files = try Self.sample.get().files
        for path in files.keys {
            var damaged = files
            damaged[path] = nil
            #expect(try !readsRight(damaged, "\(path) removed"), "\(path)")
        }
    }

    @Test func swappedFilesGiveRightDataOrAnError() throws {
        let files = try Self.sample.get().files
        let paths = files.keys.sorted()
        for (number, a) in paths.enumerated() {
            for b in paths[(number + 1)...] {
                var damaged = files
                (damaged[a], damaged[b]) = (files[b], files[a])
                let right = try readsRight(damaged, "\(a) and \(b) swapped")
                // The name of an index segment is its hash, which only `check` compares.
                let isIndex = a.hasPrefix("index/") && b.hasPrefix("index/")
                #expect(right == isIndex, "\(a) and \(b)")
            }
        }
    }

    @Test func olderFileUnderANewNameIsNotTaken() throws {
        let files = try Self.sample.get().files
        for path in files.keys where path.contains("/") {
            var damaged = files
            let folder = path[..<path.lastIndex(of: "/")!]
            for name in ["00000000", "00000002", "4294967295", String(repeating: "a", count: 32)] {
                damaged["\(folder)/\(name)"] = files[path]
                _ = try readsRight(damaged, "\(path) as \(name) too")
                damaged["\(folder)/\(name)"] = nil
            }
        }
    }
}
