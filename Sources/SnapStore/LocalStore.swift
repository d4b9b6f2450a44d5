// SPDX-License-Identifier: MIT
//
// A store in a directory. A file is written under tmp/, synchronised and published under its name,
// so it exists whole or not at all; `synchronize` makes the names durable. See snapfs-format(5),
// DURABILITY.

import Glibc
import SnapBase

package final class LocalStore: Store, @unchecked Sendable {
    // Sendable: all that is `var` is used inside monitor.locked only.
    package let location: String
    private let files: any FileLayer
    private let monitor = Monitor()
    /// Held for the whole of `synchronize`.
    private let synchronizing = Monitor()
    /// Directories with names that are not known to be durable: our own, and those we found there,
    /// which a killed process may have left in the kernel's memory.
    private var unsynchronized: Set<String> = []
    /// What was in those that were listed, as a hash of the names.
    private var listed: [String: Int] = [:]
    /// The same of directories that were synchronised after they were listed. While a listing shows
    /// these names, it shows what is durable: a name has one content for ever. That another name
    /// was there meanwhile, and comes back after a crash, harms nobody: only what has been decided
    /// against is deleted.
    private var durable: [String: Int] = [:]
    /// Directories known to exist.
    private var known: Set<String> = []
    private var counter: UInt64 = 0
    /// Tells the staged files of this process from those of others.
    private let prefix: String

    package static let directories = [
        "slots", "keyring", "data", "meta", "index", "sessions", "snapshots", "tmp",
    ]

    /// A store over files; `location` is for messages.
    package init(files: any FileLayer, location: String) {
        self.files = files
        self.location = location
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        prefix = "\(getpid())-\(time.tv_sec)-\(time.tv_nsec)"
    }

    /// Makes the directories of a new repository.
    package func makeDirectories() throws {
        for name in Self.directories { try makeDirectory(name) }
        try synchronize()
    }

    /// Makes the directories of a cache.
    package func makeCacheDirectories() throws {
        for name in ["index", "tmp"] { try makeDirectory(name) }
    }

    package func open(_ name: String) throws -> any StoreFile {
        let file = try proven { try files.openFile(name) }
        return LocalFile(file, size: try file.size(), name: name)
    }

    package func stage() throws -> any StagedFile {
        let number = monitor.locked {
            counter += 1
            return counter
        }
        let path = "tmp/\(prefix)-\(number)"
        return LocalStagedFile(store: self, path: path, file: try files.createFile(path))
    }

    package func list(_ directory: String) throws -> [StoreEntry] {
        try entries(directory).compactMap { entry in
            entry.size.map { StoreEntry(name: entry.name, size: $0) }
        }
    }

    package func listDirectories(_ directory: String) throws -> [String] {
        try entries(directory).filter { $0.size == nil }.map(\.name)
    }

    private func entries(_ directory: String) throws -> [(name: String, size: Int?)] {
        do {
            let entries = try proven { try files.list(directory) }
            // What is built on a listing must not be more durable than what was listed: its writer
            // may have died, or be about to synchronise.
            markListed(directory, entries.map(\.name))
            return entries
        } catch let error as SnapError
            where error.kind == .notFound && directory != ""
        {
            // Absent only if the repository itself is still there.
            _ = try files.openFile("snapfs")
            return []
        }
    }

    /// A file in the place of a directory proves nothing of what should be in it.
    private func proven<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as SnapError where error.code == ENOTDIR {
            throw SnapError(.damaged, error.message, code: error.code)
        }
    }

    package func delete(_ name: String) throws {
        let directory = Self.parent(name)
        do { try files.unlink(name) } catch let error as SnapError where error.kind == .notFound {
            // Whoever removed it may have died before that was durable. A directory that is not
            // there either, as in a copy that leaves out empty ones, has nothing to synchronise.
            do { _ = try files.list(directory) } catch let error as SnapError
                where error.kind == .notFound
            { return }
        }
        markUnsynchronized(directory)
    }

    package func synchronize() throws {
        // One after the other: a second caller is told of what the first one has taken on.
        try synchronizing.locked {
            let (directories, contents) = monitor.locked {
                defer { (unsynchronized, listed) = ([], [:]) }
                return (unsynchronized, listed)
            }
            // Deeper first: a new directory's own name is in its parent.
            for path in directories.sorted(by: { $0.utf8.count > $1.utf8.count }) {
                do { try files.synchronizeDirectory(path) } catch {
                    monitor.locked { unsynchronized.formUnion(directories) }
                    throw error
                }
            }
            monitor.locked { durable.merge(contents) { $1 } }
        }
    }

    fileprivate func publish(_ path: String, as name: String) throws {
        let parent = Self.parent(name)
        if !parent.isEmpty { try makeDirectory(parent) }
        // After an error too: the name may stand.
        defer { markUnsynchronized(parent) }
        try files.publish(path, as: name)
    }

    fileprivate func unlinkStaged(_ path: String) { try? files.unlink(path) }

    private func makeDirectory(_ path: String) throws {
        if monitor.locked({ known.contains(path) }) { return }
        let parent = Self.parent(path)
        if !parent.isEmpty { try makeDirectory(parent) }
        // An existing one too: its maker may have died before it was durable.
        defer { markUnsynchronized(parent) }
        try files.makeDirectory(path)
        _ = monitor.locked { known.insert(path) }
    }

    private func markUnsynchronized(_ directory: String) {
        _ = monitor.locked { unsynchronized.insert(directory) }
    }

    /// An fsync of each directory of packs costs a flush of the disk, also where nothing is new:
    /// who lists them for every snapshot that he writes must not pay that each time.
    private func markListed(_ directory: String, _ names: [String]) {
        let contents = names.reduce(names.count) { $0 &+ $1.hashValue }
        monitor.locked {
            if durable[directory] == contents { return }
            listed[directory] = contents
            unsynchronized.insert(directory)
        }
    }

    private static func parent(_ name: String) -> String {
        guard let slash = name.utf8.lastIndex(of: 0x2f) else { return "" }
        return String(name[..<slash])
    }
}

private final class LocalFile: StoreFile {
    private let file: any LayerFile
    let size: Int
    private let name: String

    init(_ file: any LayerFile, size: Int, name: String) {
        self.file = file
        self.size = size
        self.name = name
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let count = try file.read(at: offset, into: buffer)
        guard count == buffer.count else {
            throw SnapError(
                .damaged, "\(name): ends at byte \(offset + count), \(buffer.count - count) early")
        }
    }

    func expectSequentialReading() { file.expectSequentialReading() }
}

private final class LocalStagedFile: StagedFile {
    private let store: LocalStore
    private let path: String
    private var file: (any LayerFile)?
    private var size = 0

    init(store: LocalStore, path: String, file: any LayerFile) {
        self.store = store
        self.path = path
        self.file = file
    }

    deinit { discard() }

    private func opened() throws -> any LayerFile {
        guard let file else { throw SnapError(.io, "\(path): is closed already") }
        return file
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try opened().write(bytes, at: size)
        size += bytes.count
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let count = try opened().read(at: offset, into: buffer)
        guard count == buffer.count else {
            throw SnapError(.io, "\(path): \(count) bytes read back instead of \(buffer.count)")
        }
    }

    func commit(as name: String) throws {
        try opened().synchronize()
        do { try store.publish(path, as: name) } catch {
            discard()
            throw error
        }
        file = nil
    }

    func discard() {
        if file == nil { return }
        file = nil
        store.unlinkStaged(path)
    }
}
