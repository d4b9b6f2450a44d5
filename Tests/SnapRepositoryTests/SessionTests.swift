// SPDX-License-Identifier: MIT
//
// What a writer leaves behind when it cannot go on, and what it refuses to commit.

import Glibc
import SnapBase
import SnapFormat
import SnapTestSupport
import Synchronization
import Testing

@testable import SnapRepository

@Suite struct SessionTests {
    private let files = MemoryFileLayer()

    init() throws { try createRepository(on: files) }

    private func isEmpty(_ directory: String) -> Bool {
        files.contents.keys.allSatisfy { !$0.hasPrefix(directory) }
    }

    /// What counts is not known then: everything is stored again, and nothing is taken for granted.
    @Test(arguments: ["gc/00000001", "gc/00000001.done"])
    func damagedCollectionDoesNotKeepFromBackingUp(name: String) throws {
        try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        let before = files.contents.keys.filter { $0.hasPrefix("data/") }.count
        files.replace(name, [1])
        try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        #expect(files.contents.keys.filter { $0.hasPrefix("data/") }.count > before)
        try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        #expect(files.contents.keys.filter { $0.hasPrefix("data/") }.count == before + 1)
        #expect(try openRepository(on: files).catalog().snapshots.count == 3)
        #expect(isEmpty("sessions/"))
    }

    @Test func noAnnouncementIsLeftWhereTheIndexCannotBeListed() throws {
        let repository = try openRepository(on: files)
        files.before = { operation, path, _ in
            if operation == .list && path == "index" { throw SnapError(errno: EIO, "no") }
        }
        #expect(throws: SnapError.self) { try SampleTree.small(seed: 1).backUp(to: repository) }
        #expect(isEmpty("sessions/"))
    }

    @Test func manifestThatNobodyCouldReadIsNotCommitted() throws {
        let error = #expect(throws: SnapError.self) {
            try SampleTree.small(seed: 1).backUp(to: openRepository(on: files)) {
                let long = [UInt8](repeating: 97, count: 1000)
                $0.paths = (0..<20_000).map { Array("/\($0)/".utf8) + long }
            }
        }
        #expect(error?.kind == .invalid)
        #expect(isEmpty("snapshots/") && isEmpty("sessions/"))
    }

    @Test(arguments: ["same", "a/b", ".", String(repeating: "n", count: 256)])
    func directoryThatNobodyCouldReadIsNotStored(name: String) throws {
        let tree = SampleTree([.file("same", .data([1])), .file(name, .data([2]))])
        let error = #expect(throws: SnapError.self) {
            try tree.backUp(to: openRepository(on: files))
        }
        #expect(error?.kind == .damaged)
        #expect(isEmpty("snapshots/") && isEmpty("sessions/"))
    }

    /// It might appear later, when no collection waits for its session any more.
    @Test func manifestThatCouldNotBeCreatedCannotAppearLater() throws {
        failManifests(first: 1)
        #expect(throws: SnapError.self) {
            try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        }
        files.before = nil
        #expect(isEmpty("sessions/"))
        let repository = try openRepository(on: files)
        #expect(try repository.catalog().snapshots.isEmpty)
        let id = try #require(try repository.ledger.decided().first)
        guard case .aborted? = try repository.ledger.decision(id) else {
            Issue.record("it is not decided")
            return
        }
    }

    private final class EveryoneIsDead: Liveness {
        func isDead(_ session: SessionRecord, heartbeat: UInt32) -> Bool { true }
        func isDead(unreadable session: [UInt8], heartbeat: UInt32) -> Bool { true }
    }

    @Test func sessionThatNobodyCouldDecideStaysForACollection() throws {
        failManifests(first: .max)
        #expect(throws: SnapError.self) {
            try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        }
        files.before = nil
        #expect(isEmpty("snapshots/") && !isEmpty("sessions/"))
        let repository = try openRepository(on: files)
        _ = try Collector(
            ledger: repository.ledger,
            inventory: PackInventory(repository, unusedMax: .part(0)), liveness: EveryoneIsDead(),
            origin: Origin(time: 1, host: "host", user: ""), now: 1
        ).run()
        #expect(!isEmpty("snapshots/") && isEmpty("sessions/"))
        #expect(try repository.catalog().snapshots.isEmpty)
    }

    @Test func fullStoreKeepsNoSession() throws {
        failManifests(first: .max, code: ENOSPC)
        #expect(throws: SnapError.self) {
            try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        }
        files.before = nil
        #expect(isEmpty("snapshots/") && isEmpty("sessions/"))
    }

    /// A link that was made, of which the answer was lost, and a look at it that failed.
    @Test func manifestThatStandsIsCommittedWhateverTheStoreSays() throws {
        let isFirst = Mutex(true)
        files.after = { operation, path, _ in
            guard path.hasPrefix("snapshots/"), operation == .publish || operation == .read else {
                return
            }
            let fails = isFirst.withLock { isFirst in
                if operation == .read {
                    defer { isFirst = false }
                    return isFirst
                }
                return true
            }
            if fails { throw SnapError(errno: operation == .publish ? EEXIST : EIO, "no") }
        }
        try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        files.after = nil
        #expect(try openRepository(on: files).catalog().snapshots.count == 1)
        #expect(isEmpty("sessions/"))
    }

    private func failManifests(first count: Int, code: Int32 = EIO) {
        let left = Mutex(count)
        files.before = { operation, path, _ in
            guard operation == .publish, path.hasPrefix("snapshots/") else { return }
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw SnapError(errno: code, "no") }
        }
    }
}
