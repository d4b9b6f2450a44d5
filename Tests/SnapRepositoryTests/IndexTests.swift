// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct IndexTests {
    private static let master = Secret([UInt8](repeating: 1, count: 32))
    private static let repository = [UInt8](repeating: 2, count: 16)
    private static let session = [UInt8](repeating: 3, count: 16)

    private let files = MemoryFileLayer()
    private let store: LocalStore
    private let pages = PageCache(costMax: 4 << 20)

    init() throws {
        store = LocalStore(files: files, location: "memory")
        try store.makeDirectories()
        try store.create("snapfs", [])
    }

    private func key() throws -> FileKey {
        try FileKey(
            kind: .index, generation: 0, salt: try Random.bytes(32), master: Self.master,
            repository: Self.repository)
    }

    private func open(_ name: ObjectID, pages: PageCache? = nil) throws -> IndexSegment {
        try IndexSegment(
            name, store: store, repository: Self.repository, pages: pages ?? self.pages,
            master: { _, _ in Self.master })
    }

    /// A pack of objects with these ids, which exists only in the index.
    private func pack(_ number: UInt8, _ ids: [ObjectID]) -> FinishedPack {
        FinishedPack(
            description: PackDescription(
                name: ObjectID([UInt8](repeating: number, count: 32)),
                salt: [UInt8](repeating: number, count: 32), fileSize: 4096 * UInt32(number),
                generation: 0, kind: number % 2 == 0 ? .metadataPack : .dataPack),
            objects: ids.enumerated().map {
                PackedObject(
                    id: $1, kind: .data, record: UInt32($0 % 3), offset: UInt32($0), length: 10)
            },
            records: [80, 1000, 0xffff_ff00].map {
                RecordPlace(offset: $0, size: 1000 + UInt32(number))
            })
    }

    private func write(_ packs: [FinishedPack]) throws -> IndexSegment {
        try open(
            IndexWriter.write(packs, store: store, key: key(), session: Self.session, collection: 0)
        )
    }

    private func expect(
        _ segment: IndexSegment, has ids: [ObjectID], in pack: FinishedPack, every step: Int = 1
    ) throws {
        for index in stride(from: 0, to: ids.count, by: step) {
            let entry = try #require(try segment.lookup(ids[index]))
            #expect(entry.id == ids[index])
            #expect(entry.record == pack.records[index % 3])
            #expect(entry.offset == UInt32(index) && entry.length == 10)
            #expect(try segment.pack(entry.pack).description == pack.description)
        }
    }

    /// 84 and 85: the entries of a page; 64 and 65: where the fan-out begins.
    @Test(arguments: [1, 64, 65, 84, 85, 86, 170, 5000, 200_000])
    func segmentFindsWhatItHasAndNothingElse(count: Int) throws {
        var random = SeededRandom()
        let ids = (0..<count).map { _ in ObjectID(random.bytes(32)) }
        let pack = pack(1, ids)
        let segment = try write([pack])
        let step = max(1, count / 3000)
        try expect(segment, has: ids, in: pack, every: step)
        for index in 0..<1000 {
            var id = index % 2 == 0 ? ObjectID(random.bytes(32)) : ids[index % count]
            id.words.3 ^= 1
            #expect(try segment.lookup(id) == nil)
        }
        for id in [ObjectID.zero, ObjectID([UInt8](repeating: 0xff, count: 32))] {
            #expect(try segment.lookup(id) == nil)
        }
        var all: [ObjectID] = []
        try segment.forEachEntry { all.append($0.id) }
        #expect(all == ids.sorted())
        #expect(segment.header.session == Self.session)
    }

    /// Of two reads one is for the fan-out. A slot's entries lie on two pages more often than not.
    @Test func lookupReadsTheRightPageFirst() throws {
        var random = SeededRandom()
        let ids = (0..<100_000).map { _ in ObjectID(random.bytes(32)) }
        // Nothing stays in the cache but the page used last.
        let segment = try open(try write([pack(1, ids)]).name, pages: PageCache(costMax: 0))
        let before = files.operationCount
        for id in ids[..<2000] { #expect(try segment.lookup(id) != nil) }
        let reads = Double(files.operationCount - before) / 2000
        #expect(reads < 2.1, "\(reads)")
    }

    @Test func emptySegmentHasNothing() throws {
        let segment = try write([])
        #expect(segment.header.entryCount == 0)
        #expect(try segment.lookup(.zero) == nil)
        try segment.forEachEntry { _ in Issue.record("an entry") }
    }

    @Test func clusteredIDsAreFoundToo() throws {
        let ids = (0..<3000).map { ObjectID(words: (0xff << 56, 0, 0, UInt64($0))) }
        let pack = pack(1, ids)
        try expect(try write([pack]), has: ids, in: pack, every: 7)
    }

    @Test func manyPacksCrossPages() throws {
        var random = SeededRandom()
        let packs = (0..<200).map { pack(UInt8($0), [ObjectID(random.bytes(32))]) }
        let segment = try write(packs)
        for pack in packs { try expect(segment, has: [pack.objects[0].id], in: pack) }
        let error = #expect(throws: SnapError.self) { try segment.pack(200) }
        #expect(error?.kind == .damaged)
    }

    @Test func mergeKeepsTheFirstOfEqualEntries() throws {
        var random = SeededRandom()
        let ids = (0..<1000).map { _ in ObjectID(random.bytes(32)) }
        let first = pack(1, Array(ids[..<600]))
        let second = pack(2, Array(ids[400...]))
        let segments = [try write([first]), try write([second]), try write([])]
        let merged = try open(
            IndexWriter.merge(
                segments, superseding: segments.map(\.name), store: store, key: key(),
                session: Self.session))
        #expect(merged.header.entryCount == 1000)
        #expect(merged.superseded == segments.map(\.name))
        try expect(merged, has: Array(ids[..<600]), in: first)
        for index in 600..<1000 {
            let entry = try #require(try merged.lookup(ids[index]))
            #expect(entry.offset == UInt32(index - 400))
            #expect(try merged.pack(entry.pack).description == second.description)
        }
    }

    @Test func mergeOfManySegmentsIsTheUnion() throws {
        var random = SeededRandom()
        var union: Set<ObjectID> = []
        let segments = try (0..<40).map { number in
            let ids = (0..<Int.random(in: 1...300, using: &random)).map { _ in
                // From a small range, so that some are in several.
                ObjectID(words: (UInt64.random(in: 0..<2000, using: &random) << 53, 0, 0, 0))
            }
            let distinct = Array(Set(ids))
            union.formUnion(distinct)
            return try write([pack(UInt8(number), distinct)])
        }
        let merged = try open(
            IndexWriter.merge(
                segments, superseding: [], store: store, key: key(), session: Self.session))
        var all: [ObjectID] = []
        try merged.forEachEntry { all.append($0.id) }
        #expect(all == union.sorted())
    }

    /// Two writers may have merged the same segments; and a name's first word says little.
    @Test func mergeNamesEachPackOnce() throws {
        var random = SeededRandom()
        let packs = (0..<300).map { number in
            var pack = pack(1, [ObjectID(random.bytes(32)), ObjectID(random.bytes(32))])
            pack.description.name.words = (UInt64(number % 3), 0, UInt64(number), 0)
            return pack
        }
        let runs = [packs[..<200], packs[200..<200], packs[100...], packs[50..<250]]
        let merged = try open(
            IndexWriter.merge(
                try runs.map { try write(Array($0)) }, store: store, key: key(),
                session: Self.session))
        #expect(merged.header.packCount == packs.count)
        #expect(merged.header.entryCount == 2 * packs.count)
        for pack in packs { try expect(merged, has: pack.objects.map(\.id), in: pack) }
    }

    @Test func mergeOfNothingIsEmpty() throws {
        for segments in [[], [try write([])]] {
            let merged = try open(
                IndexWriter.merge(segments, store: store, key: key(), session: Self.session))
            #expect(merged.header.entryCount == 0 && merged.header.packCount == 0)
        }
    }
}
