// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import Synchronization

/// An open file descriptor; closes with its last reference.
package final class FileDescriptor: Sendable {
    package let number: Int32
    private let isClosed = Atomic<Bool>(false)

    /// Takes ownership of an open descriptor.
    package init(owning number: Int32) { self.number = number }

    deinit { if !isClosed.load(ordering: .relaxed) { Glibc.close(number) } }

    /// Closes it, which on some file systems is what tells that writing failed. Call at most once,
    /// when nobody uses it any more.
    package func close(label: @autoclosure () -> String) throws {
        isClosed.store(true, ordering: .relaxed)
        // Linux closes it even when it is interrupted.
        if Glibc.close(number) != 0 && errno != EINTR {
            throw SnapError(errno: errno, "closing \(label())")
        }
    }

    /// Opens a path, relative to `at` where given. Never inherited by child processes.
    package static func open(
        _ path: String, at directory: FileDescriptor? = nil, _ flags: Int32, mode: UInt32 = 0,
        label: String? = nil
    ) throws -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("opening \(label ?? path)") {
                snapfs_openat(directory?.number ?? AT_FDCWD, path, flags | O_CLOEXEC, mode)
            })
    }

    /// Opens a path of bytes, relative to `at` where given.
    package static func open(
        name: UnsafePointer<CChar>, at directory: FileDescriptor? = nil, _ flags: Int32,
        mode: UInt32 = 0
    ) throws -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("opening it") {
                snapfs_openat(directory?.number ?? AT_FDCWD, name, flags | O_CLOEXEC, mode)
            })
    }

    /// Reads at offset until buffer is full or the file ends; returns the count.
    package func read(
        at offset: Int, into buffer: UnsafeMutableRawBufferPointer, label: @autoclosure () -> String
    ) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = try systemCall("reading \(label()) at byte \(offset + done)") {
                pread(number, buffer.baseAddress! + done, buffer.count - done, offset + done)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all bytes at offset.
    package func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, label: @autoclosure () -> String
    ) throws {
        var done = 0
        while done < bytes.count {
            let count = try systemCall("writing \(label()) at byte \(offset + done)") {
                pwrite(number, bytes.baseAddress! + done, bytes.count - done, offset + done)
            }
            guard count > 0 else {
                throw SnapError(
                    .io, "writing \(label()) at byte \(offset + done): nothing is taken")
            }
            done += count
        }
    }

    /// The next data from an offset on; nil where only a hole follows. -1 where the file system
    /// cannot tell.
    package func nextData(from offset: Int) -> Int? {
        let found = lseek(number, offset, SeekWhence.data)
        return found < 0 && errno == ENXIO ? nil : found
    }

    /// The next hole from an offset in data on; -1 where the file system cannot tell.
    package func nextHole(from offset: Int) -> Int { lseek(number, offset, SeekWhence.hole) }
}

/// The numbers of SEEK_DATA and SEEK_HOLE, which the overlay hides.
package enum SeekWhence {
    package static let data: Int32 = 3
    package static let hole: Int32 = 4
}

/// renameat2(RENAME_NOREPLACE); `.exists` where the target is there.
package func renameWithoutReplacing(
    _ fromDirectory: FileDescriptor, _ from: String, _ toDirectory: FileDescriptor, _ to: String,
    label: String
) throws {
    try systemCall("creating \(label)") {
        snapfs_rename_noreplace(fromDirectory.number, from, toDirectory.number, to)
    }
}

/// What statx(2) says of a file, never following a symbolic link.
package struct FileAttributes: Sendable {
    package var inode, size, blocks, device, rdev: UInt64
    package var mount: UInt64
    package var mtimeSeconds, ctimeSeconds: Int64
    package var mtimeNanoseconds, ctimeNanoseconds: UInt32
    package var mode, uid, gid, links: UInt32

    /// Of name in a directory; the bytes need not be a String.
    package init(at directory: FileDescriptor, name: UnsafeRawBufferPointer) throws {
        self = try withTerminated(name) { try FileAttributes(directory.number, $0, "it") }
    }

    /// Of an open file.
    package init(of file: FileDescriptor, label: @autoclosure () -> String) throws {
        self = try FileAttributes(file.number, "", label())
    }

    /// Of a path.
    package init(path: String) throws { self = try FileAttributes(AT_FDCWD, path, path) }

    /// Of a terminated name in a directory.
    package init(
        _ directory: Int32, _ name: UnsafePointer<CChar>, _ label: @autoclosure () -> String
    ) throws {
        var a = snapfs_attributes()
        try systemCall("reading the attributes of \(label())") {
            snapfs_attributes_at(directory, name, &a)
        }
        (inode, size, blocks, device, rdev) = (a.inode, a.size, a.blocks, a.device, a.rdev)
        mount = a.mount
        (mtimeSeconds, ctimeSeconds) = (a.mtime_seconds, a.ctime_seconds)
        (mtimeNanoseconds, ctimeNanoseconds) = (a.mtime_nanoseconds, a.ctime_nanoseconds)
        (mode, uid, gid, links) = (a.mode, a.uid, a.gid, a.links)
    }
}

/// Runs body with a zero byte behind the bytes of a name.
@inlinable @inline(__always)
package func withTerminated<R>(
    _ name: UnsafeRawBufferPointer, _ body: (UnsafePointer<CChar>) throws -> R
) rethrows -> R {
    try withUnsafeTemporaryAllocation(byteCount: name.count + 1, alignment: 1) { copy in
        copy.copyMemory(from: name)
        copy[name.count] = 0
        return try body(copy.baseAddress!.assumingMemoryBound(to: CChar.self))
    }
}

/// Lists a directory with getdents64(2): no allocation per name, no order.
package struct DirectoryReader {
    private let directory: FileDescriptor
    private let label: String
    private static let bufferSize = 128 << 10

    package init(_ directory: FileDescriptor, label: String) {
        self.directory = directory
        self.label = label
    }

    /// Calls body with each name but "." and "..", and its d_type (DT_UNKNOWN possible).
    package func forEach(_ body: (UnsafeRawBufferPointer, UInt8) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.bufferSize, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            let count = try systemCall("listing \(label)") {
                snapfs_getdents64(directory.number, buffer.baseAddress, buffer.count)
            }
            if count == 0 { return }
            var offset = 0
            while offset < count {
                // linux_dirent64: reclen at 16, type at 18, name at 19.
                let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                let type = buffer[offset + 18]
                let start = buffer.baseAddress! + offset + 19
                let size = strlen(start.assumingMemoryBound(to: CChar.self))
                let name = UnsafeRawBufferPointer(start: start, count: size)
                offset += length
                if size <= 2 && name[0] == 0x2e && (size == 1 || name[1] == 0x2e) { continue }
                try body(name, type)
            }
        }
    }
}
