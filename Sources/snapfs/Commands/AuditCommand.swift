// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show what was done to the repository, and prove it.",
        subcommands: [
            AuditListCommand.self, AuditVerifyCommand.self, AuditAcknowledgeCommand.self,
        ])
}

struct AuditListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every command that wrote or took away, oldest first.",
        usage: "snapfs audit list [<options>]")

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output, verifiesAudit: true)
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
        if !record.snapshots.isEmpty {
            let names = record.snapshots.map { Hex.encode($0.prefix(4)) }
            parts.append(shownInShort(names, separator: "  "))
        }
        parts += record.counts.map { "\(Text.escaped($0.name.utf8))=\($0.value)" }
        if let rollback = record.rollback { parts.append("(\(rollback))") }
        if !record.accepted.isEmpty {
            let count = UInt64(record.accepted.count)
            parts.append("(accepts \(Format.count(count, "finding", "findings")))")
        }
        parts += record.remarks.map { "(\(Text.escaped($0.utf8)))" }
        try output.line(Text(parts.joined(separator: "  ")))
    }
}

struct AuditVerifyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no record is missing, edited or out of its place.",
        usage: "snapfs audit verify [<options>]",
        discussion: """
            A repository that was replaced by an older copy of itself is reported, too, until \
            'snapfs audit acknowledge' accepts it. Exit status 13 means that something is wrong.
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output, verifiesAudit: true)
        let found = try AuditLog(access.repository).verify()
        try AuditFindings.tell(found, output)
        let accepted = UInt64(found.accepted.count)
        for finding in found.accepted { try output.detail(Text("accepted: \(finding.message)")) }
        try output.note(
            Text(
                Format.count(UInt64(found.records), "record", "records") + ", nothing missing"
                    + (accepted == 0
                        ? ""
                        : " but what was accepted ("
                            + Format.count(accepted, "finding", "findings") + ")")))
    }
}

struct AuditAcknowledgeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge",
        abstract: "Accept what 'audit verify' finds, so that it is reported no more.",
        usage: "snapfs audit acknowledge [<options>]",
        discussion: """
            What is accepted is named, and so it is in the audit log, with who did it. What is \
            wrong later is reported as before.
            """)

    @Option(
        help: ArgumentHelp("Say why, for the record.", valueName: "text"),
        transform: LabelArgument.read)
    var reason: LabelArgument?

    @OptionGroup var global: GlobalOptions

    private struct Message: Encodable {
        var messageType = "acknowledged"
        let findings: [String]
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output, verifiesAudit: true)
        let event = AuditLog.Event("audit acknowledge", remarks: reason.map { [$0.text] } ?? [])
        let found = try AuditLog(access.repository).acknowledge(event)
        if output.json { return try output.json(Message(findings: found.map(\.message))) }
        for finding in found { try output.line(Text("accepted: \(finding.message)")) }
        if found.isEmpty { try output.note("there is nothing to acknowledge") }
    }
}

private struct AuditMessage: Encodable {
    struct Seen: Encodable {
        let number: UInt64
        let sha256: String
    }

    struct Accepted: Encodable {
        let kind: String
        let first, last: UInt64
    }

    let number: UInt64
    let time, hostname, username, command, programVersion: String
    let snapshots: [String]
    let counts: [String: UInt64]
    let remarks: [String]
    let rolledBackFrom: Seen?
    let accepted: [Accepted]

    init(_ record: AuditRecord) {
        number = record.number
        time = Format.time(record.origin.time)
        (hostname, username) = (record.origin.host, record.origin.user)
        (command, programVersion) = (record.command, record.program)
        snapshots = record.snapshots.map { Hex.encode($0) }
        counts = Dictionary(record.counts.map { ($0.name, $0.value) }) { first, _ in first }
        remarks = record.remarks
        rolledBackFrom = record.seen.map { Seen(number: $0.number, sha256: $0.digest.hex) }
        accepted = record.accepted.map {
            Accepted(kind: $0.kind.name, first: $0.first, last: $0.last)
        }
    }
}

extension AuditFinding.Kind {
    fileprivate var name: String {
        switch self {
        case .missing: "missing"
        case .unreadable: "unreadable"
        case .misplaced: "misplaced"
        case .rolledBack: "rolled_back"
        }
    }
}

private enum AuditFindings {
    /// Names what is wrong; throws `.damaged` if anything is.
    static func tell(_ found: AuditVerification, _ output: Output) throws {
        if found.findings.isEmpty { return }
        for finding in found.findings { output.warning(Text(finding.message)) }
        throw SnapError(
            .damaged,
            "the audit log is not whole: "
                + Format.count(UInt64(found.findings.count), "finding", "findings")
                + "; once you know why, 'snapfs audit acknowledge' accepts it")
    }
}
