// SPDX-License-Identifier: MIT
//
// Promise 3: a damaged byte is an error, never wrong data. A small repository is damaged in every
// way that one change of one file allows, opened anew, and everything in it read.

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
            let catalog = try repository.catalog()
            let manifests = catalog.snapshots
            let listed = try repository.ledger.decided().count
            #expect(manifests.count + catalog.damaged.count == listed, "\(what)")
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

    /// Every byte of what is small or in clear; of sealed records, where a flip anywhere fails the
    /// one tag, and of padding, every 61st.
    private static func isTried(_ place: Int, of count: Int) -> Bool {
        place < 128 || place >= count - 64 || count < 1024 || place % 61 == 0
    }

    @Test(arguments: 0..<4) func flippedBitAnywhereGivesRightDataOrAnError(share: Int) throws {
        let files = try Self.sample.get().files
        for (path, bytes) in files {
            for place in bytes.indices
            where place % 4 == share && Self.isTried(place, of: bytes.count) {
                var damaged = files
                damaged[path]![place] ^= 1 << UInt8(place / 4 % 8)
                let right = try readsRight(damaged, "\(path) byte \(place)")
                // Only what a mount never looks at may pass: header, trailer and padding of packs.
                let isPack = path.hasPrefix("data/") || path.hasPrefix("meta/")
                #expect(!right || isPack, "\(path) byte \(place)")
            }
        }
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
