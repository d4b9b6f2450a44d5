// SPDX-License-Identifier: MIT
//
// One side is damaged, the other heals it: whichever was the original, whatever is lost. Who has
// something else heals nothing and damages nothing.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapCopy

@Suite struct HealingTests {
    enum Damage: CaseIterable { case flipped, removed, cut }

    private static func xattrs(_ count: Int) -> [UInt8] {
        ExtendedAttribute.encode([
            ExtendedAttribute(name: Array("user.a".utf8), value: noise(count, seed: 9))
        ])
    }

    /// A huge directory that splits, a long list, and everything else.
    private static func tree(_ number: Int64) -> [TestEntry] {
        [
            .directory(
                "huge", (0..<1200).map { .text("file \($0)", "content of \($0) \(number / 2)") }),
            .sparse("list", pieces: 700), .file("big", noise(1_200_000, seed: 1)),
            .file("noted", noise(700, seed: 2), xattrs: xattrs(3000)),
            .directory(
                "a",
                [
                    .directory(
                        "b",
                        [
                            .file("changing", noise(300_000, seed: UInt64(number) + 20)),
                            .text("same", "the same"),
                        ])
                ]),
            .directory("empty", []), .file("nothing", []), .symlink("link", "../elsewhere"),
        ]
    }

    /// Two sides of two snapshots.
    private static func sides() throws -> Sides {
        let sides = try Sides()
        for time: Int64 in 1...2 { try sides.source.snapshot(tree(time), time: time) }
        try sides.run()
        return sides
    }

    @discardableResult
    private static func heal(
        _ side: TestRepository, from other: TestRepository, store: (any Store)? = nil,
        readData: Bool = true, isDryRun: Bool = false
    ) throws -> RepositoryHealing.Report {
        try RepositoryHealing(
            try side.open(store), from: try other.open(), host: "host", isDryRun: isDryRun
        ).run(readData: readData, threads: 2)
    }

    private static func check(_ side: TestRepository) throws -> CheckReport {
        try RepositoryCheck(try side.open()).run(readData: true, threads: 2)
    }

    private static func damage(
        _ side: TestRepository, _ file: String, _ damage: Damage, at part: Int = 50
    ) throws {
        let bytes = try side.read(file)
        switch damage {
        case .flipped: try side.flip(file, at: bytes.count * part / 100)
        case .removed: try side.remove(file)
        case .cut: try side.overwrite(file, Array(bytes.dropLast(bytes.count / 3)))
        }
    }

    private static func packs(_ side: TestRepository) throws -> [String] {
        try side.files("data") + side.files("meta")
    }

    // MARK: What is lost comes back

    @Test(arguments: [true, false], Damage.allCases)
    func everyPackComesBack(isOriginal: Bool, damage: Damage) throws {
        let sides = try Self.sides()
        let (side, other) =
            isOriginal ? (sides.source, sides.copy) : (sides.copy, sides.source)
        for pack in try Self.packs(side) {
            let what = "\(pack), \(damage), \(isOriginal ? "original" : "copy")"
            try Self.damage(side, pack, damage)
            try #expect(Self.check(side).findingCount > 0, "\(what)")
            let report = try Self.heal(side, from: other)
            #expect(report.packs == 1 && report.remaining.count == 0, "\(what)")
            #expect(report.objects > 0, "\(what)")
            try sides.expectEqual(what)
        }
        try #expect(Self.heal(side, from: other).isDamaged == false)
    }

    /// All of it, and each side knows only what the other has.
    @Test func allPacksTogetherComeBack() throws {
        let sides = try Self.sides()
        for pack in try Self.packs(sides.source) { try sides.source.remove(pack) }
        let report = try Self.heal(sides.source, from: sides.copy, readData: false)
        #expect(report.whole.count == 2 && report.remaining.count == 0)
        try sides.expectEqual()
    }

    @Test func whatIsMissingIsKnownWithoutReading() throws {
        let sides = try Self.sides()
        for pack in try Self.packs(sides.copy) {
            try Self.damage(sides.copy, pack, .removed)
            let report = try Self.heal(sides.copy, from: sides.source, readData: false)
            #expect(report.objects > 0 && report.remaining.count == 0, "\(pack)")
        }
        try sides.expectEqual()
    }

    // MARK: What is not proven is not written

    @Test func aDryRunWritesNothing() throws {
        let sides = try Self.sides()
        for pack in try Self.packs(sides.source) { try Self.damage(sides.source, pack, .cut) }
        func files() throws -> [[String]] {
            try [sides.source, sides.copy].map { side in
                try ["data", "meta", "index", "sessions", "notes"].flatMap { try side.files($0) }
            }
        }
        let before = try files()
        let report = try Self.heal(sides.source, from: sides.copy, isDryRun: true)
        #expect(report.objects > 0 && report.remaining.count == 0)
        #expect(report.whole.count == 2)
        #expect(try files() == before)
    }

