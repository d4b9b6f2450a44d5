// SPDX-License-Identifier: MIT
//
// Sends what is not a directory: recognises it as unchanged, or reads it, holes as holes.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// A failure of the source: the entry is reported and the backup goes on.
struct SourceError: Error {
    var cause: any Error
}

/// Turns the errors of body into failures of the source.
private func source<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw SourceError(cause: error) }
}

final class FileTransfer {
    private let backup: FileBackup
    private var writer: any EntrySink { backup.writer }

    init(_ backup: FileBackup) { self.backup = backup }

    /// Sends one entry. Throws SourceError when the source cannot be read, and then sent nothing.
    func send(
        _ name: [UInt8], _ attributes: Attributes, in directory: FileDescriptor, path: [[UInt8]],
        _ before: Place?, _ view: SnapshotView?
    ) throws {
        if let before, let view, let same = try unchanged(attributes, before, view) {
            try writer.reuse(same)
            count(.unchanged, attributes, path)
            return
        }
        let status: FileBackup.EntryStatus = before == nil ? .new : .changed
        var entry = Entry(name: name, attributes: attributes)
        guard attributes.isRegular else {
            if attributes.isSymlink {
                entry.target = try source { try Self.linkTarget(name, in: directory) }
                entry.attributes.size = UInt64(entry.target.count)
            }
            let xattrs = try source { try SourceXattrs.run(of: name, in: directory) }
            try writer.add(entry, xattrs: xattrs)
            count(status, attributes, path)
            return
        }
        try sendFile(entry, in: directory, path)
        count(status, attributes, path)
    }

    private func count(
        _ status: FileBackup.EntryStatus, _ attributes: Attributes, _ path: [[UInt8]]
    ) {
        backup.progress.update {
            guard attributes.isRegular else {
                $0.others += 1
                return
            }
            switch status {
            case .new: $0.filesNew += 1
            case .changed: $0.filesChanged += 1
            case .unchanged:
                $0.filesUnchanged += 1
                $0.bytesUnchanged += attributes.size
            }
        }
        backup.options.visit?(FileBackup.joined(path), status)
    }

    /// The predecessor's entry when nothing about the file can have changed since.
    private func unchanged(
        _ attributes: Attributes, _ before: Place, _ view: SnapshotView
    ) throws -> Entry? {
        let old = before.attributes
        guard !old.racy, !old.changedWhileRead, old.withoutCounts == attributes.withoutCounts else {
            return nil
        }
        return try view.entry(before)
    }

    /// The extended attributes of a directory, from the predecessor where its ctime is the same.
    func directoryXattrs(
        _ attributes: Attributes, _ directory: FileDescriptor, _ path: [[UInt8]], _ before: Place?,
        _ view: SnapshotView?
    ) throws -> [UInt8] {
        if let before, let view {
            let old = before.attributes
            // A ctime as recent as the predecessor itself proves nothing.
            if old.ctime == attributes.ctime, old.inode == attributes.inode, old.isDirectory,
                !old.isRacy(readAt: view.manifest.time)
            {
                return try view.xattrRun(of: try view.entry(before))
            }
        }
        do { return try SourceXattrs.run(of: directory) } catch {
            backup.problem(path, error)
            return []
        }
    }

    private static func linkTarget(_ name: [UInt8], in directory: FileDescriptor) throws -> [UInt8] {
        var target = [UInt8](repeating: 0, count: 65536)
        let count = try name.withUnsafeBytes {
            try withTerminated($0) { path in
                try target.withUnsafeMutableBytes { out in
                    try systemCall("reading the symbolic link") {
                        readlinkat(
                            directory.number, path,
                            out.baseAddress!.assumingMemoryBound(to: CChar.self), out.count)
                    }
                }
            }
        }
        return Array(target[..<count])
    }

    // MARK: Content

    private static func open(_ name: [UInt8], in directory: FileDescriptor) throws -> FileDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        // O_NOATIME, which the overlay hides: only the owner and root may.
        let quiet: Int32 = 0o1000000
        return try name.withUnsafeBytes {
            try withTerminated($0) { path in
                do {
                    return try FileDescriptor.open(name: path, at: directory, flags | quiet)
                } catch let error as SnapError where error.code == EPERM {
                    return try FileDescriptor.open(name: path, at: directory, flags)
                }
            }
        }
    }

    private func sendFile(
        _ seen: Entry, in directory: FileDescriptor, _ path: [[UInt8]]
    ) throws {
        let file = try source { try Self.open(seen.name, in: directory) }
        let started = Timestamp.now()
        let first = try source { try FileAttributes(of: file, label: "it") }
        guard first.mode & S_IFMT == S_IFREG else {
            throw SourceError(
                cause: SnapError(.io, "became something else while it was being read"))
        }
        let xattrs = try source { try SourceXattrs.run(of: seen.name, in: directory) }
        var entry = seen
        entry.attributes = try first.attributes(keys: backup.repository.keys)
        if writer.hasLink(entry.attributes.linkGroup) {
            try writer.addLink(entry, xattrs: xattrs)
            return
        }
        writer.beginFile()
        let size = entry.attributes.size
        let failure = try transfer(file, size: size, isSparse: first.blocks &* 512 < size)
        backup.progress.update { $0.bytesRead += writer.openFileSize }
        if let failure {
            // Bytes on the way cannot be called back: the file is kept up to the failure, and marked.
            entry.attributes.changedWhileRead = true
            try writer.endFile(entry, xattrs: xattrs)
            backup.problem(path, failure.within("stored up to the failure"))
            return
        }
        let last = try source { try FileAttributes(of: file, label: "it") }
        let changed =
            last.size != writer.openFileSize || last.mtimeSeconds != first.mtimeSeconds
            || last.mtimeNanoseconds != first.mtimeNanoseconds
        entry.attributes.changedWhileRead = changed
        entry.attributes.racy = entry.attributes.isRacy(readAt: started)
        try writer.endFile(entry, xattrs: xattrs)
        if changed {
            backup.problem(path, SnapError(.io, "changed while it was read; stored as read"))
        }
    }

    /// Sends the content; returns the failure of the source where it stopped.
    private func transfer(
        _ file: FileDescriptor, size: UInt64, isSparse: Bool
    ) throws -> SnapError? {
        var offset = 0
        while isSparse && UInt64(offset) < size {
            guard let data = file.nextData(from: offset) else {
                // A hole to the end, wherever that is by now.
                let end = max(offset, lseek(file.number, 0, SEEK_END))
                try writer.appendHole(UInt64(end - offset))
                return nil
            }
            if data < 0 { break }
            try writer.appendHole(UInt64(data - offset))
            let hole = file.nextHole(from: data)
            if hole <= data { break }
            if let failure = try copy(file, from: data, to: hole) { return failure }
            offset = hole
        }
        return try copy(file, from: max(offset, Int(writer.openFileSize)), to: Int.max)
    }

    private func copy(_ file: FileDescriptor, from start: Int, to end: Int) throws -> SnapError? {
        var offset = start
        var failure: SnapError?
        while offset < end && failure == nil {
            let count = try writer.append { buffer in
                let wanted = min(buffer.count, end - offset)
                do {
                    return try systemCall("reading at byte \(offset)") {
                        pread(file.number, buffer.baseAddress, wanted, offset)
                    }
                } catch {
                    failure = SnapError.wrap(error)
                    return 0
                }
            }
            if count == 0 { break }
            offset += count
        }
        return failure
    }
}
