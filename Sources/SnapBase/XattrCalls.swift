// SPDX-License-Identifier: MIT

import CLinux
import Glibc

/// The system calls on extended attributes of a path, never following a link at its end.
package enum XattrCalls {
    /// Values are at most 64 KiB (XATTR_SIZE_MAX), lists too (XATTR_LIST_MAX).
    private static let sizeMax = 65536

    /// The names; empty where the file system has none.
    package static func names(path: UnsafePointer<CChar>) throws -> [[UInt8]] {
        let size = llistxattr(path, nil, 0)
        if size == 0 || (size < 0 && errno == ENOTSUP) { return [] }
        var bytes = [UInt8](repeating: 0, count: sizeMax)
        let count = try bytes.withUnsafeMutableBytes { buffer in
            try systemCall("listing its extended attributes") {
                llistxattr(
                    path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
            }
        }
        return bytes[..<count].split(separator: 0).map { Array($0) }
    }

    /// The value of a name; nil where it is not there.
    package static func value(path: UnsafePointer<CChar>, name: [UInt8]) throws -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = name.withUnsafeBytes { name in
                withTerminated(name) { lgetxattr(path, $0, &value, value.count) }
            }
            if count >= 0 { return Array(value[..<count]) }
            if errno == ERANGE && value.count < sizeMax {
                value = [UInt8](repeating: 0, count: sizeMax)
                continue
            }
            if errno == ENODATA { return nil }
            throw SnapError(
                errno: errno,
                "reading its extended attribute \(String(decoding: name, as: UTF8.self))")
        }
    }

    package static func set(
        path: UnsafePointer<CChar>, name: [UInt8], value: [UInt8]
    ) throws {
        try systemCall("setting its extended attribute \(String(decoding: name, as: UTF8.self))") {
            name.withUnsafeBytes { name in
                withTerminated(name) { lsetxattr(path, $0, value, value.count, 0) }
            }
        }
    }

    package static func remove(path: UnsafePointer<CChar>, name: [UInt8]) throws {
        try systemCall("removing its extended attribute \(String(decoding: name, as: UTF8.self))") {
            name.withUnsafeBytes { name in
                withTerminated(name) { lremovexattr(path, $0) }
            }
        }
    }
}
