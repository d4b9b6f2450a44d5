// SPDX-License-Identifier: MIT
//
// System calls of a restore that Swift reaches only through CLinux. All are relative to a directory
// descriptor or on an open file; none follows a symbolic link at its end.

import CLinux
import Glibc

package enum TargetCalls {
    /// Creates a regular file that must not exist, mode 0600: a descriptor, or -1 and errno.
    @inline(__always)
    package static func create(_ directory: Int32, _ name: UnsafePointer<CChar>) -> Int32 {
        snapfs_openat(
            directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }

    /// Opens what is there, never a symbolic link: a descriptor, or -1 and errno.
    package static func open(
        _ directory: Int32, _ name: UnsafePointer<CChar>, _ flags: Int32
    ) -> Int32 {
        snapfs_openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0)
    }

    /// O_PATH, which the overlay hides: a descriptor to look things up by, without any right.
    package static let path: Int32 = 0o10000000

    /// mknodat(2); `device` is major << 32 | minor. 0, or -1 and errno.
    package static func makeNode(
        _ directory: Int32, _ name: UnsafePointer<CChar>, mode: UInt32, device: UInt64
    ) -> Int32 {
        mknodat(directory, name, mode, snapfs_device(device))
    }

    /// Makes a range of an open file a hole; its size stays. 0, or -1 and errno.
    package static func punchHole(_ file: Int32, _ range: Range<Int>) -> Int32 {
        snapfs_punch_hole(file, range.lowerBound, range.count)
    }

    /// syncfs(2) on the file system of a descriptor. 0, or -1 and errno.
    package static func synchronizeFileSystem(_ file: Int32) -> Int32 { snapfs_syncfs(file) }
}

extension XattrCalls {
    /// The names on an open file; empty where the file system has none.
    package static func names(descriptor: Int32) throws -> [[UInt8]] {
        let size = flistxattr(descriptor, nil, 0)
        if size == 0 || (size < 0 && errno == ENOTSUP) { return [] }
        // XATTR_LIST_MAX
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = try bytes.withUnsafeMutableBytes { buffer in
            try systemCall("listing its extended attributes") {
                flistxattr(
                    descriptor, buffer.baseAddress!.assumingMemoryBound(to: CChar.self),
                    buffer.count)
            }
        }
        return bytes[..<count].split(separator: 0).map { Array($0) }
    }

    /// Whether an open file has an attribute of this name.
    package static func isPresent(descriptor: Int32, name: String) -> Bool {
        fgetxattr(descriptor, name, nil, 0) >= 0
    }

    package static func set(descriptor: Int32, name: [UInt8], value: [UInt8]) throws {
        try systemCall("setting its extended attribute \(String(decoding: name, as: UTF8.self))") {
            name.withUnsafeBytes { name in
                withTerminated(name) { fsetxattr(descriptor, $0, value, value.count, 0) }
            }
        }
    }

    package static func remove(descriptor: Int32, name: [UInt8]) throws {
        try systemCall("removing its extended attribute \(String(decoding: name, as: UTF8.self))") {
            name.withUnsafeBytes { name in
                withTerminated(name) { fremovexattr(descriptor, $0) }
            }
        }
    }
}
