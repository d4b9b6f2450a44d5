// SPDX-License-Identifier: MIT

import Glibc
import SnapBase

/// Reading of files that fit in memory: secrets and lists.
enum SmallFile {
    struct Contents {
        var bytes: [UInt8]
        /// st_mode of what was opened.
        var mode: UInt32
    }

    /// Throws if the file cannot be read or holds more than sizeMax bytes.
    static func read(_ path: [UInt8], sizeMax: Int) throws -> Contents {
        let name = Text.escaped(path)
        let descriptor = try systemCall("opening \(name)") {
            path.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY) }
        }
        defer { close(descriptor) }
        var status = stat()
        try systemCall("reading \(name)") { fstat(descriptor, &status) }
        let bytes = try read(descriptor: descriptor, name, sizeMax: sizeMax)
        return Contents(bytes: bytes, mode: status.st_mode)
    }

    /// Reads descriptor to its end.
    static func read(descriptor: Int32, _ name: String, sizeMax: Int) throws -> [UInt8] {
        var out = [UInt8]()
        var buffer = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&buffer) }
        // Room for everything at once where it may be a secret: growing would leave copies behind.
        out.reserveCapacity(min(sizeMax, 64 << 10))
        while true {
            let count = try systemCall("reading \(name)") {
                Glibc.read(descriptor, &buffer, buffer.count)
            }
            if count == 0 { return out }
            out.append(contentsOf: buffer[..<count])
            if out.count > sizeMax {
                wipe(&out)
                throw SnapError(.invalid, "\(name) is larger than \(Format.size(UInt64(sizeMax)))")
            }
        }
    }
}

extension [UInt8] {
    /// Calls body with the bytes as a C string; they hold no NUL, as no argument does.
    func withCString<R>(_ body: (UnsafePointer<CChar>) throws -> R) rethrows -> R {
        try (self + [0]).withUnsafeBytes { try body($0.bindMemory(to: CChar.self).baseAddress!) }
    }
}

/// Overwrites and empties bytes that were part of a secret.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { if $0.count > 0 { explicit_bzero($0.baseAddress!, $0.count) } }
    bytes = []
}
