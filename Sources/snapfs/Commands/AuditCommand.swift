// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show what was done to the repository, and prove it.",
        subcommands: [AuditListCommand.self, AuditVerifyCommand.self])
}

struct AuditListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every command that wrote or took away, oldest first.",
        usage: "snapfs audit list [<options>]")

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let found = try AuditLog(access.repository).verify { try show($0, output) }
        try AuditFindings.tell(found, output)
    }

    private func show(_ record: AuditRecord, _ output: Output) throws {
        if output.json { return try output.json(AuditMessage(record)) }
        var parts = [
            "\(record.number)", Format.time(record.origin.time),
            "\(Text.escaped(record.origin.user.utf8))@\(Text.escaped(record.origin.host.utf8))",
            Text.escaped(record.command.utf8),
        ]
        parts += record.snapshots.prefix(Self.snapshotsShown).map { Hex.encode($0.prefix(4)) }
        if record.snapshots.count > Self.snapshotsShown {
            parts.append("and \(record.snapshots.count - Self.snapshotsShown) more")
        }
        parts += record.counts.map { "\(Text.escaped($0.name.utf8))=\($0.value)" }
        parts += record.remarks.map { "(\(Text.escaped($0.utf8)))" }
        try output.line(Text(parts.joined(separator: "  ")))
    }

    private static let snapshotsShown = 4
}

struct AuditVerifyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no record is missing, edited or out of its place.",
        usage: "snapfs audit verify [<options>]")

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let found = try AuditLog(access.repository).verify()
        try AuditFindings.tell(found, output)
        try output.note(
            Text("\(Format.count(UInt64(found.records), "record", "records")), nothing missing"))
    }
}

private struct AuditMessage: Encodable {
    let number: UInt64
    let time, hostname, username, command, programVersion: String
    let snapshots: [String]
    let counts: [String: UInt64]
    let remarks: [String]

    init(_ record: AuditRecord) {
        number = record.number
        time = Format.time(record.origin.time)
        (hostname, username) = (record.origin.host, record.origin.user)
        (command, programVersion) = (record.command, record.program)
        snapshots = record.snapshots.map { Hex.encode($0) }
        counts = Dictionary(record.counts.map { ($0.name, $0.value) }) { first, _ in first }
        remarks = record.remarks
    }
}

private enum AuditFindings {
    /// Names what is wrong; throws `.damaged` if anything is.
    static func tell(_ found: AuditLog.Verification, _ output: Output) throws {
        if found.findings.isEmpty { return }
        for finding in found.findings { output.warning(Text(finding)) }
        throw SnapError(
            .damaged,
            "the audit log is not whole: "
                + Format.count(UInt64(found.findings.count), "finding", "findings"))
    }
}
