// SPDX-License-Identifier: MIT
//
// A repository on a disk in memory, backups of a real tree into it, and the question that every
// injected fault is followed by: is what was listed whole, and does the next backup just work?

import Glibc
import SnapBase
import SnapCrypto
import SnapFiles
import SnapFormat
import SnapRepository
import SnapStore
import SnapView
import Testing

/// A disk with a repository, and what its snapshots must give back.
struct Known: Sendable {
    var disk: Disk
    /// By the hexadecimal id of the snapshot.
    var snapshots: [String: SourceModel] = [:]
}

/// Repositories to begin with, and the tree that is backed up. Made once for all tests.
final class Engine: @unchecked Sendable {
    // Sendable: nothing changes after init.
    static let shared = Result { try Engine() }

    let source: SourceDirectory
    let key = Secret([UInt8](repeating: 7, count: 32))
    /// What the tree holds now.
    private(set) var model: SourceModel = [:]
    /// No snapshot.
    private(set) var empty: Known
    /// One snapshot, of an older state of the tree.
    private(set) var one: Known
    /// So many index segments that the next backup merges them.
    private(set) var many: Known

    /// How a backup goes.
    struct Style: Sendable {
        var checkpoints = false
    }

    private init() throws {
        source = try SourceDirectory()
        var random = SeededRandom(Seed.run)
        let large = ExtendedAttribute(name: Array("user.large".utf8), value: random.bytes(3000))
        let first: SourceModel = [
            "": .directory, "a": .file(random.bytes(100)), "b": .file(random.bytes(5000), [large]),
            "d": .directory, "d/1": .file(random.bytes(9000)), "d/2": .file([]),
            "d/e": .directory, "d/e/link": .link("../1"), "d/e/text": .file(Array("same".utf8)),
            "gone": .file(random.bytes(700)), "large": .file(random.bytes(600_000)),
        ]
        try source.bring(from: [:], to: first)
        Self.waitUntilSettled()
        empty = Known(disk: Disk())
        one = empty
        many = empty
        model = first
        let disk = AmnesiaFileLayer()
        try initialize(disk)
        empty = Known(disk: disk.disk)
        one = try committed(empty)
        many = one
        for _ in 0..<31 { many = try withSmallSnapshot(many) }
        many = try withoutMost(many)
        var second = first
        second["gone"] = nil
        second["b"] = .file(random.bytes(6000), [large])
        second["d/new"] = .file(random.bytes(40_000))
        second["d/e/new"] = .file([1, 2, 3])
        second["large"] = .file(random.bytes(300_000))
        try source.bring(from: first, to: second)
        Self.waitUntilSettled()
        model = second
    }

    /// A file changed within the last two seconds is read again by every backup.
    private static func waitUntilSettled() { usleep(3_100_000) }

    func initialize(_ files: any FileLayer) throws {
        let store = LocalStore(files: files, location: "memory")
        try store.makeDirectories()
        try Repository.create(store, .keyFile(key), label: "test")
    }

    func open(_ files: any FileLayer) throws -> Repository {
        try open(LocalStore(files: files, location: "memory"))
    }

    func open(_ store: any Store) throws -> Repository {
        let repository = try Repository.open(store, .keyFile(key))
        try repository.refresh()
        return repository
    }

    func committed(_ known: Known) throws -> Known {
        let files = AmnesiaFileLayer(known.disk)
        let manifest = try backup(try open(files))
        var snapshots = known.snapshots
        snapshots[manifest.hexID] = model
        return Known(disk: files.disk.after(.synchronizedOnly), snapshots: snapshots)
    }

    /// Adds a snapshot of one small file, and with it a segment.
    func withSmallSnapshot(_ known: Known) throws -> Known {
        let files = AmnesiaFileLayer(known.disk)
        let bytes = [UInt8](repeating: UInt8(known.snapshots.count), count: 600)
        let writer = try SnapshotWriter(
            repository: try open(files), template: template("small"), progress: BackupProgress(),
            threads: 1)
        for part in source.path.split(separator: "/") {
            try writer.beginDirectory(
                Entry(name: Array(part.utf8), attributes: Attributes(mode: 0o040755)), xattrs: [])
        }
        writer.beginFile()
        _ = try writer.append {
            $0.copyBytes(from: bytes)
            return bytes.count
        }
        try writer.endFile(
            Entry(name: [0x66], attributes: Attributes(mode: 0o100640)), xattrs: [])
        for _ in source.path.split(separator: "/") { try writer.endDirectory() }
        let manifest = try writer.finish(
            root: Entry(name: [], attributes: Attributes(mode: 0o040755)))
        var snapshots = known.snapshots
        snapshots[manifest.hexID] = ["": .directory, "f": .file(bytes)]
        return Known(disk: files.disk.after(.synchronizedOnly), snapshots: snapshots)
    }

