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

    @Test func sessionThatNobodyCouldDecideStaysForACollection() throws {
        failManifests(first: .max)
        #expect(throws: SnapError.self) {
            try SampleTree.small(seed: 1).backUp(to: openRepository(on: files))
        }
        files.before = nil
        #expect(isEmpty("snapshots/") && !isEmpty("sessions/"))
    }

    private func failManifests(first count: Int) {
        let left = Mutex(count)
        files.before = { operation, path, _ in
            guard operation == .publish, path.hasPrefix("snapshots/") else { return }
            let fails = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw SnapError(errno: EIO, "no") }
        }
    }
}
