// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

extension Repository {
    /// Appends what a command has done to the audit log, after it has done it; warns where the
    /// repository is not the one that this machine has seen.
    func audit(
        _ command: String, snapshots: [[UInt8]] = [], counts: [(String, UInt64)] = [],
        remarks: [String] = [], _ output: Output
    ) throws {
        var event = AuditLog.Event(
            command, origin: .current(), program: Version.words)
        event.snapshots = snapshots
        event.counts = counts.map { AuditRecord.Count($0, $1) }
        event.remarks = remarks
        try within("what was done is not in the audit log") {
            if let rollback = try AuditLog(self).append(event) {
                output.warning(Text("warning: \(rollback)"))
            }
        }
    }
}