    /// Forgets all but a few snapshots, so that comparing them all takes no time; the segments
    /// stay.
    private func withoutMost(_ known: Known) throws -> Known {
        let files = AmnesiaFileLayer(known.disk)
        var snapshots = known.snapshots
        for (id, tree) in known.snapshots where tree.count < 3 && snapshots.count > 4 {
            snapshots[id] = nil
            try files.unlink("snapshots/\(id)")
        }
        return Known(disk: files.disk.after(.everything), snapshots: snapshots)
    }

    // MARK: Backup

    private func template(_ host: String) -> Manifest {
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var manifest = Manifest(
            id: [UInt8](repeating: 0, count: 16), time: Timestamp.now(), root: root)
        manifest.host = host
        manifest.paths = [Array(source.path.utf8)]
        manifest.program = "tests"
        return manifest
    }

    /// As the command does it: the newest snapshot or checkpoint that can be read is compared with.
    private func predecessor(_ repository: Repository) throws -> SnapshotView? {
        let series = try repository.catalog().snapshots.filter { $0.host == "main" }
        for manifest in series.sorted(by: { $0.endTime > $1.endTime }) {
            let view = try view(manifest, repository)
            do {
                try view.forEach(in: view.root) { _ in false }
                return view
            } catch let error as SnapError where error.kind == .damaged {}
        }
        return nil
    }

    func view(_ manifest: Manifest, _ repository: Repository) throws -> SnapshotView {
        try SnapshotView(manifest, repository: repository, caches: ViewCaches())
    }

    /// What a snapshot gives back of the tree.
    func contents(_ manifest: Manifest, _ repository: Repository) throws -> SourceModel {
        try view(manifest, repository).contents(below: source.path) ?? [:]
    }

    /// What can still be read of the tree.
    func readable(_ manifest: Manifest, _ repository: Repository) throws -> SourceModel {
        try view(manifest, repository).readable(below: source.path)
    }

    @discardableResult
    func backup(_ repository: Repository, _ style: Style = Style()) throws -> Manifest {
        let before = try predecessor(repository)
        var template = template("main")
        template.predecessor = before?.manifest.id
        let progress = BackupProgress()
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: progress, threads: 1)
        var options = FileBackup.Options()
        options.paths = template.paths
        options.checkpointInterval = 1 << 40
        if style.checkpoints {
            nonisolated(unsafe) var files = 0
            options.visit = { _, _ in
                files += 1
                // A failure comes again with the next entry.
                if files == 6 { try? writer.checkpoint() }
            }
        }
        let run = FileBackup(
            repository: repository, options: options, progress: progress, writer: writer)
        let root: Entry
        do { root = try run.run(predecessors: before.map { [$0] } ?? []) } catch {
            writer.abandon()
            throw error
        }
        let manifest = try writer.finish(root: root)
        #expect(manifest.problemCount == 0, "the source was never at fault")
        return manifest
    }

    // MARK: Judgement

    /// Opens the repository without repair and compares everything that is listed with what it must
    /// be; then backs up once more and compares that. `committed` is the snapshot whose backup
    /// ended well, if one did.
    func judge(
        _ disk: Disk, _ known: Known, committed: Manifest? = nil, _ what: @autoclosure () -> String
    ) {
        do {
            let files = AmnesiaFileLayer(disk)
            var expected = known.snapshots
            if let committed { expected[committed.hexID] = model }
            try compare(try open(files), expected, what())
            let next = try backup(try open(files))
            expected[next.hexID] = model
            try compare(
                try open(files), expected, only: next.hexID, what() + ", the backup after it")
        } catch {
            Issue.record("\(what()): \(error)")
        }
    }

    private func compare(
        _ repository: Repository, _ expected: [String: SourceModel], only: String? = nil,
        _ what: String
    ) throws {
        #expect(repository.objects.damagedSegments.isEmpty, "\(what)")
        let catalog = try repository.catalog()
        for (id, error) in catalog.damaged {
            Issue.record("\(what): snapshot \(Hex.encode(id)): \(error)")
        }
        let manifests = catalog.snapshots
        for id in expected.keys where !manifests.contains(where: { $0.hexID == id }) {
            Issue.record("\(what): snapshot \(id) is not listed")
        }
        for manifest in manifests where only == nil || manifest.hexID == only {
            let tree = try contents(manifest, repository)
            let wanted = expected[manifest.hexID] ?? model
            // A checkpoint holds what was read so far, and nothing else.
            let wrong = Set(tree.keys).union(manifest.state == .complete ? Array(wanted.keys) : [])
                .filter { tree[$0] != wanted[$0] }
            if !wrong.isEmpty {
                Issue.record("\(what): \(manifest.state) \(manifest.hexID): \(wrong.sorted())")
            }
        }
    }
}
