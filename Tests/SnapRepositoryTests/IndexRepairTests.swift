// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct IndexRepairTests {
    /// Three snapshots, so three segments.
    private func repository() throws -> TestRepository {
        let test = try TestRepository()
        for number in 1...3 {
            try test.snapshot(
                [
                    .file("same", noise(600_000, seed: 1)),
                    .directory("d", [.file("own", noise(3000, seed: UInt64(10 + number)))]),
                ], time: Int64(number) * 1_000_000)
        }
        return test
    }

    private func repair(
        _ test: TestRepository, isDryRun: Bool = false
    ) throws -> IndexRepairReport {
        try IndexRepair(try test.open()).run(host: "test", isDryRun: isDryRun)
    }

    private func findings(_ test: TestRepository) throws -> Int {
        try RepositoryCheck(try test.open()).run(readData: true, threads: 2).findingCount
    }

    @Test func aWholeIndexGetsNoNewSegment() throws {
        let test = try repository()
        let before = try test.files("index")
        #expect(try repair(test).segments == 0)
        #expect(try test.files("index") == before)
        #expect(try test.files("sessions") == [])
    }

    @Test(arguments: [[0], [1, 2], [0, 1, 2]]) func missingSegmentsAreMadeAgain(
        missing: [Int]
    ) throws {
        let test = try repository()
        let segments = try test.files("index")
        for number in missing { try test.remove(segments[number]) }
        #expect(try findings(test) > 0)
        #expect(try repair(test, isDryRun: true).segments == 1)
        #expect(try findings(test) > 0)
        let report = try repair(test)
        #expect(report.packs == missing.count * 2)
        #expect(report.damaged.isEmpty && report.unreadable.isEmpty)
        #expect(try findings(test) == 0)
    }

    @Test func aDamagedSegmentIsReplacedWhereverTheDamageIs() throws {
        let test = try repository()
        let segment = try test.files("index")[1]
        let whole = try test.read(segment)
        var damages = stride(from: 0, to: whole.count, by: whole.count / 9).map { offset in
            var bytes = whole
            bytes[offset] ^= 1
            return bytes
        }
        damages += [[], Array(whole.prefix(3000)), Array(whole.dropLast()), whole + [0]]
        let before = Set(try test.files("index"))
        for damage in damages {
            try test.overwrite(segment, damage)
            let report = try repair(test)
            #expect(report.damaged.map(\.name) == [segment])
            #expect(try findings(test) == 0)
            // What is damaged stays until a collection takes it.
            #expect(try test.read(segment) == damage)
            #expect(try repair(test).segments == 0)
            for new in Set(try test.files("index")).subtracting(before) { try test.remove(new) }
            try test.overwrite(segment, whole)
        }
    }

    @Test func aPackWithoutAnAuthenticTableIsNamedAndLeftOut() throws {
        let test = try repository()
        for segment in try test.files("index") { try test.remove(segment) }
        let packs = try test.files("data")
        let whole = try packs.map { try test.read($0) }
        try test.flip(packs[0], at: whole[0].count - 1)
        try test.overwrite(packs[1], Array(whole[1].dropLast(100)))
        try test.overwrite(packs[2], [1, 2, 3])
        let report = try repair(test)
        #expect(report.unreadable.map(\.name) == packs)
        #expect(report.packs == 3)
        let repository = try test.open()
        var named: [String] = []
        for segment in repository.objects.segments {
            try segment.forEachPack { named.append($0.storeName) }
        }
        #expect(named.sorted() == (try test.files("meta")))
    }

    @Test func aSegmentThatMayKnowMoreThanAPackStays() throws {
        let test = try repository()
        let segment = try test.files("index")[0]
        // Its last page, which no lookup of its packs needs.
        try test.flip(segment, at: try test.read(segment).count - 1)
        let report = try #require(try? repair(test))
        if report.unreadable.isEmpty { #expect(report.kept == []) }
        let again = try repository()
        let other = try again.files("index")[0]
        var packs: [String] = []
        for found in try again.open().objects.segments where "index/\(found.name.hex)" == other {
            try found.forEachPack { packs.append($0.storeName) }
        }
        try again.flip(other, at: try again.read(other).count - 20)
        try again.flip(packs[0], at: try again.read(packs[0]).count - 1)
        let second = try repair(again)
        #expect(second.unreadable.map(\.name) == [packs[0]])
        #expect(second.kept == [other] || second.damaged.map(\.name) == [other])
    }

    @Test func whatACollectionDeletedDoesNotComeBack() throws {
        let test = try repository()
        let manifests = try test.open().catalog().snapshots
        let origin = Origin(time: 5_000_000, host: "test", user: "test")
        try NoteBook.add(
            .forget, to: [manifests[0].id], origin: origin, ledger: try test.open().ledger)
        let before = try (test.files("data") + test.files("meta")).map { ($0, try test.read($0)) }
        let repository = try test.open()
        let inventory = PackInventory(repository, unusedMax: .bytes(0))
        _ = try Collector(
            ledger: try repository.ledger, inventory: inventory,
            liveness: SessionWatch(cache: nil), origin: origin, now: origin.time
        ).run()
        let gone = try before.filter {
            !(try test.files("data") + test.files("meta")).contains($0.0)
        }
        #expect(!gone.isEmpty)
        // Its deletions did not reach the disk, and the index was lost.
        for (name, bytes) in gone { try test.overwrite(name, bytes) }
        for segment in try test.files("index") { try test.remove(segment) }
        _ = try repair(test)
        var named: [String] = []
        for segment in try test.open().objects.segments {
            try segment.forEachPack { named.append($0.storeName) }
        }
        #expect(Set(named).isDisjoint(with: gone.map(\.0)))
        #expect(try findings(test) == 0)
    }

    @Test func waitsForAnOpenCollection() throws {
        let test = try repository()
        let repository = try test.open()
        let start = CollectionStart(
            number: 1, origin: Origin(time: 1, host: "", user: ""), forgotten: [], condemned: [],
            segments: repository.objects.segments.map(\.name))
        _ = try repository.ledger.create(.start(start))
        for segment in try test.files("index") { try test.remove(segment) }
        #expect {
            try repair(test)
        } throws: {
            ($0 as? SnapError)?.kind == .busy
        }
        #expect(try test.files("index") == [])
        #expect(try test.files("sessions") == [])
    }
}
