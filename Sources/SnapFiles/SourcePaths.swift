// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapView

/// The named sources as one tree from "/": directories on the way to them, and the sources
/// themselves.
struct SourceTree {
    final class Node {
        var children: [[UInt8]: Node] = [:]
        var isSource = false
    }

    let root = Node()

    /// A source inside another adds nothing.
    mutating func add(_ path: [UInt8]) {
        var node = root
        for part in path.split(separator: 0x2f).map(Array.init) {
            if node.isSource { return }
            let next = node.children[part] ?? Node()
            node.children[part] = next
            node = next
        }
        node.isSource = true
        node.children = [:]
    }
}

package enum SourcePaths {
    /// A path made absolute, without ".", "..", doubled or trailing slashes. ".." is taken by name,
    /// as the shell does.
    package static func absolute(_ path: [UInt8]) throws -> [UInt8] {
        var full = path
        if path.first != 0x2f {
            guard let directory = getcwd(nil, 0) else {
                throw SnapError(errno: errno, "finding the working directory")
            }
            defer { free(directory) }
            full =
                Array(UnsafeRawBufferPointer(start: directory, count: strlen(directory)))
                + [0x2f] + path
        }
        var parts: [ArraySlice<UInt8>] = []
        for part in full.split(separator: 0x2f) {
            if part.elementsEqual([0x2e]) { continue }
            if part.elementsEqual([0x2e, 0x2e]) {
                _ = parts.popLast()
            } else {
                parts.append(part)
            }
        }
        return absolutePath(parts.map(Array.init))
    }

    /// Paths made absolute, each once, in their order: a snapshot with one of them twice would be
    /// of another group, and read all again.
    package static func distinct(_ paths: [[UInt8]]) throws -> [[UInt8]] {
        var seen: Set<[UInt8]> = []
        return try paths.map { try absolute($0) }.filter { seen.insert($0).inserted }
    }

    /// Throws `.notFound` for a named source that does not exist. What cannot be looked at is for
    /// the walk to name.
    package static func requireExisting(_ paths: [[UInt8]]) throws {
        for path in paths {
            var status = stat()
            let found = path.withUnsafeBytes { withTerminated($0) { lstat($0, &status) } }
            let code = errno
            if found != 0, code == ENOENT || code == ENOTDIR {
                throw SnapError(
                    errno: code, "the source \(String(decoding: path, as: UTF8.self))")
            }
        }
    }
}
