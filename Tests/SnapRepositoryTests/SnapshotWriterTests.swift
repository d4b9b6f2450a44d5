// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct SnapshotWriterTests {
    @Test func treeComesBackAsItWasWritten() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let tree = SampleTree.small(seed: 5)
        let manifest = try tree.backUp(to: try openRepository(on: files), threads: 2)
        let repository = try openRepository(on: files)
        #expect(try repository.catalog().snapshots == [manifest])
        let view = try SnapshotView(manifest, repository: repository, caches: ViewCaches())
        let findings = tree.compare(with: view)
        #expect(findings.wrong == [] && findings.errors.isEmpty, "\(findings)")
        #expect(findings.right >= 60)
        #expect(files.contents.keys.allSatisfy { !$0.hasPrefix("sessions/") })
        #expect(files.contents.keys.allSatisfy { !$0.hasPrefix("tmp/") })
    }

    @Test func comparisonFindsWrongData() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let manifest = try SampleTree.small(seed: 5).backUp(to: try openRepository(on: files))
        let view = try SnapshotView(
            manifest, repository: try openRepository(on: files), caches: ViewCaches())
        #expect(SampleTree.small(seed: 6).compare(with: view).wrong.count > 5)
    }

    @Test func sameTreeAgainStoresNoObject() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let tree = SampleTree.small(seed: 5)
        _ = try tree.backUp(to: try openRepository(on: files))
        let before = Set(files.contents.keys)
        let manifest = try tree.backUp(to: try openRepository(on: files))
        #expect(manifest.totals.bytesAdded == 0)
        #expect(
            Set(files.contents.keys).subtracting(before) == [Manifest.storeName(manifest.id)])
    }

    @Test func largeFileIsCutTheSameWhateverTheReads() throws {
        var random = SeededRandom(for: #function)
        let data = random.bytes(9 << 20)
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let repository = try openRepository(on: files)
        let whole = SampleTree([.file("f", .data(data))])
        let first = try whole.backUp(to: repository)
        var pieces: [SampleNode.Piece] = []
        var rest = data[...]
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...(700 << 10), using: &random))
            pieces.append(.data(Array(part)))
            rest = rest.dropFirst(part.count)
        }
        let split = SampleTree([SampleNode(Array("f".utf8), mode: 0o100644, .file(pieces))])
        let second = try split.backUp(to: repository)
        #expect(first.root.content == second.root.content)
        let view = try SnapshotView(second, repository: repository, caches: ViewCaches())
        let findings = split.compare(with: view)
        #expect(findings.wrong == [] && findings.errors.isEmpty)
    }

    /// Such paths exist: directories nest deeper than PATH_MAX.
    @Test func problemsOfVeryLongPathsDoNotFailTheBackup() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let repository = try openRepository(on: files)
        let path = [UInt8](repeating: 0x61, count: 70_000)
        let progress = BackupProgress()
        for _ in 0..<Manifest.problemsMax + 1 {
            progress.problem(
                SourceProblem(path: path, message: String(repeating: "m", count: 70_000)))
        }
        let writer = try SnapshotWriter(
            repository: repository,
            template: Manifest(
                id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1),
                root: SampleTree.root), progress: progress, threads: 1)
        let manifest = try writer.finish(root: SampleTree.root)
        let read = try #require(try repository.catalog().snapshots.first { $0.id == manifest.id })
        #expect(read.problemCount == 1001)
        #expect(read.problems.count == Manifest.problemsMax)
        #expect(read.problems[0].path.starts(with: path.prefix(4096)))
    }

    @Test func abandonedBackupLeavesNoSnapshotAndNoSession() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let repository = try openRepository(on: files)
        let writer = try SnapshotWriter(
            repository: repository,
            template: Manifest(
                id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1),
                root: SampleTree.root), progress: BackupProgress(), threads: 1)
        #expect(files.contents.keys.contains { $0.hasPrefix("sessions/") })
        try writer.beginDirectory(
            Entry(name: [0x61], attributes: Attributes(mode: 0o40755)), xattrs: [])
        writer.abandon()
        #expect(try repository.ledger.decided().isEmpty)
        #expect(!files.contents.keys.contains { $0.hasPrefix("sessions/") || $0.hasPrefix("tmp/") })
    }

    @Test func checkpointsAreWholeAndTheBackupGoesOn() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let repository = try openRepository(on: files)
        let writer = try SnapshotWriter(
            repository: repository,
            template: Manifest(
                id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1),
                root: SampleTree.root), progress: BackupProgress(), threads: 1)
        let file = SampleNode.file("f", .data([UInt8](repeating: 5, count: 1000)))
        let directory = Entry(name: [0x64], attributes: Attributes(mode: 0o40755))
        for round in 0..<2 {
            try writer.beginDirectory(
                Entry(name: [0x61 + UInt8(round)], attributes: directory.attributes), xattrs: [])
            writer.beginFile()
            _ = try writer.append { buffer in
                buffer.copyBytes(from: file.bytes)
                return 1000
            }
            try writer.endFile(
                Entry(name: file.name, attributes: file.attributes), xattrs: [], before: nil)
            if round == 0 { try writer.checkpoint() }
            try writer.endDirectory()
        }
        let manifest = try writer.finish(root: SampleTree.root)
        let all = try repository.catalog().snapshots
        #expect(all.count == 2 && all.map(\.state).contains(.checkpoint))
        for found in all {
            let names: [String] = found.id == manifest.id ? ["a", "b"] : ["a"]
            let tree = SampleTree(names.map { .directory($0, [file]) }.map(Self.asWritten))
            let view = try SnapshotView(found, repository: repository, caches: ViewCaches())
            let findings = tree.compare(with: view)
            #expect(findings.wrong == [] && findings.errors.isEmpty, "\(findings)")
        }
    }

    @Test(arguments: [300, 700_000]) func checkpointWithinAFileChangesNothingInIt(
        size: Int
    ) throws {
        var random = SeededRandom(for: #function)
        let pieces = (0..<9).map { _ in random.bytes(size) }
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let repository = try openRepository(on: files)
        var entries: [Entry] = []
        for isInterrupted in [false, true] {
            let writer = try SnapshotWriter(
                repository: repository,
                template: Manifest(
                    id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1),
                    root: SampleTree.root), progress: BackupProgress(), threads: 2)
            writer.beginFile()
            for piece in pieces {
                try writer.append(all: piece)
                if isInterrupted { try writer.checkpoint() }
            }
            try writer.endFile(
                Entry(name: [0x66], attributes: Attributes(mode: 0o100644)), xattrs: [])
            let manifest = try writer.finish(root: SampleTree.root)
            let view = try SnapshotView(manifest, repository: repository, caches: ViewCaches())
            entries.append(try view.entry(try #require(try view.lookup([0x66], in: view.root))))
        }
        #expect(try repository.ledger.decided().count == 2 + pieces.count)
        #expect(entries[0].attributes.size == 9 * UInt64(size))
        #expect(entries[0] == entries[1])
    }

    /// The directory as the test above writes it: without the attributes of a sample.
    private static func asWritten(_ node: SampleNode) -> SampleNode {
        var node = node
        node.attributes = Attributes(mode: 0o40755)
        return node
    }
}
