// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

/// The names of a directory in all snapshots together, and who may see them.
@Suite struct UnionListingTests {
    private let test: TestRepository

    init() throws { test = try TestRepository() }

    private func snapshots(_ trees: [[TestEntry]]) throws -> [NumberedView] {
        let manifests = try trees.enumerated().map {
            try test.snapshot($1, time: 1_000_000 + Int64($0))
        }
        let repository = try test.open()
        let caches = ViewCaches()
        return NumberedView.list(
            try manifests.enumerated().map { number, manifest in
                let view = try SnapshotView(manifest, repository: repository, caches: caches)
                return (number: number, view: view)
            })
    }

    private func names(
        _ trace: PathTrace, _ snapshots: [NumberedView], limit: Int
    ) throws -> [String] {
        var names: [String] = []
        var last: [UInt8] = []
        while true {
            let window = try trace.window(in: snapshots, behind: last, limit: limit)
            #expect(window.entries.count <= limit)
            for entry in window.entries {
                let view = try #require(snapshots.first { $0.number == entry.snapshot }).view
                #expect(try view.place(entry.rank).name == entry.name)
            }
            names += window.entries.map { String(decoding: $0.name, as: UTF8.self) }
            guard !window.isLast, let end = window.entries.last else { return names }
            last = end.name
        }
    }

    @Test func eachNameOfAnySnapshotIsThereOnce() throws {
        let snapshots = try snapshots(
            [
                [.directory("d", [.text("b", "1"), .text("e", "1")])],
                [.directory("d", [.text("a", "1"), .directory("b", []), .text("f", "")])],
                [.text("d", "no directory")], [],
                [.directory("d", [.text("b", "2"), .symlink("c", "x"), .text("e", "1")])],
            ])
        let trace = try PathHistory().trace([Array("d".utf8)], in: snapshots)
        for limit in 1...6 {
            #expect(try names(trace, snapshots, limit: limit) == ["a", "b", "c", "e", "f"])
        }
        let window = try trace.window(in: snapshots, behind: [])
        #expect(window.entries.map(\.snapshot) == [1, 0, 4, 0, 1])
    }

    @Test func aWindowTellsWhatFollowsItsNames() throws {
        let snapshots = try snapshots(
            [[.directory("d", ["a", "b", "c", "e"].map { .text($0, "") })]])
        let trace = try PathHistory().trace([Array("d".utf8)], in: snapshots)
        let window = try trace.window(in: snapshots, behind: Array("a".utf8), limit: 2)
        func behind(_ name: String) -> [String]? {
            window.entries(behind: Array(name.utf8))?.map {
                String(decoding: $0.name, as: UTF8.self)
            }
        }
        #expect(behind("") == nil)
        #expect(behind("a") == ["b", "c"] && behind("b") == ["c"] && behind("bb") == ["c"])
        #expect(behind("c") == nil && behind("e") == nil)
    }

    @Test func hugeDirectoriesAreListedWhole() throws {
        let all = (0..<4000).map { "name-\($0)" }
        var trees: [[TestEntry]] = []
        for gap in [0, 1, 1999, 3999] {
            let present = all.enumerated().filter { $0.offset != gap }.map(\.element).sorted()
            trees.append([.directory("d", present.map { .text($0, "") })])
        }
        let snapshots = try snapshots(trees)
        let trace = try PathHistory().trace([Array("d".utf8)], in: snapshots)
        #expect(try names(trace, snapshots, limit: 333) == all.sorted())
    }

    // MARK: Access

    private func directory(_ mode: UInt16, _ uid: UInt32 = 0, list: Bool = false) -> SampleNode {
        var node = SampleNode.directory("d", [.file("f")])
        node.attributes.mode = 0o040000 | mode
        node.attributes.uid = uid
        if list {
            let name = Array("system.posix_acl_access".utf8)
            node.xattrs = [ExtendedAttribute(name: name, value: [2, 0, 0, 0])]
        }
        return node
    }

    /// The access of `d` where it was each of these.
    private func access(_ nodes: [SampleNode]) throws -> SharedAccess {
        let manifests = try nodes.enumerated().map { number, node in
            try SampleTree([node]).backUp(to: try test.open()) { $0.time.seconds = Int64(number) }
        }
        let repository = try test.open()
        let caches = ViewCaches()
        let snapshots = NumberedView.list(
            try manifests.enumerated().map { number, manifest in
                let view = try SnapshotView(manifest, repository: repository, caches: caches)
                return (number: number, view: view)
            })
        let history = PathHistory()
        let summary = try history.trace([Array("d".utf8)], in: snapshots).summary(in: snapshots)
        let root = try history.trace([], in: snapshots).window(in: snapshots, behind: [])
        #expect(root.entries.map(\.access) == [summary.access])
        return summary.access
    }

    @Test func onlyWhatAllGrantIsGranted() throws {
        #expect(try access([directory(0o755)]).mode == 0o555)
        let one = try access([directory(0o755, 7), directory(0o710, 7)])
        #expect(one.mode == 0o510 && one.uid == 7)
        #expect(try access([directory(0o700, 7), directory(0o755, 8)]).mode == 0)
        #expect(try access([directory(0o755, 7), directory(0o755, 8)]).mode == 0o555)
        #expect(
            try access([directory(0o755, 7), directory(0o751, 8), directory(0o755, 7)]).mode
                == 0o111)
    }

    @Test func aListLeavesTheOwnerOnly() throws {
        #expect(try access([directory(0o755), directory(0o775, list: true)]).mode == 0o500)
    }
}
