// SPDX-License-Identifier: MIT
//
// Reads the content of files that are open already, holes as holes, into the snapshot.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository

struct FileTransfer {
    let writer: SnapshotWriter
    let progress: BackupProgress
    let keys: DerivedKeys
    let pulse: BackupPulse

    /// How far ahead of the reading the kernel fetches a large file.
    private static let fetchAhead = 8 << 20

    /// Sends one file with its content. What went wrong with the source is returned, and the file
    /// stored as far as it was read. Throws `.interrupted` within the file, too.
    func send(
        _ seen: Entry, _ file: FileDescriptor, xattrs: [UInt8], before: Entry?
    ) throws -> SnapError? {
        let first: FileAttributes
        do {
            first = try FileAttributes(of: file, label: "it")
            guard first.mode & S_IFMT == S_IFREG else {
                throw SnapError(.io, "became something else before it was read; left out")
            }
        } catch { return SnapError.wrap(error) }
        var entry = seen
        entry.attributes = try first.attributes(keys: keys)
        let linkedSize = writer.linkedSize(entry.attributes.linkGroup)
        entry.attributes.size = linkedSize ?? first.size
        if let refusal = writer.refusal(of: entry) { return refusal }
        if linkedSize != nil {
            try writer.addLink(entry, xattrs: xattrs, before: before)
            return nil
        }
        writer.beginFile()
        let size = entry.attributes.size
        let failure = try transfer(file, size: size, isSparse: first.blocks &* 512 < size)
        if let failure {
            // Bytes on the way cannot be called back: the file is kept up to here, and marked.
            entry.attributes.changedWhileRead = true
            try writer.endFile(entry, xattrs: xattrs, before: before)
            return failure.within("stored up to the failure")
        }
        let changed = Self.hasChanged(file, since: first, size: writer.openFileSize)
        entry.attributes.changedWhileRead = changed
        try writer.endFile(entry, xattrs: xattrs, before: before)
        return changed ? SnapError(.io, "changed while it was read; stored as read") : nil
    }

    private static func hasChanged(
        _ file: FileDescriptor, since first: FileAttributes, size: UInt64
    ) -> Bool {
        guard let last = try? FileAttributes(of: file, label: "it") else { return true }
        return last.size != size || last.mtimeSeconds != first.mtimeSeconds
            || last.mtimeNanoseconds != first.mtimeNanoseconds
    }

    /// Sends the content; returns the failure of the source where it stopped.
    private func transfer(
        _ file: FileDescriptor, size: UInt64, isSparse: Bool
    ) throws -> SnapError? {
        // Whatever the file grows to meanwhile, the tree must be able to count it.
        let limit = Int(writer.room)
        var offset = 0
        while isSparse && UInt64(offset) < size {
            guard let data = file.nextData(from: offset) else {
                // A hole to the end, wherever that is by now.
                let end = min(limit, max(offset, lseek(file.number, 0, SEEK_END)))
                try hole(end - offset)
                return nil
            }
            if data < 0 || data >= limit { break }
            try hole(data - offset)
            let hole = file.nextHole(from: data)
            if hole <= data {
                offset = data
                break
            }
            offset = min(hole, limit)
            if let failure = try copy(file, from: data, to: offset) { return failure }
        }
        return try copy(file, from: offset, to: limit)
    }

    private func copy(_ file: FileDescriptor, from start: Int, to end: Int) throws -> SnapError? {
        var offset = start
        var fetched = start
        var failure: SnapError?
        while offset < end && failure == nil {
            if offset > start && fetched <= offset {
                fetched = offset + min(end - offset, Self.fetchAhead)
                posix_fadvise(file.number, offset, 2 * Self.fetchAhead, POSIX_FADV_WILLNEED)
            }
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
            try sent(count)
        }
        return failure
    }

    private func hole(_ count: Int) throws {
        try writer.appendHole(UInt64(count))
        try sent(count)
    }

    /// A file may take hours: it is shown, ended and made durable while it is read.
    private func sent(_ count: Int) throws {
        progress.update { $0.addRead(UInt64(count)) }
        try pulse.beat()
    }
}
