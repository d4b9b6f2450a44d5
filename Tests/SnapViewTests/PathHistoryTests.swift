// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

/// What a path was in each snapshot, and which versions that makes.
@Suite struct PathHistoryTests {
    private let test: TestRepository
    private let history = PathHistory()

    init() throws { test = try TestRepository() }

    private func snapshots(_ manifests: [Manifest]) throws -> [NumberedView] {
        let repository = try test.open()
        let caches = ViewCaches()
        return NumberedView.list(
            try manifests.enumerated().map { number, manifest in
                let view = try SnapshotView(manifest, repository: repository, caches: caches)
                return (number: number, view: view)
            })
    }

    /// Snapshots of one series of one host, one after the other.
    private func snapshots(_ trees: [[TestEntry]]) throws -> [NumberedView] {
        try snapshots(
            try trees.enumerated().map { try test.snapshot($1, time: 1_000_000 + Int64($0)) })
    }

    /// Each change as `M 2-4x3`: in the third snapshot first, in the fifth last, in three of them.
    private func changes(_ path: String, _ snapshots: [NumberedView]) throws -> [String] {
        let names = path.split(separator: "/").map { Array($0.utf8) }
        let trace = try history.trace(names, in: snapshots)
        #expect(trace.failures.isEmpty)
        return trace.changes(in: snapshots).map { change in
            let letter =
                switch change.kind {
                case .added: "+"
                case .removed: "-"
                case .content: "M"
                case .type: "T"
                case .metadata: "U"
                }
            #expect((change.state == nil) == (change.kind == .removed))
            return "\(letter) \(change.first)-\(change.last)x\(change.count)"
        }
    }

    @Test func aFileHasOneVersionForEachState() throws {
        let snapshots = try snapshots([
            [.text("f", "a")], [.text("f", "a"), .text("other", "x")], [.text("f", "b")],
            [.text("f", "b", mode: 0o600)], [.text("f", "a")],
        ])
        #expect(try changes("f", snapshots) == ["+ 0-1x2", "M 2-2x1", "U 3-3x1", "M 4-4x1"])
        #expect(try changes("other", snapshots) == ["+ 1-1x1", "- 2-2x1"])
        #expect(try changes("absent", snapshots) == [])
    }

    @Test func aPathMayBecomeAnything() throws {
        let snapshots = try snapshots([
            [.text("p", "file")], [.directory("p", [.text("in", "x")])], [.symlink("p", "in")], [],
            [.text("p", "file")],
        ])
        #expect(
            try changes("p", snapshots)
                == ["+ 0-0x1", "T 1-1x1", "T 2-2x1", "- 3-3x1", "+ 4-4x1"])
        #expect(try changes("p/in", snapshots) == ["+ 1-1x1", "- 2-2x1"])
        let summary = try history.trace([Array("p".utf8)], in: snapshots).summary(in: snapshots)
        #expect(summary.wasDirectory && summary.wasOther && summary.first?.number == 0)
    }

    @Test func aNewSnapshotAddsToWhatIsKnown() throws {
        var manifests = [try test.snapshot([.directory("d", [.text("f", "a")])])]
        #expect(try changes("d/f", try snapshots(manifests)) == ["+ 0-0x1"])
        manifests.append(try test.snapshot([.directory("d", [.text("f", "b")])], time: 2_000_000))
        #expect(try changes("d/f", try snapshots(manifests)) == ["+ 0-0x1", "M 1-1x1"])
    }

    @Test func hostsHaveTheirOwnVersions() throws {
        func made(_ content: String, _ host: String, _ time: Int64) throws -> Manifest {
            try SampleTree([.file("f", .data(Array(content.utf8)))])
                .backUp(to: try test.open()) {
                    $0.host = host
                    $0.time.seconds = time
                }
        }
        let snapshots = try snapshots([
            made("a", "one", 1), made("b", "two", 2), made("a", "one", 3), made("b", "two", 4),
            made("c", "two", 5),
        ])
        #expect(try changes("f", snapshots) == ["+ 0-2x2", "+ 1-3x2", "M 4-4x1"])
    }

    @Test func aBackupOfOtherPathsRemovesNothing() throws {
        func made(_ names: [String], _ path: String, _ time: Int64) throws -> Manifest {
            try SampleTree(names.map { .file($0, .data([1])) }).backUp(to: try test.open()) {
                $0.paths = [Array(path.utf8)]
                $0.time.seconds = time
            }
        }
        let snapshots = try snapshots([
            made(["f"], "/all", 1), made([], "/other", 2), made(["f"], "/some", 3),
            made(["f"], "/all", 4), made([], "/other", 5), made([], "/all", 6),
            made([], "/some", 7),
        ])
        #expect(try changes("f", snapshots) == ["+ 0-3x3", "- 5-5x1"])
    }

    @Test func theRankIsThatOfTheSnapshot() throws {
        let snapshots = try snapshots([
            [.directory("d", [.text("f", "a")])],
            [.text("before", ""), .directory("d", [.text("a", ""), .text("f", "a")])],
        ])
        let trace = try history.trace([Array("d".utf8), Array("f".utf8)], in: snapshots)
        for snapshot in snapshots {
            let rank = try #require(trace[snapshot.number]?.rank)
            #expect(try snapshot.view.place(rank).name == Array("f".utf8))
            #expect(try snapshot.view.components(rank) == [Array("d".utf8), Array("f".utf8)])
        }
    }

    @Test func namesAheadAreTracedAsIfAskedForAlone() throws {
        let trees: [[TestEntry]] = [
            [.text("a", "1"), .text("b", "1")], [.text("a", "1")],
            [.text("a", "2"), .text("b", "3"), .text("c", "4")],
        ]
        let snapshots = try snapshots(trees)
        let names = ["b", "c"].map { Array($0.utf8) }
        _ = try history.trace([Array("a".utf8)], in: snapshots, ahead: names)
        #expect(names.allSatisfy { history.isKnown([$0]) })
        let other = PathHistory()
        for name in names {
            let (known, alone) = (
                try history.trace([name], in: snapshots), try other.trace([name], in: snapshots)
            )
            for snapshot in snapshots {
                #expect(known[snapshot.number]?.rank == alone[snapshot.number]?.rank)
                #expect(
                    known[snapshot.number]?.version.entry == alone[snapshot.number]?.version.entry)
            }
        }
    }

    @Test func aSnapshotThatCannotBeReadIsAFailureAndNoRemoval() throws {
        let first = try test.snapshot([.directory("d", [.text("f", "a")])])
        let before = Set(try test.files("meta"))
        let second = try test.snapshot([.directory("d", [.text("f", "b")])], time: 2_000_000)
        for pack in try test.files("meta") where !before.contains(pack) { try test.remove(pack) }
        let snapshots = try snapshots([first, second])
        for _ in 0..<2 {
            let trace = try history.trace([Array("d".utf8), Array("f".utf8)], in: snapshots)
            #expect(Array(trace.failures.keys) == [1])
            #expect(trace.changes(in: snapshots).map(\.first) == [0])
        }
    }

    @Test func thereIsNoStackAsDeepAsThePath() throws {
        var tree: [TestEntry] = [.text("f", "x")]
        for _ in 0..<500 { tree = [.directory("d", tree)] }
        let path = String(repeating: "d/", count: 500) + "f"
        #expect(try changes(path, try snapshots([tree])) == ["+ 0-0x1"])
    }
}
