// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

/// Damage, and what the repairs of packs and snapshots make of it.
@Suite struct RepairTests {
    private static let origin = Origin(time: 9_000_000, host: "test", user: "test")
    private static let tree: [TestEntry] = [
        .directory(
            "d",
            [
                .file("large", noise(700_000, seed: 3)), .file("medium", noise(5000, seed: 4)),
                .file(
                    "xattrs", [1, 2, 3],
                    xattrs: ExtendedAttribute.encode([
                        ExtendedAttribute(
                            name: Array("user.long".utf8), value: noise(4000, seed: 5))
                    ])),
            ]),
        .directory("e", [.text("tiny", "tiny"), .symlink("link", "tiny")]),
        .sparse("sparse", pieces: 300),
    ]

    private func repository() throws -> TestRepository {
        let test = try TestRepository()
        try test.snapshot(Self.tree)
        try test.snapshot(Self.tree + [.text("only", "here")], time: 2_000_000)
        return test
    }

    private func check(_ test: TestRepository) throws -> CheckReport {
        try RepositoryCheck(try test.open()).run(readData: true, threads: 2)
    }

    private func repairPacks(
        _ test: TestRepository, isDryRun: Bool = false
    ) throws -> PackRepairReport {
        try PackRepair(try test.open()).run(
            names: [], host: "test", threads: 2, isDryRun: isDryRun)
    }

    private func repairSnapshots(
        _ test: TestRepository, isDryRun: Bool = false, origin: Origin = Self.origin
    ) throws -> [RepairedSnapshot] {
        var repaired: [RepairedSnapshot] = []
        try SnapshotRepair(
            try test.open(), origin: origin, program: "test", isDryRun: isDryRun
        ).run(readData: true, threads: 2) { repaired.append($0) }
        return repaired
    }

    private func prune(_ test: TestRepository) throws {
        let repository = try test.open()
        _ = try Collector(
            ledger: try repository.ledger,
            inventory: PackInventory(repository, unusedMax: .bytes(0)),
            liveness: SessionWatch(cache: nil), origin: Self.origin, now: Self.origin.time
        ).run()
    }

    /// Path and content of everything in a snapshot.
    private func contents(_ manifest: Manifest, _ test: TestRepository) throws -> [String: [UInt8]]
    {
        let view = try SnapshotView(manifest, repository: try test.open(), caches: ViewCaches())
        var iterator = TreeIterator(view, below: view.root)
        var found: [String: [UInt8]] = [:]
        while let place = try iterator.next() {
            var bytes = try view.entry(place).target + (try view.xattrRun(of: view.entry(place)))
            if place.attributes.isRegular {
                var content = [UInt8](repeating: 0, count: Int(place.attributes.size))
                let count = try content.withUnsafeMutableBytes {
                    try view.read(place, at: 0, into: $0)
                }
                #expect(count == content.count)
                bytes += content
            }
            found[String(decoding: iterator.path, as: UTF8.self)] = bytes
        }
        return found
    }

