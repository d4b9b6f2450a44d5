// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// What a long backup does now and then: it ends when the user wants it, and makes what it has sent
/// durable when it is time. Used by the source's thread.
final class BackupPulse {
    /// nil for a dry run.
    private let writer: SnapshotWriter?
    /// Seconds between checkpoints.
    private let interval: Int64
    private let isInterrupted: () -> Bool
    private var lastCheckpoint = Timestamp.now().seconds

    init(_ writer: SnapshotWriter?, interval: Int64, isInterrupted: @escaping () -> Bool) {
        self.writer = writer
        self.interval = interval
        self.isInterrupted = isInterrupted
    }

    /// Ends the backup with a checkpoint and `.interrupted` where the user wants it to end.
    func endIfInterrupted() throws {
        guard isInterrupted() else { return }
        try writer?.checkpoint()
        throw SnapError(
            .interrupted, "interrupted; what was read is kept, run the same backup again")
    }

    /// Ends as `endIfInterrupted` does; otherwise sends a checkpoint when it is time.
    func beat() throws {
        try endIfInterrupted()
        let now = Timestamp.now().seconds
        guard now - lastCheckpoint >= interval || now < lastCheckpoint else { return }
        lastCheckpoint = now
        try writer?.checkpoint()
    }
}
