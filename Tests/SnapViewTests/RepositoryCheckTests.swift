// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct RepositoryCheckTests {
    private static let shared: [TestEntry] = [
        .file("large", noise(1_400_000, seed: 3)), .file("medium", noise(5000, seed: 4)),
    ]

    /// Two snapshots that share a directory, with another file and attributes each.
    private func repository() throws -> (TestRepository, [Manifest]) {
        let test = try TestRepository()
        let xattrs = ExtendedAttribute.encode([
            ExtendedAttribute(name: Array("user.long".utf8), value: noise(4000, seed: 5))
        ])
        let first = try test.snapshot([
            .directory("d", Self.shared), .file("x", [1, 2, 3], xattrs: xattrs),
        ])
        let second = try test.snapshot(
            [.directory("d", Self.shared), .text("only", "here")], time: 2_000_000)
        return (test, [first, second])
    }

    private func check(
        _ test: TestRepository, readData: Bool, store: (any Store)? = nil,
        observer: CheckObserver = CheckObserver()
    ) throws -> CheckReport {
        try RepositoryCheck(try test.open(store), observer: observer)
            .run(readData: readData, threads: 2)
    }

    private func paths(_ report: CheckReport, _ manifest: Manifest) -> [String] {
        report.findings.compactMap {
            guard case .entry(manifest.id, let path) = $0.place else { return nil }
            return String(decoding: path, as: UTF8.self)
        }
    }

    private func largest(_ test: TestRepository, _ directory: String) throws -> String {
        try #require(
            try test.files(directory).max {
                try test.read($0).count < test.read($1).count
            })
    }

    @Test(arguments: [false, true]) func aWholeRepositoryHasNoDamage(readData: Bool) throws {
        let (test, _) = try repository()
        let report = try check(test, readData: readData)
        #expect(report.findings == [])
        #expect(report.findingCount == 0)
        #expect(report.notes == [])
        #expect(report.snapshots == 2)
        #expect(report.directories == 3)
        #expect((report.objectBytes > 1_400_000) == readData)
    }

    @Test func anEmptyRepositoryHasNoDamage() throws {
        let report = try check(try TestRepository(), readData: true)
        #expect(report.findingCount == 0)
    }

    /// Everything but what a repository does not open without.
    @Test func findsAFlippedByteInEveryFile() throws {
        let (test, _) = try repository()
        let files = try ["data", "meta", "index", "snapshots"].flatMap { try test.files($0) }
        #expect(files.count == 7)
        for file in files {
            let whole = try test.read(file)
            for offset in stride(from: 0, to: whole.count, by: max(1, whole.count / 40)) {
                try test.flip(file, at: offset)
                let report = try check(test, readData: true)
                #expect(report.findingCount > 0, "\(file) at \(offset)")
                try test.overwrite(file, whole)
            }
        }
    }

    /// The salt that counts is in the index: a pack reads well with a damaged header.
    @Test func findsAFlippedByteAnywhereInTheHeaderOfAPack() throws {
        let (test, _) = try repository()
        let pack = try largest(test, "meta")
        for offset in 0..<80 {
            try test.flip(pack, at: offset)
            #expect(try check(test, readData: true).findingCount > 0, "at \(offset)")
            try test.flip(pack, at: offset)
        }
    }

    @Test func findsEveryFileThatIsCutOrGone() throws {
        let (test, _) = try repository()
        for file in try ["data", "meta", "index"].flatMap({ try test.files($0) }) {
            let whole = try test.read(file)
            for length in [0, 100, whole.count / 2, whole.count - 1] {
                try test.overwrite(file, Array(whole.prefix(length)))
                #expect(try check(test, readData: false).findingCount > 0, "\(file) to \(length)")
            }
            try test.overwrite(file, whole + [0])
            #expect(try check(test, readData: false).findingCount > 0, "\(file) longer")
            try test.remove(file)
            #expect(try check(test, readData: false).findingCount > 0, "\(file) removed")
            try test.overwrite(file, whole)
        }
        #expect(try check(test, readData: true).findingCount == 0)
    }

    @Test func findsSegmentsThatChangedPlaces() throws {
        let (test, _) = try repository()
        let files = try test.files("index")
        #expect(files.count == 2)
        let (a, b) = (try test.read(files[0]), try test.read(files[1]))
        try test.overwrite(files[0], b)
        try test.overwrite(files[1], a)
        #expect(try check(test, readData: false).findingCount >= 2)
    }

    @Test func namesEveryPathThatIsTouched() throws {
        let (test, manifests) = try repository()
        // The large file's records come first in its pack.
        try test.flip(try largest(test, "data"), at: 1000)
        let report = try check(test, readData: true)
        #expect(report.damagedSnapshots == Set(manifests.map(\.id)))
        for manifest in manifests { #expect(paths(report, manifest) == ["/d/large"]) }
        #expect(try check(test, readData: false).findingCount == 0)
    }

    @Test func aMissingPackTouchesOnlyThoseWhoNeedIt() throws {
        let (test, manifests) = try repository()
        let before = Set(try test.files("meta"))
        let third = try test.snapshot([.directory("new", [.text("n", "n")])])
        for pack in try test.files("meta") where !before.contains(pack) { try test.remove(pack) }
        let report = try check(test, readData: false)
        #expect(report.damagedSnapshots == [third.id])
        #expect(paths(report, third) == ["/"])
        #expect(paths(report, manifests[0]) == [])
    }

    @Test func damageOfPaddingTouchesNoSnapshot() throws {
        let (test, _) = try repository()
        let pack = try largest(test, "data")
        try test.flip(pack, at: try test.read(pack).count - 40)
        let report = try check(test, readData: true)
        #expect(report.findingCount > 0)
        #expect(report.damagedSnapshots == [])
    }

    // MARK: Authentic and wrong

    /// Replaces the index by one segment with changed entries.
    private func rewriteIndex(
        _ test: TestRepository, _ change: (inout [IndexEntry]) throws -> Void
    ) throws {
        let repository = try test.open()
        let segment = try #require(repository.objects.segments.first)
        var entries: [IndexEntry] = []
        try segment.forEachEntry { entries.append($0) }
        try change(&entries)
        let packs = try (0..<UInt32(segment.header.packCount)).map {
            try segment.pack($0).description
        }
        let session = [UInt8](repeating: 1, count: 16)
        _ = try IndexWriter.write(
            store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1),
            header: IndexHeader(
                entryCount: entries.count, packCount: packs.count, supersededCount: 1,
                session: session),
            packs: { try packs.forEach($0) }, superseded: [segment.name],
            entries: { try entries.forEach($0) })
    }

    @Test func aDirectoryThatIsNotWhatItsIdSaysIsDamage() throws {
        let test = try TestRepository()
        let manifest = try test.snapshot([
            .directory("d", [.text("x", "1")]), .directory("e", [.text("y", "1")]),
        ])
        guard case .directory(let root) = manifest.root.content else { return }
        // The index gives each of the two directories the place of the other.
        try rewriteIndex(test) { entries in
            let two = entries.indices.filter { entries[$0].id != root }
            #expect(two.count == 2)
            let (a, b) = (entries[two[0]], entries[two[1]])
            (entries[two[0]].offset, entries[two[0]].length) = (b.offset, b.length)
            (entries[two[1]].offset, entries[two[1]].length) = (a.offset, a.length)
        }
        let report = try check(test, readData: false)
        #expect(paths(report, manifest) == ["/d", "/e"])
    }

    @Test func aRootThatCountsWhatItDoesNotHoldIsDamage() throws {
        let (test, manifests) = try repository()
        let repository = try test.open()
        for change in [
            { (root: inout Entry) in root.attributes.count += 1 },
            { (root: inout Entry) in root.attributes.size += 1 },
        ] {
            let session = try Session(repository.ledger, kind: .writer, host: "")
            var manifest = manifests[0]
            (manifest.id, manifest.logicalID) = (session.id, session.id)
            change(&manifest.root)
            try session.commit(manifest)
            #expect(paths(try check(test, readData: false), manifest) == ["/"])
        }
    }

    @Test func everyNodeOfALongListIsChecked() throws {
        let test = try TestRepository()
        let manifest = try test.snapshot([
            .sparse("long", pieces: 3000), .text("other", "x"),
        ])
        #expect(try check(test, readData: false).findingCount == 0)
        let index = try test.files("index")[0]
        let whole = try test.read(index)
        let repository = try test.open()
        var sizes: [UInt32: Int] = [:]
        try repository.objects.segments[0].forEachEntry { sizes[$0.length, default: 0] += 1 }
        // Pieces have 600 bytes; what else there is are list nodes and one directory.
        #expect(sizes[600] == 3000)
        for place in [0, 700, 1500, 2999] {
            try rewriteIndex(test) { entries in
                let pieces = entries.indices.filter { entries[$0].length == 600 }
                entries[pieces[place]].length = 599
            }
            let report = try check(test, readData: false)
            #expect(paths(report, manifest) == ["/long"])
            for segment in try test.files("index") { try test.remove(segment) }
            try test.overwrite(index, whole)
        }
        try rewriteIndex(test) { entries in
            // The largest list node.
            let longest = entries.indices.max { entries[$0].length < entries[$1].length }
            entries.remove(at: longest!)
        }
        #expect(paths(try check(test, readData: false), manifest) == ["/long"])
    }

    @Test func findsAMissingSlot() throws {
        let (test, _) = try repository()
        let repository = try test.open()
        for slot in try test.files("slots") { try test.remove(slot) }
        let report = try RepositoryCheck(repository).run(readData: false, threads: 1)
        #expect(report.findingCount == 1)
    }

    @Test func foreignNamesAmongTheKeysAreNoDamage() throws {
        let (test, _) = try repository()
        for name in ["keyring/1.tmp", "slots/1.tmp"] { try test.overwrite(name, [1]) }
        #expect(try check(test, readData: false).findingCount == 0)
    }

    /// A snapshot that is forgotten and taken by a collection meanwhile is not damaged.
    @Test func notesAreMissedOnlyWhereTheirSnapshotIs() throws {
        let (test, manifests) = try repository()
        let id = manifests[0].id
        let ledger = try test.open().ledger
        for action in [Note.Action.forget, .unforget] {
            try NoteBook.add(
                action, to: [id], origin: Origin(time: 1, host: "", user: ""), ledger: ledger)
        }
        let (first, whole) = (Note.storeName(id, 1), try test.store())
        let late = LateStore(try test.store(), late: first)
        let meanwhile = try RepositoryCheck(test.open(late)).run(readData: false, threads: 1)
        #expect(meanwhile.findingCount == 0)
        try whole.delete(first)
        #expect(try check(test, readData: false).findingCount == 1)
        try whole.delete(Manifest.storeName(id))
        #expect(try check(test, readData: false).findingCount == 0)
    }

    @Test func leftoversAreNotes() throws {
        let (test, _) = try repository()
        let name = String(repeating: "ab", count: 32)
        try test.store().create("data/ab/\(name)", [1, 2, 3])
        try test.overwrite("tmp/1-2-3", [1])
        let report = try check(test, readData: true)
        #expect(report.findingCount == 0)
        #expect(report.notes.count == 2)
    }

    @Test func aListingThatFailsIsAnError() throws {
        let (test, _) = try repository()
        for directory in ["data", "meta", "index", "snapshots", "slots"] {
            let store = FailingStore(try test.store())
            let repository = try test.open(store)
            store.failing = directory
            #expect(throws: SnapError.self, "\(directory)") {
                try RepositoryCheck(repository).run(readData: false, threads: 1)
            }
        }
    }

    @Test func endsWhenInterrupted() throws {
        let (test, _) = try repository()
        var observer = CheckObserver()
        observer.isInterrupted = { true }
        #expect {
            try check(test, readData: true, observer: observer)
        } throws: {
            ($0 as? SnapError)?.kind == .interrupted
        }
    }
}

