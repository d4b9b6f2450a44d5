// SPDX-License-Identifier: MIT

import Glibc
import SnapBase

/// The file layer of the operating system, below one directory that it keeps open.
package final class SystemFileLayer: FileLayer {
    private let root: FileDescriptor
    private let rootPath: String

    /// Opens the directory of a repository. `create` makes it, and its parents, where absent.
    package init(root path: String, create: Bool) throws {
        rootPath = path
        if create { try Self.makeParents(path) }
        root = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
    }

    private static func makeParents(_ path: String) throws {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = prefix.isEmpty ? "." : prefix
            prefix += (prefix.isEmpty || prefix.hasSuffix("/") ? "" : "/") + part
            if mkdir(prefix, 0o700) == 0 {
                // A repository whose own name is lost is lost as a whole.
                let directory = try FileDescriptor.open(parent, O_RDONLY | O_DIRECTORY)
                try systemCall("synchronising the directory \(parent)") {
                    fsync(directory.number)
                }
            } else if errno != EEXIST {
                throw SnapError(errno: errno, "making the directory \(prefix)")
            }
        }
    }

    private func name(_ path: String) -> String {
        path.isEmpty ? rootPath : "\(rootPath)/\(path)"
    }

    package func makeDirectory(_ path: String) throws {
        if mkdirat(root.number, path, 0o700) == 0 || errno == EEXIST { return }
        throw SnapError(errno: errno, "making the directory \(name(path))")
    }

    package func createFile(_ path: String) throws -> any LayerFile {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
        return SystemFile(
            try FileDescriptor.open(path, at: root, flags, mode: 0o600, label: name(path)),
            name(path))
    }

    package func openFile(_ path: String) throws -> any LayerFile {
        // Whoever can write the directory may have put a fifo there: opening one waits for ever.
        let file = try FileDescriptor.open(
            path, at: root, O_RDONLY | O_NONBLOCK | O_NOCTTY, label: name(path))
        guard try FileAttributes(of: file, label: name(path)).mode & S_IFMT == S_IFREG else {
            throw SnapError(.damaged, "\(name(path)): is not a regular file")
        }
        return SystemFile(file, name(path))
    }

    package func publish(_ from: String, as to: String) throws {
        if linkat(root.number, from, root.number, to, 0) == 0 {
            // The name stands; a leftover in tmp/ is no fault.
            _ = unlinkat(root.number, from, 0)
            return
        }
        let code = errno
        if code == EPERM || code == ENOTSUP || code == ENOSYS || code == EMLINK {
            // A file system without hard links.
            try renameWithoutReplacing(root, from, root, to, label: name(to))
            return
        }
        throw SnapError(errno: code, "creating \(name(to))")
    }

    package func unlink(_ path: String) throws {
        try systemCall("removing \(name(path))") { unlinkat(root.number, path, 0) }
    }

    package func synchronizeDirectory(_ path: String) throws {
        let directory = try FileDescriptor.open(
            path.isEmpty ? "." : path, at: root, O_RDONLY | O_DIRECTORY, label: name(path))
        try systemCall("synchronising the directory \(name(path))") { fsync(directory.number) }
    }

    package func list(_ path: String) throws -> [(name: String, size: Int?)] {
        let directory = try FileDescriptor.open(
            path.isEmpty ? "." : path, at: root, O_RDONLY | O_DIRECTORY, label: name(path))
        var entries: [(name: String, size: Int?)] = []
        try DirectoryReader(directory, label: name(path)).forEach { bytes, _ in
            let entry = String(decoding: bytes, as: UTF8.self)
            do {
                let attributes = try FileAttributes(at: directory, name: bytes)
                let isDirectory = attributes.mode & S_IFMT == S_IFDIR
                entries.append((entry, isDirectory ? nil : Int(attributes.size)))
            } catch let error as SnapError where error.kind == .notFound {
                // Deleted since the listing began.
            }
        }
        return entries
    }
}

private final class SystemFile: LayerFile {
    private let descriptor: FileDescriptor
    private let name: String

    init(_ descriptor: FileDescriptor, _ name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    func size() throws -> Int { Int(try FileAttributes(of: descriptor, label: name).size) }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try descriptor.read(at: offset, into: buffer, label: name)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try descriptor.write(bytes, at: offset, label: name)
    }

    func synchronize() throws {
        try systemCall("synchronising \(name)") { fdatasync(descriptor.number) }
    }

    // Without it the file is read all the same, with the kernel's usual read-ahead.
    func expectSequentialReading() {
        _ = posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_SEQUENTIAL)
    }
}
