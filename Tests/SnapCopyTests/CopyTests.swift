// SPDX-License-Identifier: MIT
//
// Copies between real stores: what a copy is, what it costs, and what survives a failure.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapCopy

@Suite struct CopyTests {
    private let sides: Sides
    private let origin = Origin(time: 1000, host: "host", user: "root")

    init() throws { sides = try Sides() }

    private func size(_ side: TestRepository) throws -> UInt64 {
        try side.open().listPacks().bytes
    }

    /// A huge directory that splits, a long list, and everything else.
    private static let everything: [TestEntry] = [
        .directory(
            "huge", (0..<3000).map { .text("file \($0)", "content of \($0)") }),
        .sparse("list", pieces: 2500),
        .file("big", noise(3_000_000, seed: 1), xattrs: xattrs(3000)),
        .directory("d", [.file("noted", noise(700, seed: 2), xattrs: xattrs(20))]),
        .directory("empty", []), .file("nothing", []), .symlink("link", "../elsewhere"),
    ]

    private static func xattrs(_ count: Int) -> [UInt8] {
        ExtendedAttribute.encode([
            ExtendedAttribute(name: Array("user.a".utf8), value: noise(count, seed: 9))
        ])
    }

    // MARK: What a copy is

    @Test func aCopyIsEqual() throws {
        try sides.source.snapshot(Self.everything, time: 1)
        try SampleTree.small(seed: 3).backUp(to: try sides.source.open()) {
            $0.host = "other"
            $0.user = "somebody"
            $0.job = "nightly"
            $0.tags = ["a", "b"]
            $0.userNames = [1000: "somebody"]
        }
        #expect(try sides.run().copied.count == 2)
        try sides.expectEqual()
    }

