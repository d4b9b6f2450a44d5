// SPDX-License-Identifier: MIT
//
// The walk itself: an explicit stack of open directories, so neither the length of a path nor its depth
// has a limit. Of a deep path only the last descriptors stay open; a closed one is opened again through
// "..", and compared.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

final class TreeWalk {
    private final class Frame {
        var directory: FileDescriptor?
        let device, inode: UInt64
        let names: [[UInt8]]
        var next = 0
        let predecessor: PredecessorDirectory?

        init(
            _ directory: FileDescriptor, device: UInt64, inode: UInt64, names: [[UInt8]],
            _ predecessor: PredecessorDirectory?
        ) {
            self.directory = directory
            self.device = device
            self.inode = inode
            self.names = names
            self.predecessor = predecessor
        }
    }

    private static let openMax = 200

    private let backup: FileBackup
    private let files: FileTransfer
    private var stack: [Frame] = []
    private var path: [[UInt8]] = []
    private var device: UInt64 = 0

    init(_ backup: FileBackup) {
        self.backup = backup
        files = FileTransfer(backup)
    }

    /// A named source: never excluded by a pattern, whatever its type.
    func source(
        _ name: [UInt8], in directory: FileDescriptor, path: [[UInt8]],
        _ predecessor: PredecessorDirectory?
    ) throws {
        self.path = path.dropLast()
        let found: FileAttributes
        do { found = try name.withUnsafeBytes { try FileAttributes(at: directory, name: $0) } } catch {
            throw SnapError.wrap(error).within("the source \(FileBackup.shown(path))")
        }
        device = found.device
        try enter(name, found, in: directory, predecessor, isSource: true)
        try loop()
    }

    /// Everything in an open directory whose entry is the caller's.
    func walk(
        _ directory: FileDescriptor, path: [[UInt8]], device: UInt64,
        predecessor: PredecessorDirectory?
    ) throws {
        self.path = path
        self.device = device
        let found = try FileAttributes(of: directory, label: FileBackup.shown(path))
        push(directory, found, predecessor, entryIsOpen: false)
        try loop()
    }

    private func loop() throws {
        while let frame = stack.last {
            guard frame.next < frame.names.count else {
                try pop()
                continue
            }
            let name = frame.names[frame.next]
            frame.next += 1
            try backup.tick()
            guard !backup.options.exclusion.excludes(path + [name]) else { continue }
            guard let directory = frame.directory else { preconditionFailure("a closed frame") }
            let found: FileAttributes
            do {
                found = try name.withUnsafeBytes { try FileAttributes(at: directory, name: $0) }
            } catch let error as SnapError where error.kind == .notFound {
                // Deleted since the listing: as if it had been a moment earlier.
                continue
            } catch {
                backup.problem(path + [name], error)
                continue
            }
            try enter(name, found, in: directory, frame.predecessor, isSource: false)
        }
    }

    /// Sends one entry; a directory is pushed, its entries follow.
    private func enter(
        _ name: [UInt8], _ found: FileAttributes, in directory: FileDescriptor,
        _ predecessor: PredecessorDirectory?, isSource: Bool
    ) throws {
        let attributes = try found.attributes(keys: backup.repository.keys)
        let before = try predecessor?.place(name)
        guard attributes.isDirectory else {
            if let limit = backup.options.exclusion.largerThan, attributes.isRegular,
                attributes.size > limit, !isSource
            { return }
            backup.owners.note(attributes)
            do { try files.send(name, attributes, in: directory, path: path + [name], before, predecessor?.view) }
            catch let error as SourceError { backup.problem(path + [name], error.cause) }
            return
        }
        if isSkipped(found) { return }
        backup.owners.note(attributes)
        let opened: FileDescriptor
        do {
            opened = try name.withUnsafeBytes {
                try withTerminated($0) {
                    try FileDescriptor.open(
                        name: $0, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                }
            }
        } catch {
            backup.problem(path + [name], error)
            return
        }
        path.append(name)
        let xattrs = try files.directoryXattrs(attributes, opened, path, before, predecessor?.view)
        try backup.writer.beginDirectory(
            Entry(name: name, attributes: attributes.withoutCounts), xattrs: xattrs)
        backup.progress.update { $0.directories += 1 }
        backup.options.visit?(FileBackup.joined(path), before == nil ? .new : .unchanged)
        let below = before.flatMap {
            $0.attributes.isDirectory
                ? PredecessorDirectory(view: predecessor!.view, place: $0) : nil
        }
        push(opened, found, below, entryIsOpen: true)
    }

    private func isSkipped(_ found: FileAttributes) -> Bool {
        backup.options.exclusion.directories.contains(
            .init(device: found.device, inode: found.inode))
    }

    private var openEntries: [Bool] = []

    private func push(
        _ directory: FileDescriptor, _ found: FileAttributes, _ predecessor: PredecessorDirectory?,
        entryIsOpen: Bool
    ) {
        var names: [[UInt8]] = []
        if !(backup.options.exclusion.oneFileSystem && found.device != device) {
            do { names = try list(directory) } catch { backup.problem(path, error) }
        }
        stack.append(
            Frame(directory, device: found.device, inode: found.inode, names: names, predecessor))
        openEntries.append(entryIsOpen)
        if stack.count > Self.openMax { stack[stack.count - 1 - Self.openMax].directory = nil }
    }

    private func list(_ directory: FileDescriptor) throws -> [[UInt8]] {
        if let tag = backup.options.exclusion.tag(in: directory) { return [tag] }
        var names: [[UInt8]] = []
        try DirectoryReader(directory, label: FileBackup.shown(path)).forEach { name, _ in
            names.append(Array(name))
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        return names
    }

    private func pop() throws {
        let frame = stack.removeLast()
        if openEntries.removeLast() {
            try backup.writer.endDirectory()
            path.removeLast()
        }
        guard let parent = stack.last, parent.directory == nil else { return }
        let opened = try FileDescriptor.open(
            "..", at: frame.directory, O_RDONLY | O_DIRECTORY, label: FileBackup.shown(path))
        let found = try FileAttributes(of: opened, label: FileBackup.shown(path))
        guard found.device == parent.device, found.inode == parent.inode else {
            throw SnapError(
                .io, "\(FileBackup.shown(path)): a directory above it was moved during the backup")
        }
        parent.directory = opened
    }
}
