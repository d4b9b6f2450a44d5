// SPDX-License-Identifier: MIT
//
// What a backup leaves out.

import Glibc
import SnapBase

/// Everything that decides whether an entry of the source is backed up.
package struct Exclusion: Sendable {
    package var patterns: [PathPattern] = []
    /// A directory with such a file keeps only that file; the header, when given, must open it.
    package var ifPresent: [(name: [UInt8], header: [UInt8])] = []
    /// Bytes.
    package var largerThan: UInt64?
    package var oneFileSystem = false
    /// Directories that are never backed up: the repository itself and the cache.
    package var directories: Set<FileIdentity> = []
    /// File systems that are never backed up, by st_dev: mounts of snapshots.
    package var devices: Set<UInt64> = []

    /// The tag of cache directories, https://bford.info/cachedir/.
    package static let cacheTag = (
        name: Array("CACHEDIR.TAG".utf8),
        header: Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)
    )

    package init() {}

    /// The last pattern that matches decides.
    package func excludes(_ path: @autoclosure () -> [[UInt8]]) -> Bool {
        guard !patterns.isEmpty else { return false }
        let path = path()
        return patterns.last { $0.matches(path) }.map { !$0.negated } ?? false
    }

    /// The name of the tag file that empties this directory.
    func tag(in directory: FileDescriptor) -> [UInt8]? {
        for (name, header) in ifPresent {
            let present: Bool = name.withUnsafeBytes { name in
                withTerminated(name) { path in
                    guard
                        let file = try? FileDescriptor.open(
                            name: path, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
                    else {
                        return header.isEmpty && faccessat(directory.number, path, F_OK, 0) == 0
                    }
                    if header.isEmpty { return true }
                    var start = [UInt8](repeating: 0, count: header.count)
                    let count = start.withUnsafeMutableBytes {
                        try? file.read(at: 0, into: $0, label: "a tag file")
                    }
                    return count == header.count && start == header
                }
            }
            if present { return name }
        }
        return nil
    }
}
