// SPDX-License-Identifier: MIT
//
// What damage to one segment of the index costs, and what a long life of a repository does.

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Synchronization
import Testing

@testable import SnapRepository

@Suite struct IndexDamageTests {
    private let files = MemoryFileLayer()

    init() throws { try createRepository(on: files) }

    /// Of some 100 objects, so that its segment has several pages.
    private func tree(_ seed: UInt64) -> SampleTree {
        var random = SeededRandom(seed: seed)
        let pieces = (0..<100).flatMap { _ -> [SampleNode.Piece] in
            [.data(random.bytes(30)), .hole(10)]
        }
        return SampleTree([SampleNode(Array("f\(seed)".utf8), mode: 0o100644, .file(pieces))])
    }

    private func segments() -> Set<String> {
        Set(files.contents.keys.filter { $0.hasPrefix("index/") })
    }

    /// Every page of a segment but the first, which opens it.
    private func damage(_ segment: String) throws {
        var bytes = try #require(files.contents[segment])
        let first = ContainerHeader.size + IndexHeader.sealedPageSize
        try #require(bytes.count > first)
        for place in stride(from: first, to: bytes.count, by: 1000) { bytes[place] ^= 1 }
        files.replace(segment, bytes)
    }

    private func reads(_ tree: SampleTree, _ manifest: Manifest) throws -> Bool {
        let view = try SnapshotView(
            manifest, repository: try openRepository(on: files), caches: ViewCaches())
        let findings = tree.compare(with: view)
        return findings.wrong == [] && findings.errors.isEmpty
    }

    @Test func damagedPageHidesNothingOfOtherSegments() throws {
        let first = try tree(1).backUp(to: openRepository(on: files))
        let old = try #require(segments().first)
        let second = try tree(2).backUp(to: openRepository(on: files))
        try damage(old)
        #expect(try !reads(tree(1), first))
        #expect(try reads(tree(2), second))
    }

    @Test func backupStoresAgainWhatADamagedPageHid() throws {
        let first = try tree(1).backUp(to: openRepository(on: files))
        try damage(try #require(segments().first))
        let again = try tree(1).backUp(to: openRepository(on: files))
        #expect(try reads(tree(1), again))
        #expect(try reads(tree(1), first), "the objects are the same")
    }

    @Test func segmentThatCannotBeMergedDoesNotStopBackups() throws {
        _ = try tree(0).backUp(to: openRepository(on: files))
        try damage(try #require(segments().first))
        for seed in 1...UInt64(PackingStage.segmentsMax + 2) {
            let manifest = try tree(seed).backUp(to: openRepository(on: files))
            #expect(try reads(tree(seed), manifest))
        }
    }

    /// Counts the files of the index that are open.
    private final class CountingStore: ForwardingStore {
        let base: any Store
        let open = Counter()

        final class Counter: Sendable {
            let now = Atomic<Int>(0)
            let most = Atomic<Int>(0)
        }

        private final class File: StoreFile {
            private let file: any StoreFile
            private let counter: Counter
            var size: Int { file.size }

            init(_ file: any StoreFile, _ counter: Counter) {
                self.file = file
                self.counter = counter
                let now = counter.now.add(1, ordering: .relaxed).newValue
                counter.most.max(now, ordering: .relaxed)
            }

            deinit { counter.now.subtract(1, ordering: .relaxed) }

            func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
                try file.read(at: offset, into: buffer)
            }
        }

        init(_ base: any Store) { self.base = base }

        func open(_ name: String) throws -> any StoreFile {
            let file = try base.open(name)
            return name.hasPrefix("index/") ? File(file, open) : file
        }
    }

    @Test func supersededSegmentsAreNotKeptOpen() throws {
        let count = PackingStage.segmentsMax + 5
        for seed in 0..<count {
            let tree = SampleTree([.file("f", .data([UInt8](repeating: UInt8(seed), count: 600)))])
            _ = try tree.backUp(to: openRepository(on: files))
        }
        #expect(segments().count > count)
        let store = CountingStore(LocalStore(files: files, location: "memory"))
        let repository = try Repository.open(store, testKey)
        try repository.refresh()
        let listed = repository.objects.segments
        #expect(listed.count <= 6)
        #expect(store.open.most.load(ordering: .relaxed) <= listed.count + 1)
        try repository.refresh()
        #expect(repository.objects.segments.map(\.name) == listed.map(\.name))
        #expect(store.open.now.load(ordering: .relaxed) == listed.count)
    }

    @Test func segmentCountsAgainWhenWhatSupersedesItIsGone() throws {
        var last: Manifest?
        for seed in 0...UInt64(PackingStage.segmentsMax) {
            last = try tree(seed).backUp(to: openRepository(on: files))
        }
        let repository = try openRepository(on: files)
        let merged = try #require(repository.objects.segments.first { !$0.superseded.isEmpty })
        files.replace(IndexSegment.storeName(merged.name), nil)
        try repository.refresh()
        #expect(repository.objects.segments.count == PackingStage.segmentsMax + 1)
        let view = try SnapshotView(
            try #require(last), repository: repository, caches: ViewCaches())
        #expect(tree(UInt64(PackingStage.segmentsMax)).compare(with: view).errors.isEmpty)
    }
}
