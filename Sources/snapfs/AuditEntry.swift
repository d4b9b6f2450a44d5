// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

extension AuditLog.Event {
    /// Of a command that this user runs here and now.
    init(_ command: String, remarks: [String] = []) {
        self.init(command, origin: .current(), program: Version.words)
        self.remarks = remarks
    }
}

/// Does something and puts on record what was done, also where it fails in the middle.
func recording(_ record: () throws -> Void, of body: () throws -> Void) throws {
    do { try body() } catch {
        try? record()
        throw error
    }
    try record()
}

extension Repository {
    /// Appends what a command has done to the audit log, after it has done it.
    func audit(
        _ command: String, snapshots: [[UInt8]] = [], counts: [(String, UInt64)] = [],
        remarks: [String] = []
    ) throws {
        var event = AuditLog.Event(command, remarks: remarks)
        event.snapshots = snapshots
        event.counts = counts.map { AuditRecord.Count($0, $1) }
        try within("what was done is not in the audit log") { try AuditLog(self).append(event) }
    }
}
