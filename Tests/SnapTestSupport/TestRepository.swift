// SPDX-License-Identifier: MIT
//
// A small repository in a temporary directory, and trees to fill it with.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore

/// An entry of a source that exists in memory only.
package indirect enum TestEntry {
    case file(String, [UInt8], mode: UInt16 = 0o644, xattrs: [UInt8] = [])
    case symlink(String, String)
    /// So many different pieces of 600 bytes, each behind a hole.
    case sparse(String, pieces: Int)
    case directory(String, [TestEntry])

    package static func text(_ name: String, _ content: String, mode: UInt16 = 0o644) -> TestEntry {
        .file(name, Array(content.utf8), mode: mode)
    }
}

/// Bytes that no compressor and no chunker finds a pattern in; the same for the same seed.
package func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 2 &+ 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

extension SnapshotWriter {
    /// Appends bytes to the open file.
    package func append(all bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try append { buffer in
                let part = rest.prefix(buffer.count)
                buffer.copyBytes(from: part)
                return part.count
            }
            rest = rest.dropFirst(count)
        }
    }
}

/// Removed with its last reference. Not thread-safe.
package final class TestRepository {
    package let path: String
    private let key = Credential.keyFile(Secret([UInt8](repeating: 7, count: 32)))

    /// It cuts files as `model` does.
    package init(cuttingLike model: Repository? = nil) throws {
        var template = Array("/tmp/snapfs-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SnapError(errno: errno, "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let store = try store()
        try store.makeDirectories()
        try Repository.create(
            store, key, stretching: Stretching(logN: 1, r: 1, p: 1), label: "test",
            cuttingLike: model)
    }

    deinit { try? Self.remove(path) }

    package func store() throws -> LocalStore {
        LocalStore(files: try SystemFileLayer(root: path, create: false), location: path)
    }

    /// Opens it, with nothing in the caches.
    package func open(
        _ store: (any Store)? = nil, cache: (any Store)? = nil
    ) throws -> Repository {
        let repository = try Repository.open(
            try store ?? self.store(), key, cache: { _ in cache })
        try repository.refresh()
        return repository
    }

    /// Adds a snapshot of a tree.
    @discardableResult
    package func snapshot(_ tree: [TestEntry], time: Int64 = 1_000_000) throws -> Manifest {
        let repository = try open()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        let template = Manifest(
            id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: time), root: root)
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: BackupProgress(), threads: 2)
        try add(tree, to: writer)
        return try writer.finish(root: root)
    }

    private func add(_ tree: [TestEntry], to writer: SnapshotWriter) throws {
        for entry in tree {
            switch entry {
            case .file(let name, let content, let mode, let xattrs):
                writer.beginFile()
                try writer.append(all: content)
                try writer.endFile(Self.entry(name, 0o100000 | mode), xattrs: xattrs, before: nil)
            case .sparse(let name, let pieces):
                writer.beginFile()
                for piece in 0..<pieces {
                    try writer.appendHole(4096)
                    try writer.append(all: noise(600, seed: UInt64(piece)))
                }
                try writer.endFile(Self.entry(name, 0o100644), xattrs: [], before: nil)
            case .symlink(let name, let target):
                var entry = Self.entry(name, 0o120777)
                entry.target = Array(target.utf8)
                entry.attributes.size = UInt64(entry.target.count)
                try writer.add(entry, xattrs: [])
            case .directory(let name, let children):
                try writer.beginDirectory(Self.entry(name, 0o040755), xattrs: [])
                try add(children, to: writer)
                try writer.endDirectory()
            }
        }
    }

    private static func entry(_ name: String, _ mode: UInt16) -> Entry {
        Entry(name: Array(name.utf8), attributes: Attributes(mode: mode))
    }

    // MARK: Files

    /// Store names of all files in a directory of the store, sorted.
    package func files(_ directory: String) throws -> [String] {
        let store = try store()
        var files = try store.list(directory).map { "\(directory)/\($0.name)" }
        for child in try store.listDirectories(directory) {
            files += try self.files("\(directory)/\(child)")
        }
        return files.sorted()
    }

    package func read(_ name: String) throws -> [UInt8] {
        try store().read(name, limit: 1 << 30)
    }

    /// Replaces the content of a file, as only damage does.
    package func overwrite(_ name: String, _ bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(
            "\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try bytes.withUnsafeBytes { try file.write($0, at: 0, label: name) }
    }

    package func flip(_ name: String, at offset: Int) throws {
        var bytes = try read(name)
        bytes[offset] ^= 1
        try overwrite(name, bytes)
    }

    package func remove(_ name: String) throws {
        try systemCall("removing \(name)") { unlink("\(path)/\(name)") }
    }

    private static func remove(_ path: String) throws {
        guard let directory = opendir(path) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
            }
            if name == "." || name == ".." { continue }
            let child = "\(path)/\(name)"
            if entry.pointee.d_type == DT_DIR { try remove(child) } else { unlink(child) }
        }
        rmdir(path)
    }
}
