// SPDX-License-Identifier: MIT
//
// Collections on a real store: what goes, what stays, and that an interrupted one can be run again.

import Glibc
import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct CollectionTests {
    private let test: TestRepository
    private let origin = Origin(time: 1000, host: "host", user: "root")

    init() throws { test = try TestRepository() }

    private func prune(
        _ store: (any Store)? = nil, unused: Double = 0, liveness: (any Liveness)? = nil
    ) throws -> CollectionReport {
        let repository = try test.open(store)
        return try Collector(
            ledger: try repository.ledger,
            inventory: PackInventory(repository, unusedMax: .part(unused)),
            liveness: liveness ?? SessionWatch(cache: nil), origin: origin, now: 1000
        ).run()
    }

    private func forget(_ manifest: Manifest) throws {
        try NoteBook.add(
            .forget, to: [manifest.id], origin: origin, ledger: try test.open().ledger)
    }

    private func packs() throws -> Set<ObjectID> {
        Set(try test.open().listPacks().packs.keys)
    }

    /// Every snapshot that is listed is whole, down to the last byte, and there are these.
    private func expect(_ manifests: [Manifest], _ what: String = "") throws {
        let repository = try test.open()
        #expect(try repository.catalog().snapshots.map(\.id) == manifests.map(\.id), "\(what)")
        let report = try RepositoryCheck(repository).run(readData: true, threads: 2)
        #expect(report.findings.isEmpty, "\(what)")
    }

    private func isDone(_ report: CollectionReport) -> Bool {
        if case .done = report.result { return true }
        return false
    }

    /// Whatever else may go, what is held or read stays, at whichever look the disk fails.
    @Test(arguments: [false, true], 1...5)
    func whatIsKeptStaysWhereItCannotBeReadForAMoment(isPinned: Bool, look: Int) throws {
        let kept = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        let gone = try test.snapshot([.file("b", noise(300_000, seed: 2))], time: 2)
        try test.snapshot([.file("c", noise(300_000, seed: 3))], time: 3)
        let ledger = try test.open().ledger
        if !isPinned {
            try NoteBook.add(.hold(until: nil), to: [kept.id], origin: origin, ledger: ledger)
        }
        let reader = try Session(
            ledger, kind: .reader, host: "host", pinned: isPinned ? [kept.id] : [])
        defer { reader.end() }
        try forget(kept)
        try forget(gone)
        let store = FailsOnceStore(try test.store(), Manifest.storeName(kept.id), look)
        _ = try? prune(store)
        _ = try prune()
        let forgotten = try test.open().catalog().forgotten.map(\.id)
        #expect(forgotten == [kept.id])
        let report = try RepositoryCheck(test.open()).run(readData: true, threads: 2)
        #expect(report.findings.isEmpty)
    }

    @Test func whatOnlyForgottenSnapshotsHaveGoes() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        let second = try test.snapshot([.file("b", noise(300_000, seed: 2))], time: 2)
        try forget(first)
        let before = try packs().count
        #expect(isDone(try prune()))
        #expect(try packs().count == before / 2)
        #expect(try test.open().ledger.decided() == [second.id])
        #expect(try test.files("notes").isEmpty && test.files("sessions").isEmpty)
        try expect([second])
    }

    @Test func whatIsNeededIsCopiedOutOfPacksThatGo() throws {
        let files = (0..<40).map { TestEntry.file("f\($0)", noise(20_000, seed: UInt64($0))) }
        let first = try test.snapshot(files, time: 1)
        let second = try test.snapshot([files[3], files[30]], time: 2)
        try forget(first)
        let size = try test.open().listPacks().bytes
        #expect(isDone(try prune()))
        try expect([second])
        #expect(try test.open().listPacks().bytes < size / 4)
        #expect(try test.files("index").count == 1)
        // What stays is found again by the next backup.
        let third = try test.snapshot([files[30], files[3]], time: 3)
        #expect(third.totals.bytesAdded < 2000)
        try expect([second, third])
    }

    @Test func aLittleThatNobodyNeedsIsLeftWhereItIs() throws {
        let files = (0..<40).map { TestEntry.file("f\($0)", noise(20_000, seed: UInt64($0))) }
        let first = try test.snapshot(files, time: 1)
        let second = try test.snapshot(Array(files[1...]), time: 2)
        try forget(first)
        let data = try test.files("data")
        #expect(isDone(try prune(unused: 0.05)))
        #expect(try test.files("data") == data)
        try expect([second])
    }

    @Test func withoutAnythingToTakeNothingIsDone() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        guard case .nothing = try prune().result else {
            Issue.record("not nothing")
            return
        }
        #expect(try test.files("gc").isEmpty)
        try expect([manifest])
    }

    @Test func anEmptyRepositoryCanBeCollected() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        try forget(manifest)
        #expect(isDone(try prune()))
        #expect(try packs().isEmpty)
        try expect([])
        let next = try test.snapshot([.text("a", "1")])
        try expect([next])
    }

    @Test func whoReadsGoesOnWhereThingsWereMovedTo() throws {
        let files = (0..<40).map { TestEntry.file("f\($0)", noise(20_000, seed: UInt64($0))) }
        let first = try test.snapshot(files, time: 1)
        let second = try test.snapshot([files[3], .directory("d", [files[30]])], time: 2)
        let repository = try test.open()
        let view = try SnapshotView(second, repository: repository, caches: ViewCaches())
        func read(_ name: String, in directory: Place) throws -> [UInt8] {
            let place = try #require(try view.lookup(Array(name.utf8), in: directory))
            var bytes = [UInt8](repeating: 0, count: Int(place.attributes.size))
            _ = try bytes.withUnsafeMutableBytes { try view.read(place, at: 0, into: $0) }
            return bytes
        }
        #expect(try read("f3", in: view.root) == noise(20_000, seed: 3))
        let moved = try packs()
        try forget(first)
        #expect(isDone(try prune()))
        #expect(try !packs().isSuperset(of: moved), "something went")
        let directory = try #require(try view.lookup(Array("d".utf8), in: view.root))
        #expect(try read("f30", in: directory) == noise(20_000, seed: 30))
        #expect(try read("f3", in: view.root) == noise(20_000, seed: 3))
    }

    // MARK: Others

    private final class Deaths: Liveness {
        var areDead = false
        func isDead(_ session: SessionRecord, heartbeat: UInt32) -> Bool { areDead }
        func isDead(unreadable session: [UInt8], heartbeat: UInt32) -> Bool { areDead }
    }

    @Test func aRunningBackupIsWaitedFor() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        try forget(first)
        let ledger = try test.open().ledger
        let session = try Session(ledger, kind: .writer, host: "host")
        let before = try packs()
        guard case .waiting(let sessions) = try prune(liveness: Deaths()).result else {
            Issue.record("it did not wait")
            return
        }
        #expect(sessions.map(\.id) == [session.id])
        #expect(try packs() == before)
        session.end()
        let report = try prune(liveness: Deaths())
        #expect(isDone(report) && report.resumed)
        #expect(try packs().isEmpty)
    }

    @Test func oneWhoKnowsOfTheCollectionIsNotWaitedFor() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        try forget(first)
        let ledger = try test.open().ledger
        let early = try Session(ledger, kind: .writer, host: "host")
        _ = try prune(liveness: Deaths())
        let late = try Session(ledger, kind: .writer, host: "host")
        early.end()
        #expect(isDone(try prune(liveness: Deaths())))
        late.end()
    }

    @Test func aDeadBackupIsGivenUp() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        try forget(first)
        let ledger = try test.open().ledger
        let session = try Session(ledger, kind: .writer, host: "host")
        let deaths = Deaths()
        deaths.areDead = true
        #expect(isDone(try prune(liveness: deaths)))
        guard case .aborted? = try ledger.decision(session.id) else {
            Issue.record("it was not given up")
            return
        }
        #expect(try test.files("sessions").isEmpty)
    }

    /// It was stopped for a day, say, and builds on what has gone meanwhile.
    @Test func aBackupThatWasGivenUpFailsWhenItGoesOn() throws {
        let content = noise(300_000, seed: 1)
        let first = try test.snapshot([.file("a", content)], time: 1)
        try forget(first)
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        let template = Manifest(
            id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 2), root: root)
        let writer = try SnapshotWriter(
            repository: try test.open(), template: template, progress: BackupProgress(), threads: 1)
        writer.beginFile()
        try writer.append(all: content)
        let deaths = Deaths()
        deaths.areDead = true
        #expect(isDone(try prune(liveness: deaths)))
        let error = #expect(throws: SnapError.self) {
            try writer.endFile(
                Entry(name: [0x61], attributes: Attributes(mode: 0o100644)), xattrs: [])
            _ = try writer.finish(root: root)
        }
        #expect(error?.kind == .busy)
        try expect([])
        try expect([test.snapshot([.file("a", content)], time: 3)])
    }

    @Test func aPinnedSnapshotStays() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        let ledger = try test.open().ledger
        let reader = try Session(ledger, kind: .reader, host: "host", pinned: [first.id])
        try forget(first)
        let before = try packs()
        guard case .nothing = try prune(liveness: Deaths()).result else {
            Issue.record("it was taken")
            return
        }
        #expect(try packs() == before)
        try NoteBook.unforget(first.id, origin: origin, ledger: ledger)
        try expect([first])
        reader.end()
    }

    @Test func nothingGoesWhileALiveSnapshotIsDamaged() throws {
        let first = try test.snapshot([.file("a", noise(300_000, seed: 1))], time: 1)
        try test.snapshot([.directory("d", [.file("b", noise(300_000, seed: 2))])], time: 2)
        try forget(first)
        let meta = try test.files("meta")
        for name in meta { try test.flip(name, at: 200) }
        let before = try packs()
        let error = #expect(throws: SnapError.self) { _ = try prune() }
        #expect(error?.kind == .damaged)
        #expect(try packs() == before)
    }

    // MARK: Interruption

    /// Fails the n-th call that changes something.
    private final class FailingStore: ForwardingStore, @unchecked Sendable {
        // Sendable: a collection uses its store on one thread.
        let base: any Store
        private var left: Int

        init(_ base: any Store, failing call: Int) {
            self.base = base
            left = call
        }

        var hasFailed: Bool { left <= 0 }

        private func count() throws {
            left -= 1
            if left == 0 { throw SnapError(.io, "no") }
        }

        func stage() throws -> any StagedFile {
            try count()
            return try base.stage()
        }
        func delete(_ name: String) throws {
            try count()
            try base.delete(name)
        }
        func synchronize() throws {
            try count()
            try base.synchronize()
        }
    }

    /// At whatever call it fails, what is listed is whole, and the next one finishes the work.
    @Test func anInterruptedOneIsRunAgain() throws {
        let files = (0..<6).map { TestEntry.file("f\($0)", noise(20_000, seed: UInt64($0))) }
        var time: Int64 = 0
        var last: Manifest?
        for call in 1...200 {
            time += 2
            let first = try test.snapshot(files, time: time)
            let second = try test.snapshot([files[1], files[2 + call % 4]], time: time + 1)
            try forget(first)
            if let last { try forget(last) }
            last = second
            let store = FailingStore(try test.store(), failing: call)
            let outcome = Result { try prune(store, liveness: Deaths()) }
            try expect([second], "after call \(call)")
            guard store.hasFailed else {
                #expect(throws: Never.self) { try outcome.get() }
                #expect(call > 20)
                return
            }
            // A session that could not be withdrawn is of this process, which lives.
            let deaths = Deaths()
            deaths.areDead = true
            _ = try prune(liveness: deaths)
            try expect([second], "after call \(call), run again")
            #expect(try test.files("index").count == 1)
            #expect(try test.files("sessions").isEmpty)
            #expect(try test.files("gc").count <= 2)
        }
        Issue.record("more than 200 calls")
    }
}

/// Fails one look at a file with EIO.
private final class FailsOnceStore: ForwardingStore, @unchecked Sendable {
    let base: any Store
    private let name: String
    // Used by the thread of the test alone.
    private var looks: Int

    init(_ base: any Store, _ name: String, _ looks: Int) {
        self.base = base
        self.name = name
        self.looks = looks
    }

    func open(_ name: String) throws -> any StoreFile {
        if name == self.name {
            looks -= 1
            if looks == 0 { throw SnapError(errno: EIO, name) }
        }
        return try base.open(name)
    }
}
