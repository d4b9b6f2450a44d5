// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

@Suite struct TreeIteratorTests {
    private func view(_ tree: [TestEntry]) throws -> (SnapshotView, TestRepository) {
        let test = try TestRepository()
        let manifest = try test.snapshot(tree)
        let view = try SnapshotView(
            manifest, repository: try test.open(), caches: ViewCaches())
        return (view, test)
    }

    private static let tree: [TestEntry] = [
        .text("a", "1"),
        .directory("d", [.directory("e", [.text("x", "2")]), .text("f", "3")]),
        .directory("empty", []),
        .symlink("z", "a"),
    ]

    private func paths(
        _ tree: TreeIterator, skipping skipped: String? = nil
    ) throws -> [String] {
        var tree = tree
        var paths: [String] = []
        while try tree.next() != nil {
            let path = String(decoding: tree.path, as: UTF8.self)
            paths.append(path)
            if path == skipped { tree.skip() }
        }
        return paths
    }

    @Test func visitsInPreorder() throws {
        let (view, _test) = try view(Self.tree)
        let tree = TreeIterator(view, below: view.root)
        #expect(
            try paths(tree) == ["/a", "/d", "/d/e", "/d/e/x", "/d/f", "/empty", "/z"])
        withExtendedLifetime(_test) {}
    }

    @Test func ranksFollowEachOther() throws {
        let (view, _test) = try view(Self.tree)
        var tree = TreeIterator(view, below: view.root)
        var ranks: [UInt64] = []
        while let place = try tree.next() {
            ranks.append(place.rank)
            #expect(try view.place(place.rank).name == place.name)
        }
        #expect(ranks == Array(1...7))
        withExtendedLifetime(_test) {}
    }

    @Test func skippingLeavesOutWhatIsBelow() throws {
        let (view, _test) = try view(Self.tree)
        let tree = TreeIterator(view, below: view.root)
        #expect(
            try paths(tree, skipping: "/d") == ["/a", "/d", "/empty", "/z"])
        #expect(try paths(tree, skipping: "/a") == (try paths(tree)))
        withExtendedLifetime(_test) {}
    }

    @Test func beginsBelowAnyDirectoryWithItsPath() throws {
        let (view, _test) = try view(Self.tree)
        let path = pathComponents(Array("/d/./e/".utf8))
        let place = try #require(try view.place(path: absolutePath(path)))
        var tree = TreeIterator(view, below: place, components: path)
        let first = try #require(try tree.next())
        #expect(first.rank == 4)
        #expect(tree.path == Array("/d/e/x".utf8))
        #expect(try tree.next() == nil)
        let file = try #require(try view.place(path: Array("a".utf8)))
        var nothing = TreeIterator(view, below: file)
        #expect(try nothing.next() == nil)
        withExtendedLifetime(_test) {}
    }

    @Test func visitsEveryEntryOfAHugeDirectoryOnce() throws {
        let names = (0..<6000).map { "name-\($0)" }
        let (view, _test) = try view([
            .directory("huge", names.map { .text($0, "") }), .text("last", ""),
        ])
        var tree = TreeIterator(view, below: view.root)
        var found: [String] = []
        var rank: UInt64 = 0
        while let place = try tree.next() {
            rank += 1
            #expect(place.rank == rank)
            found.append(String(decoding: place.name, as: UTF8.self))
        }
        #expect(found == ["huge"] + names.sorted() + ["last"])
        withExtendedLifetime(_test) {}
    }

    @Test func depthIsNoRecursion() throws {
        let depth = 3000
        let test = try TestRepository()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        let repository = try test.open()
        let writer = try SnapshotWriter(
            repository: repository,
            template: Manifest(
                id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 0), root: root),
            progress: BackupProgress(), threads: 2)
        let entry = Entry(name: Array("d".utf8), attributes: Attributes(mode: 0o040755))
        for _ in 0..<depth { try writer.beginDirectory(entry, xattrs: []) }
        for _ in 0..<depth { try writer.endDirectory() }
        let manifest = try writer.finish(root: root)
        let view = try SnapshotView(manifest, repository: repository, caches: ViewCaches())
        var tree = TreeIterator(view, below: view.root)
        var count = 0
        while try tree.next() != nil { count += 1 }
        #expect(count == depth)
        #expect(tree.components.count == depth)
    }
}