/// A store whose first listing of the notes does not show one of them.
private final class LateStore: ForwardingStore, @unchecked Sendable {
    let base: any Store
    // Used by the thread of the test alone.
    private var late: String?

    init(_ base: any Store, late: String) { (self.base, self.late) = (base, late) }

    func list(_ directory: String) throws -> [StoreEntry] {
        let names = try base.list(directory)
        guard directory == Note.directory, let late else { return names }
        self.late = nil
        return names.filter { "\(directory)/\($0.name)" != late }
    }
}

/// A store whose listings fail at and below one directory.
private final class FailingStore: Store, @unchecked Sendable {
    // Sendable: `failing` is set between calls only.
    private let store: any Store
    var failing = "-"

    init(_ store: any Store) { self.store = store }

    private func check(_ directory: String) throws {
        if directory == failing || directory.hasPrefix(failing + "/") {
            throw SnapError(.io, "listing \(directory) fails")
        }
    }

    var location: String { store.location }
    func open(_ name: String) throws -> any StoreFile { try store.open(name) }
    func stage() throws -> any StagedFile { try store.stage() }
    func list(_ directory: String) throws -> [StoreEntry] {
        try check(directory)
        return try store.list(directory)
    }
    func listDirectories(_ directory: String) throws -> [String] {
        try check(directory)
        return try store.listDirectories(directory)
    }
    func delete(_ name: String) throws { try store.delete(name) }
    func synchronize() throws { try store.synchronize() }
}
