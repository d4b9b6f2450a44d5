// SPDX-License-Identifier: MIT
//
// Deletes what is not in the snapshot. Links are deleted, never followed; what is mounted, the
// repository and the cache stay.

import Glibc
import SnapBase
import SnapFormat

/// Removes entries with all that is in them; an explicit stack, so depth has no limit.
final class TreeRemoval {
    private final class Level {
        let name: [UInt8]
        let identity: FileIdentity
        let mount: UInt64
        var descriptor: FileDescriptor?
        var names: [[UInt8]]
        /// Something in it stays, so it stays too.
        var isKept = false

        init(_ name: [UInt8], _ descriptor: FileDescriptor, _ found: FileAttributes) throws {
            self.name = name
            self.descriptor = descriptor
            identity = FileIdentity(found)
            mount = found.mount
            var names: [[UInt8]] = []
            try DirectoryReader(descriptor, label: "it").forEach { name, _ in
                names.append(Array(name))
            }
            self.names = names
        }
    }

    private static let openMax = 64

    private let restore: Restore
    private let directory: FileDescriptor
    /// The path of the entry in the snapshot, and its parts below the start.
    private let path: [UInt8]
    private let parts: [[UInt8]]
    private var stack: [Level] = []
    private var failure: SnapError?

    /// Removes one entry of an open directory. Problems below it are reported; throws for its own.
    static func remove(
        _ name: [UInt8], in directory: FileDescriptor, path: [UInt8], parts: [[UInt8]],
        _ restore: Restore
    ) throws {
        try TreeRemoval(restore, directory, path, parts).run(name)
    }

    private init(
        _ restore: Restore, _ directory: FileDescriptor, _ path: [UInt8], _ parts: [[UInt8]]
    ) {
        self.restore = restore
        self.directory = directory
        self.path = path
        self.parts = parts
    }

    private func run(_ name: [UInt8]) throws {
        let mount = try FileAttributes(of: directory, label: "its directory").mount
        remove(name, in: directory, mount: mount)
        while let top = stack.last {
            try restore.checkInterrupted()
            if let next = top.names.popLast() {
                if isExcluded(next) {
                    top.isKept = true
                } else if let descriptor = top.descriptor {
                    remove(next, in: descriptor, mount: top.mount)
                }
            } else {
                stack.removeLast()
                leave(top)
            }
        }
        if let failure { throw failure }
    }

    private func isExcluded(_ name: [UInt8]) -> Bool {
        if restore.selection.isEverything { return false }
        return !restore.selection.selects(parts + stack.dropFirst().map(\.name) + [name])
    }

    /// The path of a name in the directory at the top.
    private func shown(_ name: [UInt8]) -> [UInt8] {
        if stack.isEmpty { return path }
        return (stack.dropFirst().map(\.name) + [name]).reduce(into: path) { $0 += [0x2f] + $1 }
    }

    private func fail(_ name: [UInt8], _ error: any Error) {
        guard let top = stack.last else {
            failure = SnapError.wrap(error)
            return
        }
        top.isKept = true
        restore.problem(shown(name), error)
    }

    private func remove(_ name: [UInt8], in directory: FileDescriptor, mount: UInt64) {
        do {
            guard let level = try enter(name, in: directory, mount: mount) else {
                return restore.done(.deleted, bytes: 0, shown(name))
            }
            stack.append(level)
            if stack.count > Self.openMax {
                stack[stack.count - 1 - Self.openMax].descriptor = nil
            }
        } catch { fail(name, error) }
    }

    /// Removes what is no directory: nil; otherwise opens it.
    private func enter(
        _ name: [UInt8], in directory: FileDescriptor, mount: UInt64
    ) throws -> Level? {
        try name.withUnsafeBytes { bytes in
            try withTerminated(bytes) { terminated in
                let found = try FileAttributes(directory.number, terminated, "it")
                guard found.isDirectory else {
                    try systemCall("deleting it") { unlinkat(directory.number, terminated, 0) }
                    return nil
                }
                try restore.requireUnguarded(found)
                guard found.mount == mount else {
                    throw SnapError(.refused, "is a mount point, which is not deleted")
                }
                let opened = try FileDescriptor.open(
                    name: terminated, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                return try Level(name, opened, try FileAttributes(of: opened, label: "it"))
            }
        }
    }

    /// Removes a directory that was emptied.
    private func leave(_ level: Level) {
        do {
            if let parent = stack.last, parent.descriptor == nil {
                parent.descriptor = try reopen(parent, from: level)
            }
            level.descriptor = nil
            if level.isKept {
                stack.last?.isKept = true
                return
            }
            let parent = stack.last?.descriptor ?? directory
            try level.name.withUnsafeBytes {
                try withTerminated($0) { name in
                    _ = try systemCall("deleting it") {
                        unlinkat(parent.number, name, AT_REMOVEDIR)
                    }
                }
            }
            restore.done(.deleted, bytes: 0, shown(level.name))
        } catch { fail(level.name, error) }
    }

    private func reopen(_ parent: Level, from level: Level) throws -> FileDescriptor {
        let opened = try FileDescriptor.open("..", at: level.descriptor, O_RDONLY | O_DIRECTORY)
        let found = try FileAttributes(of: opened, label: "its directory")
        guard FileIdentity(found) == parent.identity else {
            throw SnapError(.io, "a directory above it was moved during the restore")
        }
        return opened
    }
}