    private func largest(_ test: TestRepository, _ directory: String) throws -> String {
        try #require(
            try test.files(directory).max { try test.read($0).count < test.read($1).count })
    }

    // MARK: Packs

    @Test func whatCanBeReadIsSavedAndWhatIsLostIsMissing() throws {
        let test = try repository()
        let pack = try largest(test, "data")
        try test.flip(pack, at: 1000)
        #expect(try repairPacks(test, isDryRun: true).lostCount == 1)
        #expect(try test.files("data").count == 1)
        let report = try repairPacks(test)
        #expect(report.damaged == [pack])
        #expect(report.lostCount == 1 && report.salvaged > 100)
        let found = try check(test)
        #expect(
            found.findings.allSatisfy {
                if case .entry(_, let path) = $0.place { return path == Array("/d/large".utf8) }
                return false
            })
        #expect(found.damagedSnapshots.count == 2)
        #expect(try repairPacks(test).damaged == [])
        // A backup of the same data heals all of them.
        try test.snapshot(Self.tree, time: 3_000_000)
        #expect(try check(test).findingCount == 0)
    }

    @Test func damageThatNoObjectLiesInLosesNothing() throws {
        let test = try repository()
        for directory in ["data", "meta"] {
            for offset in [5, 40, 70] {
                try test.flip(try largest(test, directory), at: offset)
                #expect(try repairPacks(test).lostCount == 0)
                #expect(try check(test).findingCount == 0)
                try prune(test)
            }
            let pack = try largest(test, directory)
            try test.overwrite(pack, Array(try test.read(pack).dropLast(40)))
            #expect(try repairPacks(test).lostCount == 0)
            #expect(try check(test).findingCount == 0)
            try prune(test)
        }
        #expect(
            try contents(try test.open().catalog().snapshots[0], test)["/d/large"]?.count == 700_000
        )
    }

    /// Two small files in one record, the second of them in a pack of its own, too: as of two
    /// backups at once. Returns the two packs.
    private func twice() throws -> (test: TestRepository, both: String, one: String) {
        let test = try TestRepository()
        let second = TestEntry.file("b", noise(3000, seed: 2))
        try test.snapshot([.file("a", noise(2000, seed: 1)), second])
        let index = try test.files("index").map { ($0, try test.read($0)) }
        for (name, _) in index { try test.remove(name) }
        let both = try test.files("data")[0]
        try test.snapshot([second], time: 2_000_000)
        for (name, bytes) in index { try test.overwrite(name, bytes) }
        return (test, both, try #require(try test.files("data").first { $0 != both }))
    }

    @Test func aSavedRecordHasNothingThatNobodyFinds() throws {
        let (test, both, _) = try twice()
        try test.flip(both, at: 40)
        let known = try test.files("data")
        let report = try repairPacks(test)
        #expect(report.salvaged == 1 && report.elsewhere == 1 && report.lostCount == 0)
        let new = try #require(try test.files("data").first { !known.contains($0) })
        let repository = try test.open()
        let place = try repository.objects.locate(
            try repository.keys.id(.data, noise(2000, seed: 1)))
        #expect(place.pack.description.storeName == new)
        #expect(try repository.objects.record(place).count == 2000)
        #expect(try check(test).damagedSnapshots.isEmpty)
    }

    /// A copy in another pack is none where that pack is damaged or gone.
    @Test(arguments: [true, false])
    func whatIsElsewhereMustBeReadable(isGone: Bool) throws {
        let (test, both, one) = try twice()
        if isGone { try test.remove(one) } else { try test.flip(one, at: 1500) }
        let name = String(try #require(both.split(separator: "/").last))
        let report = try PackRepair(try test.open()).run(
            names: [name], host: "test", threads: 2, isDryRun: false)
        #expect(report.salvaged == 2 && report.elsewhere == 0 && report.lostCount == 0)
    }

    @Test func withoutAWholeIndexNoPackIsRepaired() throws {
        let test = try repository()
        try test.flip(try largest(test, "data"), at: 1000)
        try test.flip(try test.files("index")[0], at: 200)
        #expect {
            try repairPacks(test)
        } throws: {
            ($0 as? SnapError)?.kind == .damaged
        }
        #expect(try test.files("data").count == 1)
    }

    // MARK: Snapshots

    @Test func aRepairedSnapshotHasAllThatCanBeRead() throws {
        let test = try repository()
        let before = try test.open().catalog().snapshots
        let whole = try before.map { try contents($0, test) }
        try test.flip(try largest(test, "data"), at: 1000)
        #expect(try repairSnapshots(test, isDryRun: true).count == 2)
        #expect(try test.open().catalog().snapshots == before)
        let repaired = try repairSnapshots(test)
        #expect(repaired.map(\.lostCount) == [1, 1])
        let after = try test.open().catalog()
        #expect(after.forgotten.map(\.id) == before.map(\.id))
        for (old, new) in zip(before, after.snapshots) {
            #expect(new.time == old.time && new.host == old.host && new.paths == old.paths)
            #expect(new.tags == old.tags + ["repaired"])
            #expect(new.predecessor == old.id && new.logicalID == new.id)
            #expect(new.problems.map(\.path) == [Array("/d/large".utf8)])
        }
        for (tree, new) in zip(whole, after.snapshots) {
            #expect(try contents(new, test) == tree.filter { $0.key != "/d/large" })
        }
        #expect(try repairSnapshots(test).count == 0)
        try prune(test)
        _ = try repairPacks(test)
        #expect(try check(test).findingCount == 0)
    }

    @Test func anInterruptedRepairIsFinishedByTheNext() throws {
        let test = try repository()
        let old = try test.open().catalog().snapshots[0]
        try NoteBook.add(
            .hold(until: nil), to: [old.id], origin: Self.origin, ledger: try test.open().ledger)
        try test.flip(try largest(test, "data"), at: 1000)
        _ = try repairSnapshots(test)
        // As if the notes had not been written.
        for note in try test.files("notes") where !note.hasSuffix(".1") || !note.contains(old.hexID)
        {
            try test.remove(note)
        }
        let again = try repairSnapshots(test)
        #expect(again.count == 2)
        let catalog = try test.open().catalog()
        #expect(catalog.snapshots.count == 2)
        #expect(catalog.forgotten.count == 2)
        let new = try #require(catalog.snapshots.first { $0.predecessor == old.id })
        #expect(catalog.notes[new.id].hold == .forEver)
        #expect(catalog.notes[old.id].hold == nil)
    }

    @Test func aHoldDoesNotEndByAClockThatHasJumped() throws {
        let test = try repository()
        // A gap to measure the jump by.
        sleep(2)
        try test.snapshot([.text("later", "x")], time: 3_000_000)
        let snapshots = try test.open().catalog().snapshots
        let now = try #require(snapshots.map(\.endTime.seconds).max())
        let year: Int64 = 365 * 86_400
        try NoteBook.add(
            .hold(until: now + year), to: [snapshots[0].id], origin: Self.origin,
            ledger: try test.open().ledger)
        try test.flip(try largest(test, "data"), at: 1000)
        var origin = Self.origin
        origin.time = now + 10 * year
        _ = try repairSnapshots(test, origin: origin)
        let catalog = try test.open().catalog()
        let new = try #require(
            catalog.snapshots.first { $0.predecessor == snapshots[0].id && $0.tags == ["repaired"] }
        )
        #expect(catalog.notes[new.id].hold == .until(now + year))
    }

    @Test func aSnapshotOfWhichNothingIsLeftIsOnlyForgotten() throws {
        let test = try repository()
        let manifests = try test.open().catalog().snapshots
        try test.flip("snapshots/\(manifests[0].hexID)", at: 200)
        for pack in try test.files("meta") { try test.remove(pack) }
        let repaired = try repairSnapshots(test)
        #expect(repaired.count == 2)
        #expect(
            repaired.allSatisfy {
                if case .forgotten = $0.outcome { return true }
                return false
            })
        #expect(try test.open().catalog().snapshots == [])
    }

    /// A root that the medium refuses ends neither the snapshot nor the repair of the others.
    @Test func aRootThatTheMediumRefusesIsLeftAsItIs() throws {
        let test = try repository()
        let before = try test.open().catalog().snapshots
        guard case .directory(let root) = before[0].root.content else {
            Issue.record("the root has no node")
            return
        }
        let pack = try test.open().objects.locate(root).pack.description.storeName
        let store = RefusingStore(try test.store(), pack)
        var repaired: [RepairedSnapshot] = []
        try SnapshotRepair(
            try test.open(store), origin: Self.origin, program: "test", isDryRun: false
        ).run(readData: false, threads: 2) { repaired.append($0) }
        let kept = repaired.filter { if case .kept = $0.outcome { true } else { false } }
        #expect(kept.contains { $0.id == before[0].id })
        #expect(try test.open().catalog().snapshots.contains { $0.id == before[0].id })
    }

    /// Only an unreadable root means that nothing can be read.
    @Test func whatFailsElsewhereGivesNoSnapshotUp() throws {
        for call in 1...8 {
            let test = try repository()
            let before = try test.open().catalog().snapshots
            try test.flip(try largest(test, "data"), at: 1000)
            let store = RefusingStore(try test.store(), stage: call)
            try? SnapshotRepair(
                try test.open(store), origin: Self.origin, program: "test", isDryRun: false
            ).run(readData: true, threads: 2) {
                if case .forgotten = $0.outcome { Issue.record("call \(call)") }
            }
            let now = try test.open().catalog().snapshots
            for old in before {
                #expect(now.contains { $0.id == old.id || $0.predecessor == old.id })
            }
        }
    }

    /// A hold that was placed while the repair ran goes over to the new one; and no collection
    /// closes meanwhile.
    @Test func whatHappensDuringARepairIsNotLost() throws {
        let test = try repository()
        let old = try test.open().catalog().snapshots
        try test.flip(try largest(test, "data"), at: 1000)
        var count = 0
        try SnapshotRepair(
            try test.open(), origin: Self.origin, program: "test", isDryRun: false
        ).run(readData: true, threads: 2) { _ in
            count += 1
            guard count == 1 else { return }
            let sessions = try test.files("sessions")
            #expect(sessions.count == 1)
            try NoteBook.add(
                .hold(until: nil), to: [old[1].id], origin: Self.origin,
                ledger: try test.open().ledger)
        }
        #expect(count == 2)
        let catalog = try test.open().catalog()
        let new = try #require(catalog.snapshots.first { $0.predecessor == old[1].id })
        #expect(catalog.notes[new.id].hold == .forEver)
        #expect(catalog.notes[old[1].id].hold == nil)
        #expect(try test.files("sessions").isEmpty)
    }

    @Test func everyLossIsCounted() throws {
        let test = try TestRepository()
        let lost = (0..<1100).map { TestEntry.file("f\($0)", noise(700, seed: UInt64($0))) }
        try test.snapshot(lost + [.directory("d", [.text("kept", "kept")])])
        for pack in try test.files("data") { try test.remove(pack) }
        let repaired = try repairSnapshots(test)
        #expect(repaired.map(\.lostCount) == [1100])
        let new = try #require(try test.open().catalog().snapshots.first)
        #expect(new.problemCount == 1100 && new.problems.count == 1000)
    }

    @Test func lostAttributesAreNoReasonToLoseTheFile() throws {
        let test = try repository()
        let id = try test.open().keys.id(
            .data,
            ExtendedAttribute.encode([
                ExtendedAttribute(name: Array("user.long".utf8), value: noise(4000, seed: 5))
            ]))
        let place = try test.open().objects.locate(id)
        try test.flip(
            place.pack.description.storeName, at: Int(place.record.offset) + 20)
        _ = try repairSnapshots(test)
        let new = try test.open().catalog().snapshots[0]
        #expect(try contents(new, test)["/d/xattrs"] == [1, 2, 3])
        #expect(new.problems.contains { $0.path == Array("/d/xattrs".utf8) })
    }

    // MARK: Everything

    /// Every file flipped, cut and removed: found, then repaired as the manual says.
    @Test func everyDamageIsFoundAndRepaired() throws {
        let test = try repository()
        let manifests = try test.open().catalog().snapshots
        let whole = try contents(manifests[1], test)
        let all = try ["data", "meta", "index", "snapshots"].flatMap { try test.files($0) }
        let kept = try Dictionary(
            uniqueKeysWithValues: all.map { ($0, try test.read($0)) })
        for file in all {
            let bytes = kept[file]!
            for damage in [0, 90, 300, bytes.count / 2, bytes.count - 1].filter({ $0 < bytes.count }
            )
            .map({ offset in
                var changed = bytes
                changed[offset] ^= 1
                return changed as [UInt8]?
            }) + [Array(bytes.prefix(bytes.count / 2)), [], nil] {
                if let damage { try test.overwrite(file, damage) } else { try test.remove(file) }
                if damage != nil, !file.hasPrefix("snapshots") {
                    #expect(
                        try StoreScrub(try test.store()).run(threads: 1).damage.count == 1,
                        "scrub: \(file)")
                }
                if damage != nil || !file.hasPrefix("snapshots") {
                    #expect(try check(test).findingCount > 0, "check: \(file)")
                }
                try repairAll(test)
                #expect(try check(test).findings == [], "\(file) \(damage?.count ?? -1)")
                for manifest in try test.open().catalog().snapshots {
                    let tree = try contents(manifest, test)
                    for (path, content) in tree where path != "/only" {
                        #expect(whole[path] == content, "\(file): \(path)")
                    }
                }
                try restore(test, kept)
            }
        }
    }

    private func repairAll(_ test: TestRepository) throws {
        _ = try IndexRepair(try test.open()).run(host: "test", isDryRun: false)
        _ = try repairPacks(test)
        try test.snapshot(Self.tree, time: 3_000_000)
        _ = try repairSnapshots(test)
        try prune(test)
    }

    private func restore(_ test: TestRepository, _ kept: [String: [UInt8]]) throws {
        for directory in ["data", "meta", "index", "snapshots", "gc", "notes", "sessions"] {
            for file in try test.files(directory) { try test.remove(file) }
        }
        for (name, bytes) in kept { try test.overwrite(name, bytes) }
    }
}

/// A store that refuses to open a file, or one time to stage one.
private final class RefusingStore: ForwardingStore, @unchecked Sendable {
    // Sendable: `left` is used inside monitor.locked.
    let base: any Store
    private let name: String
    private let monitor = Monitor()
    private var left: Int

    init(_ base: any Store, _ name: String = "", stage: Int = 0) {
        (self.base, self.name, left) = (base, name, stage)
    }

    func open(_ name: String) throws -> any StoreFile {
        if name == self.name { throw SnapError(errno: EIO, "injected") }
        return try base.open(name)
    }

    func stage() throws -> any StagedFile {
        try monitor.locked {
            left -= 1
            if left == 0 { throw SnapError(.damaged, "injected") }
        }
        return try base.stage()
    }
}
