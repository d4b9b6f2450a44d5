// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct StoreScrubTests {
    private func repository() throws -> TestRepository {
        let test = try TestRepository()
        try test.snapshot([
            .directory("d", [.file("a", noise(700_000, seed: 1)), .text("b", "tiny")])
        ])
        return test
    }

    private func scrub(_ store: any Store) throws -> ScrubReport {
        try StoreScrub(store).run(threads: 3)
    }

    private func files(_ report: ScrubReport) -> [String] {
        report.damage.list.compactMap {
            guard case .file(let file) = $0.place else { return nil }
            return file
        }
    }

    private static let proven = ["data", "meta", "index", "slots"]

    @Test func aWholeRepositoryIsSound() throws {
        let test = try repository()
        let report = try scrub(try test.store())
        #expect(report.damage.count == 0)
        #expect(report.unread.count == 0)
        #expect(report.foreign == [])
        #expect(report.proven.files == 4)
        #expect(report.proven.bytes > 700_000)
        // Marker, config, keyring, manifest.
        #expect(report.readable.files == 4)
    }

    @Test func findsEveryChangeOfAFileThatIsNamedByItsHash() throws {
        let test = try repository()
        for file in try Self.proven.flatMap({ try test.files($0) }) {
            let whole = try test.read(file)
            for offset in [0, whole.count / 2, whole.count - 1] {
                try test.flip(file, at: offset)
                #expect(files(try scrub(try test.store())) == [file], "byte \(offset)")
                try test.overwrite(file, whole)
            }
            for changed in [Array(whole.dropLast()), whole + [0], []] {
                try test.overwrite(file, changed)
                #expect(files(try scrub(try test.store())) == [file], "\(changed.count) bytes")
            }
            try test.overwrite(file, whole)
        }
        #expect(try scrub(try test.store()).damage.count == 0)
    }

    @Test func anEmptyFileIsDamageWhateverItsName() throws {
        let test = try repository()
        for file in try ["keyring", "snapshots"].flatMap({ try test.files($0) }) {
            let whole = try test.read(file)
            try test.overwrite(file, [])
            #expect(files(try scrub(try test.store())) == [file])
            try test.overwrite(file, whole)
        }
    }

    /// Names are enough to miss what nothing opens without, and opening says what helps.
    @Test func whatOpensARepositoryIsMissed() throws {
        let test = try repository()
        let store = try test.store()
        for file in try ["config"] + test.files("slots") + test.files("keyring") {
            let whole = try test.read(file)
            try store.delete(file)
            let missed = file.hasPrefix("slots/") ? "slots" : file
            #expect(files(try scrub(store)) == [missed])
            var failure: SnapError?
            do { _ = try test.open() } catch { failure = error as? SnapError }
            #expect(failure?.kind == .damaged && failure!.message.contains("put the file back"))
            try store.create(file, whole)
        }
        #expect(try scrub(store).damage.count == 0)
    }

    @Test func aGapBetweenKeyringsIsMissed() throws {
        let test = try repository()
        try test.overwrite("keyring/00000003", [1])
        #expect(files(try scrub(try test.store())) == ["keyring/00000002"])
    }

    @Test func foreignNamesAreToldAndNoDamage() throws {
        let test = try repository()
        let name = String(repeating: "ab", count: 32)
        for path in ["notes.txt", "index/x", "slots/1.tmp", "snapshots/y"] {
            try test.overwrite(path, [1])
        }
        mkdir("\(test.path)/lost+found", 0o700)
        // In the directory of other packs nobody looks for it.
        let other = try #require(
            try test.store().listDirectories("data").first { $0 != "ab" })
        try test.overwrite("data/\(other)/\(name)", [1])
        try test.overwrite("tmp/1-2-3", [])
        let report = try scrub(try test.store())
        #expect(report.damage.count == 0)
        #expect(
            report.foreign == [
                "data/\(other)/\(name)", "index/x", "lost+found", "notes.txt", "slots/1.tmp",
                "snapshots/y",
            ])
        #expect(report.staged == 1)
    }

    @Test func aFileThatTheDiskDoesNotGiveBackIsDamageAndTheOthersAreRead() throws {
        let test = try repository()
        for (code, isDamage) in [(EIO, true), (EACCES, false)] {
            for file in try Self.proven.flatMap({ try test.files($0) }) + ["config"] {
                let store = UnreadableStore(try test.store(), file, SnapError(errno: code, file))
                let report = try scrub(store)
                #expect(files(report) == (isDamage ? [file] : []))
                #expect(report.unread.count == (isDamage ? 0 : 1))
                #expect(report.proven.files + report.readable.files == 7)
            }
        }
    }

    @Test func aDirectoryThatCannotBeListedIsTold() throws {
        let test = try repository()
        for directory in ["data", "index", "slots", "snapshots", "keyring"] {
            let store = UnreadableStore(
                try test.store(), directory, SnapError(errno: EIO, directory))
            #expect(files(try scrub(store)) == [directory])
        }
    }

    @Test func whatIsTakenAwayMeanwhileIsNoDamage() throws {
        let test = try repository()
        let pack = try test.files("data")[0]
        let store = UnreadableStore(try test.store(), pack, SnapError(errno: ENOENT, pack))
        let report = try scrub(store)
        #expect(report.damage.count == 0 && report.unread.count == 0)
    }

    @Test func endsWhenInterrupted() throws {
        let test = try repository()
        var observer = CheckObserver()
        observer.isInterrupted = { true }
        #expect {
            try StoreScrub(try test.store(), observer: observer).run(threads: 2)
        } throws: {
            ($0 as? SnapError)?.kind == .interrupted
        }
    }
}

/// A store that cannot open one file, or list one directory.
private final class UnreadableStore: ForwardingStore {
    let base: any Store
    private let name: String
    private let error: SnapError

    init(_ base: any Store, _ name: String, _ error: SnapError) {
        self.base = base
        self.name = name
        self.error = error
    }

    func open(_ name: String) throws -> any StoreFile {
        if name == self.name { throw error }
        return try base.open(name)
    }

    func list(_ directory: String) throws -> [StoreEntry] {
        if directory == name { throw error }
        return try base.list(directory)
    }

    func listDirectories(_ directory: String) throws -> [String] {
        if directory == name { throw error }
        return try base.listDirectories(directory)
    }
}
