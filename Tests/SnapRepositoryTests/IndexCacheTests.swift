// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct IndexCacheTests {
    /// A repository of ten segments, its trees, and a cache that holds merged copies.
    private struct Sample {
        let files = MemoryFileLayer()
        let cache = MemoryFileLayer()
        var trees: [(tree: SampleTree, manifest: Manifest)] = []

        init() throws {
            try createRepository(on: files)
            for seed in 0..<10 {
                var random = SeededRandom(seed: UInt64(seed))
                // Some 40 objects each, so that a copy has several pages.
                let pieces = (0..<40).flatMap { _ -> [SampleNode.Piece] in
                    [.data(random.bytes(30)), .hole(10)]
                }
                let tree = SampleTree([
                    SampleNode(Array("f\(seed)".utf8), mode: 0o100644, .file(pieces))
                ])
                trees.append((tree, try tree.backUp(to: try openRepository(on: files))))
            }
            try LocalStore(files: cache, location: "cache").makeCacheDirectories()
            cache.replace("snapfs", [])
        }

        func open() throws -> Repository {
            let repository = try Repository.open(
                LocalStore(files: files, location: "memory"), testKey,
                cache: { _ in LocalStore(files: cache, location: "cache") })
            try repository.refresh()
            return repository
        }

        func readsRight() throws {
            let repository = try open()
            for (tree, manifest) in trees {
                let view = try SnapshotView(
                    manifest, repository: repository, caches: ViewCaches())
                let findings = tree.compare(with: view)
                #expect(findings.wrong == [] && findings.errors.isEmpty, "\(findings)")
            }
        }

        var copies: [String] { cache.contents.keys.filter { $0.hasPrefix("index/") }.sorted() }
    }

    @Test func cacheHoldsMergedCopiesAndReadsRight() throws {
        let sample = try Sample()
        try sample.readsRight()
        let copies = sample.copies
        #expect(copies.count == 1)
        try sample.readsRight()
        #expect(sample.copies == copies)
        #expect(try sample.open().objects.segments.count == 10)
    }

    @Test func damagedCacheIsDoneWithout() throws {
        let sample = try Sample()
        try sample.readsRight()
        let copy = try #require(sample.copies.first)
        let good = try #require(sample.cache.contents[copy])
        #expect(good.count > 3 * IndexHeader.sealedPageSize)
        for place in [0, 50, 79, 80, 2000, 4175, 4176, 9000, good.count - 1] {
            var damaged = good
            damaged[place] ^= 1
            sample.cache.replace(copy, damaged)
            try sample.readsRight()
        }
        for count in [0, 80, 4176, good.count - 1] where count < good.count {
            sample.cache.replace(copy, Array(good[..<count]))
            try sample.readsRight()
        }
    }

    @Test func staleCacheIsDropped() throws {
        let sample = try Sample()
        try sample.readsRight()
        let copy = try #require(sample.copies.first)
        let gone = try #require(sample.files.contents.keys.first { $0.hasPrefix("index/") })
        let kept = sample.files.contents[gone]
        sample.files.replace(gone, nil)
        #expect(try sample.open().objects.segments.count == 9)
        #expect(!sample.copies.contains(copy))
        sample.files.replace(gone, kept)
        try sample.readsRight()
    }

    @Test func cacheThatCannotBeWrittenIsDoneWithout() throws {
        let sample = try Sample()
        sample.cache.before = { _, _, _ in throw SnapError(.io, "no") }
        try sample.readsRight()
    }

    /// A segment of one pack with these objects, which exists only in the index.
    private func segment(_ number: Int, _ ids: [ObjectID], in repository: Repository) throws
        -> IndexSegment
    {
        let pack = FinishedPack(
            description: PackDescription(
                name: ObjectID(words: (UInt64(number), 0, 0, 0)),
                salt: [UInt8](repeating: 1, count: 32), fileSize: 4096, generation: 0,
                kind: .dataPack),
            objects: ids.map {
                PackedObject(id: $0, kind: .data, record: 0, offset: UInt32(number), length: 1)
            }, records: [RecordPlace(offset: 80, size: 100)])
        let session = [UInt8](repeating: 1, count: 16)
        let name = try IndexWriter.write(
            [pack], store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1), session: session,
            collection: 0)
        return try repository.objects.openSegment(name)
    }

    @Test func segmentsOfALongBackupAreMergedAsTheyCome() throws {
        var random = SeededRandom()
        let sample = try Sample()
        let repository = try sample.open()
        let groups = (0..<40).map { _ in (0..<50).map { _ in ObjectID(random.bytes(32)) } }
        for (number, ids) in groups.enumerated() {
            repository.objects.add(try segment(number, ids, in: repository))
            #expect(repository.objects.segmentsAsked <= IndexCache.segmentsMax)
        }
        #expect(repository.objects.segments.count == 50)
        for (number, ids) in groups.enumerated() {
            for id in ids { #expect(try repository.objects.find(id)?.offset == number) }
        }
        try sample.readsRight()
    }
}
