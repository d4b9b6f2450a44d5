// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a long backup or copy does now and then: it ends when the user wants it, and makes what it
/// has sent durable when it is time. Used by the source's thread.
package final class BackupPulse {
    /// nil for a dry run.
    private let writer: SnapshotWriter?
    /// Seconds between checkpoints.
    private let interval: Int64
    private let isInterrupted: () -> Bool
    private var lastCheckpoint = Timestamp.now().seconds

    package init(_ writer: SnapshotWriter?, interval: Int64, isInterrupted: @escaping () -> Bool) {
        self.writer = writer
        self.interval = interval
        self.isInterrupted = isInterrupted
    }

    /// Ends it with a checkpoint and `.interrupted` where the user wants that.
    package func endIfInterrupted() throws {
        guard isInterrupted() else { return }
        try writer?.checkpoint()
        throw SnapError(
            .interrupted, "interrupted; what was read is kept, run the same again")
    }

    /// Ends as `endIfInterrupted` does; otherwise sends a checkpoint when it is time.
    package func beat() throws {
        try endIfInterrupted()
        let now = Timestamp.now().seconds
        guard now - lastCheckpoint >= interval || now < lastCheckpoint else { return }
        lastCheckpoint = now
        try writer?.checkpoint()
    }
}
