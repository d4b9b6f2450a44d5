// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport
import SnapView
import Testing

@Suite struct TreeDiffTests {
    /// Each change as `M /path`.
    private func diff(
        _ test: TestRepository, _ old: Manifest, _ new: Manifest, metadata: Bool = false
    ) throws -> [String] {
        let repository = try test.open()
        let caches = ViewCaches()
        let a = try SnapshotView(old, repository: repository, caches: caches)
        let b = try SnapshotView(new, repository: repository, caches: caches)
        var changes: [String] = []
        var diff = TreeDiff(a, b, metadata: metadata) { change in
            let letter: String =
                switch change.kind {
                case .added: "+"
                case .removed: "-"
                case .content: "M"
                case .type: "T"
                case .metadata: "U"
                }
            #expect((change.old == nil) == (change.kind == .added))
            #expect((change.new == nil) == (change.kind == .removed))
            let path = absolutePath(change.components)
            changes.append("\(letter) \(String(decoding: path, as: UTF8.self))")
        }
        try diff.run(a.root, b.root)
        return changes
    }

    private func diff(
        _ old: [TestEntry], _ new: [TestEntry], metadata: Bool = false
    ) throws -> [String] {
        let test = try TestRepository()
        return try diff(
            test, try test.snapshot(old), try test.snapshot(new), metadata: metadata)
    }

    @Test func showsEveryKindOfChangeInOrder() throws {
        let changes = try diff(
            [
                .text("changed", "one"), .directory("gone", [.text("x", "")]), .symlink("l", "a"),
                .text("same", "same"), .text("turned", "file"),
            ],
            [
                .text("changed", "two"), .symlink("l", "b"),
                .directory("new", [.directory("in", [.text("y", "")])]), .text("same", "same"),
                .directory("turned", [.text("z", "")]),
            ])
        #expect(
            changes == [
                "M /changed", "- /gone", "- /gone/x", "M /l", "+ /new", "+ /new/in", "+ /new/in/y",
                "T /turned", "+ /turned/z",
            ])
    }

    @Test func showsWhatADirectoryThatBecameAFileHeld() throws {
        let changes = try diff(
            [.directory("d", [.text("x", "")])], [.text("d", "now a file")])
        #expect(changes == ["T /d", "- /d/x"])
    }

    @Test func showsMetadataOnlyWhenAsked() throws {
        let old: [TestEntry] = [.directory("d", [.text("f", "x", mode: 0o644)])]
        let new: [TestEntry] = [.directory("d", [.text("f", "x", mode: 0o600)])]
        #expect(try diff(old, new) == [])
        #expect(try diff(old, new, metadata: true) == ["U /d/f"])
    }

    @Test func findsTheOneChangeInAHugeDirectory() throws {
        let names = (0..<5000).map { "name-\($0)" }
        let old = names.map { TestEntry.text($0, "") }
        var new = old
        new[2500] = .text("name-2500", "changed")
        new.remove(at: 4000)
        #expect(
            try diff([.directory("d", old)], [.directory("d", new)])
                == ["M /d/name-2500", "- /d/name-4000"])
    }

    @Test func findsAChangeInTheMiddleOfALargeFile() throws {
        let content = noise(3_000_000, seed: 1)
        var changed = content
        changed[1_500_000] ^= 1
        #expect(try diff([.file("f", content)], [.file("f", changed)]) == ["M /f"])
    }

    @Test func equalDirectoriesAreNeverOpened() throws {
        let test = try TestRepository()
        let tree: [TestEntry] = [.directory("d", [.text("f", "x")])]
        let old = try test.snapshot(tree)
        let new = try test.snapshot(tree)
        for pack in try test.files("meta") { try test.remove(pack) }
        #expect(try diff(test, old, new) == [])
        let other = try test.snapshot([.directory("d", [.text("f", "y")])])
        #expect(throws: SnapError.self) { try diff(test, old, other) }
    }
}