    /// Same logical ids, same paths, same sizes, other bytes.
    @Test(arguments: Damage.allCases)
    func anotherRepositoryHealsAndDamagesNothing(damage: Damage) throws {
        let sides = try Self.sides()
        let liar = try TestRepository()
        for manifest in try Sides.snapshots(sides.source) {
            try Self.forge(manifest, in: liar)
        }
        for pack in try Self.packs(sides.source) {
            let bytes = try sides.source.read(pack)
            try Self.damage(sides.source, pack, damage)
            let report = try Self.heal(sides.source, from: liar)
            #expect(report.unmatched.isEmpty && report.remaining.count > 0, "\(pack)")
            #expect(report.objects == 0 || !pack.hasPrefix("data"), "\(pack)")
            try sides.source.overwrite(pack, bytes)
            try sides.expectEqual("\(pack), \(damage)")
        }
    }

    /// A snapshot of the same logical id and the same names, in which every byte is another one.
    private static func forge(_ manifest: Manifest, in liar: TestRepository) throws {
        var root = manifest.root
        (root.content, root.xattrs) = (.none, .none)
        var template = manifest
        template.root = root
        let writer = try SnapshotWriter(
            repository: try liar.open(), template: template, progress: BackupProgress(),
            threads: 1, words: .template)
        func file(_ name: String, _ size: Int, _ seed: UInt64) throws {
            writer.beginFile()
            try writer.append(all: noise(size, seed: seed))
            try writer.endFile(
                Entry(name: Array(name.utf8), attributes: Attributes(mode: 0o100644)), xattrs: [])
        }
        func directory(_ name: String, _ body: () throws -> Void) throws {
            let entry = Entry(name: Array(name.utf8), attributes: Attributes(mode: 0o040755))
            try writer.beginDirectory(entry, xattrs: [])
            try body()
            try writer.endDirectory()
        }
        let number = manifest.time.seconds
        try directory("huge") {
            for n in 0..<1200 {
                try file("file \(n)", "content of \(n) \(number / 2)".utf8.count, UInt64(n))
            }
        }
        try file("list", 700 * (4096 + 600), 77)
        try file("big", 1_200_000, 78)
        try file("noted", 700, 79)
        try directory("a") {
            try directory("b") {
                try file("changing", 300_000, 80)
                try file("same", 8, 81)
            }
        }
        try directory("empty") {}
        try file("nothing", 0, 1)
        var link = Entry(name: Array("link".utf8), attributes: Attributes(mode: 0o120777))
        link.target = Array("../elsewhere".utf8)
        link.attributes.size = UInt64(link.target.count)
        try writer.add(link, xattrs: [])
        _ = try writer.finish(root: root)
    }

    @Test func theSameRepositoryIsRefused() throws {
        let sides = try Sides()
        let error = #expect(throws: SnapError.self) {
            try Self.heal(sides.source, from: sides.source)
        }
        #expect(error?.kind == .refused)
    }

    @Test func anOpenCollectionIsInTheWay() throws {
        let sides = try Sides()
        try sides.source.snapshot([.text("a", "1")])
        try sides.run()
        try sides.source.remove(try #require(sides.source.files("meta").first))
        let repository = try sides.source.open()
        let start = CollectionStart(
            number: 1, origin: Origin(time: 1, host: "", user: ""), forgotten: [], condemned: [],
            segments: repository.objects.segments.map(\.name))
        _ = try repository.ledger.create(.start(start))
        let error = #expect(throws: SnapError.self) {
            try Self.heal(sides.source, from: sides.copy)
        }
        #expect(error?.kind == .busy)
    }

    // MARK: Failures

    /// Every call of the store fails once: nothing is worse, and the next run does it.
    @Test(arguments: ["data", "meta"], [false, true])
    func aFailureMakesNothingWorse(area: String, forGood: Bool) throws {
        let tree: [TestEntry] = [
            .file("big", noise(300_000, seed: 1)),
            .directory("d", [.file("x", noise(5000, seed: 2), xattrs: Self.xattrs(3000))]),
        ]
        for call in 1... {
            let sides = try Sides()
            try sides.source.snapshot(tree)
            try sides.run()
            let pack = try #require(sides.source.files(area).first)
            let before = try sides.source.read(pack)
            try sides.source.remove(pack)
            let store = FailingStore(try sides.source.store(), failing: call, forGood: forGood)
            let what = "\(area), call \(call)"
            do { try Self.heal(sides.source, from: sides.copy, store: store) } catch {
                #expect(SnapError.wrap(error).kind == .noSpace, "\(what): \(error)")
            }
            // With the pack back in its place all is as it was, whatever was written.
            try sides.source.overwrite(pack, before)
            try #expect(Self.check(sides.source).findingCount == 0, "\(what)")
            try sides.source.remove(pack)
            let again = try Self.heal(sides.source, from: sides.copy)
            #expect(again.remaining.count == 0, "\(what)")
            try sides.expectEqual(what)
            if !store.hasFailed { break }
        }
    }
}
