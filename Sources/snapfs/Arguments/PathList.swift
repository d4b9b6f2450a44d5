// SPDX-License-Identifier: MIT
//
// Files that hold paths or patterns: --files-from and --exclude-from.

import SnapBase

enum PathList {
    private static let sizeMax = 64 << 20

    /// The paths in a file, taken literally: separated by NUL if there is one, else one per line,
    /// with comments as in `patterns`. `-` is standard input.
    static func paths(from file: [UInt8]) throws -> [[UInt8]] {
        let bytes = try read(file)
        return bytes.contains(0) ? bytes.split(separator: 0).map(Array.init) : lines(bytes)
    }

    /// The patterns in a file, one per line; blank lines and lines that begin with `#` are skipped.
    static func patterns(from file: [UInt8]) throws -> [[UInt8]] {
        lines(try read(file))
    }

    private static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split(separator: 0x0A).map(Array.init).filter { line in
            line.first != UInt8(ascii: "#") && !line.allSatisfy { $0 == 0x20 || $0 == 0x09 }
        }
    }

    private static func read(_ file: [UInt8]) throws -> [UInt8] {
        if file == Array("-".utf8) {
            return try SmallFile.read(descriptor: 0, "standard input", sizeMax: sizeMax)
        }
        return try SmallFile.read(file, sizeMax: sizeMax).bytes
    }
}
