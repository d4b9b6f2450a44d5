// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

/// Damage that no flipped bit makes: files that are authentic and do not agree.
@Suite struct PackCheckTests {
    private func repository() throws -> TestRepository {
        let test = try TestRepository()
        try test.snapshot([
            .file("a", noise(2000, seed: 1)), .file("b", noise(3000, seed: 2)),
            .file("c", noise(700_000, seed: 3)),
        ])
        return test
    }

    private func check(_ test: TestRepository) throws -> (CheckReport, Set<ObjectID>) {
        let repository = try test.open()
        let report = CheckReport(CheckObserver())
        let check = StoreCheck(repository, report, CheckObserver())
        try check.run()
        let pool = try WorkerPool(threads: 2)
        defer { pool.close() }
        try check.readPacks(pool, threads: 2)
        return (report, check.suspects)
    }

    /// Replaces the index by one segment of changed entries.
    private func rewriteIndex(
        _ test: TestRepository, _ change: ([IndexEntry]) -> [IndexEntry]
    ) throws {
        let repository = try test.open()
        let segment = try #require(repository.objects.segments.first)
        var entries: [IndexEntry] = []
        try segment.forEachEntry { entries.append($0) }
        let changed = change(entries)
        let packs = try (0..<UInt32(segment.header.packCount)).map {
            try segment.pack($0).description
        }
        let session = [UInt8](repeating: 1, count: 16)
        _ = try IndexWriter.write(
            store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1),
            header: IndexHeader(
                entryCount: changed.count, packCount: packs.count, supersededCount: 1,
                session: session),
            packs: { try packs.forEach($0) }, superseded: [segment.name],
            entries: { try changed.forEach($0) })
    }

    @Test func anEqualIndexIsNoDamage() throws {
        let test = try repository()
        try rewriteIndex(test) { $0 }
        let (report, suspects) = try check(test)
        #expect(report.findings == [])
        #expect(suspects == [])
        #expect(report.packs == 2)
        #expect(report.objectBytes > 705_000)
    }

    @Test func anObjectThatTheIndexPlacesElsewhereIsDamage() throws {
        let test = try repository()
        try rewriteIndex(test) { entries in
            var entries = entries
            entries[0].length -= 1
            return entries
        }
        let (report, suspects) = try check(test)
        #expect(report.findingCount > 0)
        #expect(suspects.count == 1)
    }

    @Test func anObjectThatTheIndexLacksIsDamage() throws {
        let test = try repository()
        try rewriteIndex(test) { entries in
            // A pack of which the index needs nothing is no damage: this one has others.
            let sizes = Dictionary(grouping: entries) { $0.pack }.mapValues(\.count)
            let index = entries.firstIndex { sizes[$0.pack]! > 1 }!  // the repository has such
            return Array(entries[..<index] + entries[(index + 1)...])
        }
        #expect(try check(test).0.findingCount > 0)
    }

    @Test func anObjectThatThePackLacksIsDamage() throws {
        let test = try repository()
        try rewriteIndex(test) { entries in
            var extra = entries.last!
            extra.id.words.3 &+= 1
            return entries + [extra]
        }
        #expect(try check(test).0.findingCount > 0)
    }

    @Test func anObjectThatIsNotWhatItsIdSaysIsDamage() throws {
        let test = try TestRepository()
        let repository = try test.open()
        let session = [UInt8](repeating: 1, count: 16)
        let content = noise(1000, seed: 1)
        let id = try repository.keys.id(.data, content)
        for (name, id, kind, isWhole) in [
            ("whole", id, ObjectKind.data, true), ("another", ObjectID.zero, .data, false),
            ("kind", try repository.keys.id(.list, content), .list, false),
        ] {
            let writer = try PackWriter(
                store: repository.store,
                key: try repository.newFileKey(.dataPack, session: session, counter: 1))
            let record = try content.withUnsafeBytes { try RecordCompressor().compress($0) }
            try writer.append(
                record, [RecordObject(id: id, kind: kind, offset: 0, length: 1000)])
            let pack = try writer.finish(store: repository.store)
            let segment = try IndexWriter.write(
                [pack], store: repository.store,
                key: try repository.newFileKey(.index, session: session, counter: 2),
                session: session, collection: 0)
            let (report, _) = try check(test)
            #expect(report.findings.isEmpty == isWhole, "\(name)")
            try test.remove("index/\(segment.hex)")
        }
    }

    @Test func anEntryOutsideItsPackIsDamage() throws {
        let test = try repository()
        try rewriteIndex(test) { entries in
            var entries = entries
            entries[0].record.offset = .max
            return entries
        }
        let (report, _) = try check(test)
        #expect(report.findings.contains { $0.message.contains("index/") })
    }

    @Test func anObjectInTwoPacksIsNoDamage() throws {
        let test = try repository()
        // A second writer that did not see the first one's index stores the same objects again.
        let index = try test.files("index")[0]
        let bytes = try test.read(index)
        try test.remove(index)
        try test.snapshot([.file("a", noise(2000, seed: 1)), .file("z", noise(900, seed: 9))])
        try test.overwrite(index, bytes)
        let repository = try test.open()
        let merged = try IndexWriter.merge(
            repository.objects.segments,
            superseding: repository.objects.segments.map(\.name), store: repository.store,
            key: try repository.newFileKey(
                .index, session: [UInt8](repeating: 2, count: 16), counter: 1),
            session: [UInt8](repeating: 2, count: 16))
        let (report, _) = try check(test)
        #expect(report.findings == [])
        #expect(report.packs == 4)
        let statistics = try IndexStatistics(try test.open().objects) {}
        #expect(Int(statistics.objects) == report.objects)
        #expect(try test.files("index").contains("index/\(merged.hex)"))
    }

    @Test func statisticsCountAnObjectOnce() throws {
        let test = try repository()
        let index = try test.files("index")[0]
        let bytes = try test.read(index)
        let alone = try IndexStatistics(try test.open().objects) {}
        try test.remove(index)
        try test.snapshot([.file("a", noise(2000, seed: 1))])
        try test.overwrite(index, bytes)
        let both = try IndexStatistics(try test.open().objects) {}
        // One directory is new, the file is the same.
        #expect(both.objects == alone.objects + 1)
    }
}
