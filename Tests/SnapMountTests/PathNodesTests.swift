// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapFuse
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

@testable import SnapMount

/// The paths below history/ in a mount, as the kernel asks for them.
@Suite struct PathNodesTests {
    private let test: TestRepository

    init() throws { test = try TestRepository() }

    private func fileSystem() throws -> HistoryFileSystem {
        try HistoryFileSystem(
            repository: try test.open(), caches: ViewCaches(), accepts: { _ in true },
            report: { _ in })
    }

    /// The entry of a path below the root of the mount; nil where there is none.
    private func entry(_ path: String, _ fileSystem: HistoryFileSystem) throws -> NodeEntry? {
        var node = rootNode
        var found: NodeEntry?
        for name in path.split(separator: "/") {
            let result = try Array(name.utf8).withUnsafeBytes {
                try fileSystem.lookup(parent: node, name: $0)
            }
            guard case .entry(let entry) = result else { return nil }
            #expect(try fileSystem.attributes(node: entry.node).0 == entry.attributes)
            (node, found) = (entry.node, entry)
        }
        return found
    }

    private func content(_ path: String, _ fileSystem: HistoryFileSystem) throws -> String {
        let node = try #require(try entry(path, fileSystem)).node
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = try bytes.withUnsafeMutableBytes {
            try fileSystem.read(node: node, offset: 0, into: $0)
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private func isDirectory(_ entry: NodeEntry?) -> Bool {
        entry.map { $0.attributes.mode & S_IFMT == S_IFDIR } ?? false
    }

    @Test func aFileIsADirectoryOfItsVersions() throws {
        try test.snapshot([.text("f", "one")], time: 1)
        try test.snapshot([.text("f", "one")], time: 2)
        try test.snapshot([.text("f", "two")], time: 3)
        let fileSystem = try fileSystem()
        #expect(isDirectory(try entry("history/f", fileSystem)))
        #expect(try content("history/f/1970-01-01T00:00:01Z", fileSystem) == "one")
        #expect(try content("history/f/1970-01-01T00:00:03Z", fileSystem) == "two")
        #expect(try entry("history/f/1970-01-01T00:00:02Z", fileSystem) == nil)
        #expect(try entry("history/f/@versions", fileSystem) == nil)
        #expect(try entry("history/g", fileSystem) == nil)
        let version = try entry("history/f/1970-01-01T00:00:03Z", fileSystem)
        let same = try entry("snapshots/1970-01-01T00:00:03Z/f", fileSystem)
        #expect(version?.attributes == same?.attributes)
    }

    @Test func whatADirectoryWasBesidesIsInVersions() throws {
        try test.snapshot([.text("p", "file")], time: 1)
        try test.snapshot(
            [.directory("p", [.text("@versions", "real"), .text("x", "in")])], time: 2)
        let fileSystem = try fileSystem()
        #expect(try content("history/p/x/1970-01-01T00:00:02Z", fileSystem) == "in")
        #expect(try content("history/p/@versions/1970-01-01T00:00:02Z", fileSystem) == "real")
        #expect(try content("history/p/@@versions/1970-01-01T00:00:01Z", fileSystem) == "file")
        #expect(try entry("history/p/@@versions/1970-01-01T00:00:02Z", fileSystem) == nil)
        #expect(try entry("history/p/@@@versions", fileSystem) == nil)
        #expect(try entry("history/p/1970-01-01T00:00:01Z", fileSystem) == nil)
        let inodes = try ["history/p", "history/p/@versions", "history/p/@@versions"].map {
            try entry($0, fileSystem)?.attributes.inode
        }
        #expect(Set(inodes).count == 3)
    }

    @Test func newSnapshotsChangeNoNumber() throws {
        try test.snapshot([.directory("d", [.text("f", "one")])], time: 10)
        let before = try entry("history/d/f", try fileSystem())?.node
        try test.snapshot([.text("c", ""), .directory("d", [.text("f", "two")])], time: 20)
        #expect(try entry("history/d/f", try fileSystem())?.node == before)
    }

    @Test func aSnapshotThatCannotBeReadIsAnError() throws {
        try test.snapshot([.directory("d", [.text("f", "one")])], time: 1)
        let before = Set(try test.files("meta"))
        try test.snapshot([.directory("d", [.text("f", "two")])], time: 2)
        for pack in try test.files("meta") where !before.contains(pack) { try test.remove(pack) }
        let fileSystem = try fileSystem()
        for path in ["history/d", "history/d/f", "history/other"] {
            do {
                _ = try entry(path, fileSystem)
                Issue.record("\(path) was answered")
            } catch { #expect(SnapError.wrap(error).kind == .damaged) }
        }
        #expect(try content("snapshots/1970-01-01T00:00:01Z/d/f", fileSystem) == "one")
    }

    @Test func anEmptyRepositoryHasAnEmptyHistory() throws {
        let fileSystem = try fileSystem()
        #expect(isDirectory(try entry("history", fileSystem)))
        #expect(try entry("history/f", fileSystem) == nil)
    }

    @Test func linksOfDifferentSnapshotsAreDifferentFiles() {
        var attributes = Attributes(mode: 0o100644)
        attributes.linkGroup = 1 << 61 - 1
        let numbers = (1...3).map {
            NodeNumber.inode(NodeNumber.number(slot: $0, rank: 5), attributes)
        }
        let other = NodeNumber.inode(NodeNumber.number(slot: 1, rank: 9), attributes)
        #expect(Set(numbers).count == 3 && other == numbers[0])
        #expect(numbers.allSatisfy { $0 >> 61 == 1 })
    }

    @Test func numbersOfPathsAreTheirOwn() {
        let slot = NodeNumber.slotMax - 1
        let rank: UInt64 = 1 << 40 - 1
        let path = NodeNumber.path(slot: slot, rank: rank)
        let versions = NodeNumber.path(slot: slot, rank: rank, versions: true)
        for node in [path, versions] {
            #expect(NodeNumber.isPath(node))
            #expect(NodeNumber.slot(node) == slot && NodeNumber.rank(node) == rank)
            #expect(NodeNumber.inode(path: node) >> 61 == 1)
        }
        #expect(NodeNumber.isVersions(versions) && !NodeNumber.isVersions(path))
        let entry = NodeNumber.number(slot: slot, rank: rank, isBare: true)
        #expect(!NodeNumber.isPath(entry) && NodeNumber.isBare(entry))
        #expect(NodeNumber.slot(entry) == slot)
        #expect(NodeNumber.inode(path: path) != NodeNumber.inode(path: versions))
    }
}