    @Test func linksStayLinks() throws {
        let repository = try sides.source.open()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        let writer = try SnapshotWriter(
            repository: repository,
            template: Manifest(
                id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1), root: root),
            progress: BackupProgress(), threads: 1)
        var entry = Entry(name: [0x61], attributes: Attributes(mode: 0o100644))
        entry.attributes.links = 3
        entry.attributes.linkGroup = 77
        writer.beginFile()
        try writer.append(all: noise(2_000_000, seed: 5))
        try writer.endFile(entry, xattrs: [])
        entry.attributes.size = 2_000_000
        for name: UInt8 in [0x62, 0x63] {
            entry.name = [name]
            try writer.addLink(entry, xattrs: [], before: nil)
        }
        _ = try writer.finish(root: root)
        #expect(try sides.run().bytesRead == [2_000_000])
        try sides.expectEqual()
    }

    // MARK: What it costs

    @Test func aSecondCopyWritesNothing() throws {
        try sides.source.snapshot(Self.everything, time: 1)
        try sides.run()
        func files() throws -> [String] {
            try ["data", "meta", "index", "snapshots", "notes", "sessions"]
                .flatMap { try sides.copy.files($0) }
        }
        let before = try files()
        // Not even where it cannot be written.
        let run = try sides.run(
            to: FailingStore(try sides.copy.store(), failing: 10_000, forGood: true))
        #expect(run.copied.isEmpty && run.notes == [0])
        #expect(try files() == before)
    }

    @Test func whatIsTheSameIsReadAndStoredOnce() throws {
        for time in 1...6 {
            try sides.source.snapshot(
                Self.everything + [.file("new \(time)", noise(5000, seed: UInt64(time)))],
                time: Int64(time))
        }
        let run = try sides.run()
        #expect(run.copied.count == 6)
        #expect(run.bytesRead.dropFirst() == [5000, 5000, 5000, 5000, 5000])
        let (original, copy) = (try size(sides.source), try size(sides.copy))
        #expect(copy < original + original / 10)
        try sides.expectEqual()
    }

    /// A new process knows nothing but what both sides have.
    @Test func ofAChangedFileOnlyTheChangedChunksAreRead() throws {
        var content = noise(24_000_000, seed: 4)
        try sides.source.snapshot([.file("big", content), .sparse("s", pieces: 900)], time: 1)
        try sides.run()
        content[12_000_000] ^= 1
        try sides.source.snapshot([.file("big", content), .sparse("s", pieces: 901)], time: 2)
        let run = try sides.run()
        #expect(run.copied.count == 1)
        #expect(try #require(run.bytesRead.first) <= 4_194_304 + 600)
        try sides.expectEqual()
    }

    /// Chunk boundaries depend on the key: only who has it cuts alike.
    @Test(arguments: [true, false])
    func aBackupIntoACopyCutsAlikeIfAsked(cuttingAlike: Bool) throws {
        let sides = try Sides(cuttingAlike: cuttingAlike)
        let tree = [TestEntry.file("big", noise(12_000_000, seed: 4))]
        try sides.source.snapshot(tree, time: 1)
        try sides.run()
        let backup = try sides.copy.snapshot(tree, time: 2)
        #expect((backup.totals.bytesAdded < 100_000) == cuttingAlike)
        // And the other way about: what is copied of a backup of the same is there.
        try sides.source.snapshot(tree + [.text("more", "x")], time: 3)
        let made = try sides.run().copied
        #expect(made.count == 1 && made[0].totals.bytesAdded < 100_000)
    }

    // MARK: Notes

    @Test func whatIsSaidLaterIsBroughtOver() throws {
        let first = try sides.source.snapshot([.text("a", "1")], time: 1)
        let ledger = try sides.source.open().ledger
        func say(_ action: Note.Action, at time: Int64) throws {
            try NoteBook.add(
                action, to: [first.id], origin: Origin(time: time, host: "h", user: "u"),
                ledger: ledger)
        }
        try say(.tags(["x"]), at: 10)
        try say(.hold(until: 5_000_000_000), at: 11)
        let made = try #require(try sides.run().copied.first)
        func copied() throws -> (tags: [String], hold: SnapshotNotes.Hold?) {
            let catalog = try sides.copy.open().catalog()
            return (catalog.snapshots[0].tags, catalog.notes[made.id].hold)
        }
        #expect(try copied().tags == ["x"] && copied().hold == .until(5_000_000_000))
        #expect(try sides.run().notes == [0])
        try say(.tags(["x", "y"]), at: 20)
        try say(.release, at: 21)
        #expect(try sides.run().notes == [2])
        #expect(try copied().tags == ["x", "y"] && copied().hold == nil)
        // What is said at the destination later than that stays.
        try NoteBook.add(
            .tags(["mine"]), to: [made.id], origin: Origin(time: 30, host: "h", user: "u"),
            ledger: try sides.copy.open().ledger)
        #expect(try sides.run().notes == [0])
        #expect(try copied().tags == ["mine"])
    }

    /// The clock of the source may be ahead.
    @Test(arguments: [Note.Action.release, .hold(until: 4_000_000_000)])
    func aHoldOfTheDestinationIsNotShortened(said: Note.Action) throws {
        let first = try sides.source.snapshot([.text("a", "1")], time: 1)
        func say(_ action: Note.Action, at time: Int64) throws {
            try NoteBook.add(
                action, to: [first.id], origin: Origin(time: time, host: "h", user: "u"),
                ledger: try sides.source.open().ledger)
        }
        try say(.hold(until: 4_500_000_000), at: 10)
        let made = try #require(try sides.run().copied.first)
        try NoteBook.add(
            .hold(until: 5_000_000_000), to: [made.id], origin: origin,
            ledger: try sides.copy.open().ledger)
        try say(said, at: 2000)
        #expect(try sides.run().notes == [0])
        #expect(try sides.copy.open().catalog().notes[made.id].hold == .until(5_000_000_000))
        // A longer one is as welcome as ever.
        try say(.hold(until: nil), at: 3000)
        #expect(try sides.run().notes == [1])
        #expect(try sides.copy.open().catalog().notes[made.id].hold == .forEver)
    }

    @Test func whatWasForgottenThereStaysSo() throws {
        try sides.source.snapshot([.text("a", "1")], time: 1)
        let made = try #require(try sides.run().copied.first)
        try NoteBook.add(
            .forget, to: [made.id], origin: origin, ledger: try sides.copy.open().ledger)
        guard case .forgotten = try #require(try sides.run().outcomes.first) else {
            Issue.record("it was copied again")
            return
        }
        #expect(try Sides.snapshots(sides.copy).isEmpty)
    }

    @Test func aCopyThatWasRepairedDoesNotKeepTheSoundOneAway() throws {
        try sides.source.snapshot([.file("a", noise(90_000, seed: 1)), .text("b", "2")], time: 1)
        try sides.run()
        for pack in try sides.copy.files("data") { try sides.copy.remove(pack) }
        _ = try PackRepair(try sides.copy.open())
            .run(names: [], host: "host", threads: 2, isDryRun: false)
        try SnapshotRepair(
            try sides.copy.open(), origin: origin, program: "test", isDryRun: false
        ).run(readData: false, threads: 2) { _ in }
        #expect(try sides.run().copied.count == 1)
        #expect(try sides.run().copied.isEmpty)
        #expect(try Sides.snapshots(sides.copy).count == 2)
    }

    /// Whichever of the two has the lower id.
    @Test func ofTwoRunsAtOnceOneCopyStays() throws {
        for _ in 0..<6 {
            let sides = try Sides()
            let original = try sides.source.snapshot(
                [.file("a", noise(90_000, seed: 1)), .text("b", "2")], time: 1)
            var isFirst = true
            try sides.run {
                $0.advance = { _, _ in
                    guard isFirst else { return }
                    isFirst = false
                    do { try sides.run() } catch { Issue.record(error) }
                }
            }
            #expect(try Sides.snapshots(sides.copy).map(\.logicalID) == [original.logicalID])
            #expect(try sides.copy.open().catalog().forgotten.count == 1)
            try sides.expectEqual()
        }
    }

    @Test func aRepositoryIsNotCopiedToItself() throws {
        let repository = try sides.source.open()
        let error = #expect(throws: SnapError.self) {
            _ = try RepositoryCopy(
                from: repository, Catalog(), to: try sides.source.open(), Catalog(), .init())
        }
        #expect(error?.kind == .refused)
    }

    // MARK: What goes wrong

    @Test func anInterruptedCopyGoesOnWhereItWas() throws {
        let tree = (0..<40).map { TestEntry.file("f\($0)", noise(300_000, seed: UInt64($0))) }
        try sides.source.snapshot([.directory("d", tree), .directory("e", [tree[3]])], time: 1)
        // Both closures are called by the source's thread.
        nonisolated(unsafe) var sent: UInt64 = 0
        let error = #expect(throws: SnapError.self) {
            try sides.run {
                $0.advance = { entries, _ in sent += entries }
                $0.isInterrupted = { sent > 28 }
            }
        }
        #expect(error?.kind == .interrupted)
        #expect(try Sides.snapshots(sides.copy).isEmpty)
        let run = try sides.run()
        #expect(try #require(run.bytesRead.first) < 8_000_000)
        try sides.expectEqual()
    }

    @Test func aDamagedSnapshotIsNotCopiedAndTheOthersAre() throws {
        let sound = try sides.source.snapshot([.file("a", noise(900_000, seed: 1))], time: 1)
        let known = try sides.source.files("data")
        try sides.source.snapshot(
            [.directory("d", [.file("broken", noise(900_000, seed: 2))])], time: 2)
        for name in try sides.source.files("data") where !known.contains(name) {
            try sides.source.flip(name, at: 5000)
        }
        let last = try sides.source.snapshot([.file("c", noise(900_000, seed: 3))], time: 3)
        let run = try sides.run()
        #expect(run.copied.map(\.logicalID) == [sound.logicalID, last.logicalID])
        #expect(run.damage.map(\.kind) == [.damaged])
        #expect(run.damage.first?.message.contains("/d/broken") == true)
        for manifest in run.copied {
            try sides.expectEqual(
                manifest.logicalID == sound.logicalID ? sound : last, manifest)
        }
        let report = try RepositoryCheck(try sides.copy.open()).run(readData: true, threads: 2)
        #expect(report.findings.isEmpty)
    }

    /// A repair of packs takes what is lost out of the index: a guide that needed it tells nothing.
    @Test func whatARepairTookFromAGuideIsCopiedAgain() throws {
        let tree: [TestEntry] = [
            .directory("d", [.file("large", noise(400_000, seed: 2)), .text("b", "2")])
        ]
        try sides.source.snapshot(tree, time: 1)
        try sides.run()
        try sides.copy.flip(
            try #require(try sides.copy.files("data").first), at: 5000)
        let repair = try PackRepair(try sides.copy.open())
            .run(names: [], host: "host", threads: 2, isDryRun: false)
        #expect(repair.lostCount == 1)
        try sides.source.snapshot(tree + [.text("new", "x")], time: 2)
        #expect(try sides.run().bytesRead == [400_000])
        try sides.expectEqual()
    }

    /// At whatever call either side fails, nothing is lost there, and the next run does the rest.
    @Test(arguments: [true, false], [true, false])
    func aFailingCallLosesNothing(atSource: Bool, forGood: Bool) throws {
        var failures = 0
        try sides.source.snapshot(
            [.file("a", noise(20_000, seed: 1)), .directory("d", [.text("b", "2")])], time: 1)
        try sides.source.snapshot([.file("a", noise(30_000, seed: 2))], time: 2)
        for call in stride(from: 1, to: 1000, by: 1) {
            let sides = try Sides(source: sides.source)
            let side = atSource ? sides.source : sides.copy
            let store = FailingStore(try side.store(), failing: call, forGood: forGood)
            let outcome = Result {
                try atSource ? sides.run(from: store) : sides.run(to: store)
            }
            guard store.hasFailed else {
                #expect(try outcome.get().copied.count == 2 && failures > 10)
                print("copy, failing calls \(atSource) \(forGood): \(call - 1), \(failures) failed")
                return
            }
            if case .failure = outcome { failures += 1 }
            try sides.expectEqual(partly: true, "call \(call)")
            try sides.run()
            try sides.expectEqual("call \(call), run again")
        }
        Issue.record("more calls than were expected")
    }
}
