// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository

/// Backs up one stream of bytes, standard input or a command's output, as a file.
package enum StreamBackup {
    /// Milliseconds between two questions whether to end, while no bytes come.
    private static let patience: Int32 = 250

    /// Sends the bytes of a descriptor until its end, as the file of an absolute path. Returns the
    /// entry of "/". The directories on the way are made up: owned by the user, mode 0755. Throws
    /// `.interrupted` soon after `isInterrupted` says so, also while no bytes come: what ends by a
    /// signal may end early, so its end proves nothing.
    package static func run(
        descriptor: Int32, path: [UInt8], time: Timestamp, writer: SnapshotWriter,
        progress: BackupProgress, checkpointInterval: Int64, isInterrupted: @escaping () -> Bool
    ) throws -> Entry {
        let parts = path.split(separator: 0x2f).map(Array.init)
        guard let name = parts.last else {
            throw SnapError(.invalid, "the stream needs a file name")
        }
        for part in parts.dropLast() {
            try writer.beginDirectory(entry(part, mode: 0o040755, time), xattrs: [])
        }
        writer.beginFile()
        let pulse = BackupPulse(
            writer, interval: checkpointInterval, isInterrupted: isInterrupted)
        while true {
            try waitForBytes(descriptor, pulse)
            let count = try writer.append { buffer in
                try systemCall("reading the stream") {
                    read(descriptor, buffer.baseAddress, buffer.count)
                }
            }
            try pulse.beat()
            if count == 0 { break }
            progress.update { $0.addRead(UInt64(count)) }
        }
        var file = entry(name, mode: 0o100600, time)
        file.attributes.allocated = (writer.openFileSize + 511) / 512 * 512
        try writer.endFile(file, xattrs: [], before: nil)
        for _ in parts.dropLast() { try writer.endDirectory() }
        return entry([], mode: 0o040755, time)
    }

    /// Returns once a read will not wait: a signal must end the waiting.
    private static func waitForBytes(_ descriptor: Int32, _ pulse: BackupPulse) throws {
        var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            try pulse.endIfInterrupted()
            let ready = poll(&asked, 1, patience)
            if ready > 0 { return }
            let code = errno
            if ready < 0, code != EINTR { throw SnapError(errno: code, "waiting for the stream") }
        }
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
