// SPDX-License-Identifier: MIT
//
// /proc/self/mountinfo: the only safe way to learn about a mount. stat(2) of a FUSE mount asks its
// daemon, which may be this process, hung, or dead.

import Glibc
import SnapBase

/// One line of the mount table.
package struct MountRecord: Sendable, Equatable {
    package var mountPoint: [UInt8]
    /// Major in the upper, minor in the lower 32 bits: st_dev of what is mounted.
    package var device: UInt64
    /// Of the mount and of the file system, such as "ro,nosuid,nodev".
    package var mountOptions: String
    package var superOptions: String
    /// Such as "fuse.snapfs".
    package var type: String
    package var source: String

    var minor: UInt32 { UInt32(truncatingIfNeeded: device) }

    /// nil unless the line has all fields.
    init?(line: some Sequence<UInt8>) {
        let fields = Array(line).split(separator: UInt8(ascii: " ")).map { Self.unescape($0) }
        // Optional fields stand between the sixth and a lone dash.
        guard let dash = fields.firstIndex(of: [UInt8(ascii: "-")]), dash >= 6,
            fields.count >= dash + 4
        else { return nil }
        let text = { (index: Int) in String(decoding: fields[index], as: UTF8.self) }
        let numbers = text(2).split(separator: ":").compactMap { UInt32($0) }
        guard numbers.count == 2 else { return nil }
        mountPoint = fields[4]
        device = UInt64(numbers[0]) << 32 | UInt64(numbers[1])
        mountOptions = text(5)
        type = text(dash + 1)
        source = text(dash + 2)
        superOptions = text(dash + 3)
    }

    /// Undoes \ooo, by which the kernel hides blanks and backslashes.
    private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                digits.allSatisfy({ (0x30...0x37).contains($0) })
            {
                out.append(digits.reduce(0) { $0 &<< 3 | ($1 - 0x30) })
                rest = rest.dropFirst(3)
            } else {
                out.append(byte)
            }
        }
        return out
    }
}

package enum MountTable {
    /// Every mount that this process sees, in the order of mounting.
    package static func read() throws -> [MountRecord] {
        try readFile("/proc/self/mountinfo").split(separator: UInt8(ascii: "\n"))
            .compactMap { MountRecord(line: $0) }
    }

    /// The topmost mount at an absolute path without links; nil when nothing is mounted there.
    package static func find(_ mountPoint: String) throws -> MountRecord? {
        let path = Array(mountPoint.utf8)
        return try read().last { $0.mountPoint == path }
    }

    private static func readFile(_ path: String) throws -> [UInt8] {
        let file = try systemCall(path) { open(path, O_RDONLY | O_CLOEXEC) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try systemCall(path) { Glibc.read(file, &buffer, buffer.count) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}
