// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository

/// Backs up one stream of bytes, standard input or a command's output, as a file.
package enum StreamBackup {
    /// Sends the bytes of a descriptor until its end, as the file of an absolute path. Returns the
    /// entry of "/". The directories on the way are made up: owned by the user, mode 0755.
    package static func run(
        descriptor: Int32, path: [UInt8], time: Timestamp, writer: SnapshotWriter,
        progress: BackupProgress, isInterrupted: () -> Bool
    ) throws -> Entry {
        let parts = path.split(separator: 0x2f).map(Array.init)
        guard let name = parts.last else {
            throw SnapError(.invalid, "the stream needs a file name")
        }
        for part in parts.dropLast() {
            try writer.beginDirectory(entry(part, mode: 0o040755, time), xattrs: [])
        }
        writer.beginFile()
        while true {
            if isInterrupted() { throw SnapError(.interrupted, "interrupted") }
            let count = try writer.append { buffer in
                try systemCall("reading the stream") {
                    read(descriptor, buffer.baseAddress, buffer.count)
                }
            }
            if count == 0 { break }
            progress.update { $0.bytesRead += UInt64(count) }
        }
        var file = entry(name, mode: 0o100600, time)
        file.attributes.allocated = (writer.openFileSize + 511) / 512 * 512
        try writer.endFile(file, xattrs: [], before: nil)
        for _ in parts.dropLast() { try writer.endDirectory() }
        return entry([], mode: 0o040755, time)
    }

    private static func entry(_ name: [UInt8], mode: UInt16, _ time: Timestamp) -> Entry {
        var attributes = Attributes(mode: mode)
        attributes.uid = getuid()
        attributes.gid = getgid()
        attributes.mtime = time
        attributes.ctime = time
        return Entry(name: name, attributes: attributes)
    }
}
