// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat

/// The record of every command that wrote to a repository. See snapfs-format(5), AUDIT. Used by one
/// thread.
package struct AuditLog {
    private let repository: Repository
    private let ledger: SealedLedger

    package init(_ repository: Repository) throws {
        self.repository = repository
        ledger = try repository.ledger
    }

    /// The numbers of all records that were there when this was called, in order.
    private func numbers() throws -> [UInt64] {
        let first = try list()
        guard let newest = first.last, newest > UInt64(first.count) else { return first }
        // A listing may show one that came while it ran, and not the one that came before it.
        return Set(first).union(try list().filter { $0 < newest }).sorted()
    }

    private func list() throws -> [UInt64] {
        try ledger.list(AuditRecord.directory).compactMap(AuditRecord.parse).sorted()
    }

    /// Of the file as it lies there, whatever is in it.
    private func digest(_ number: UInt64) throws -> ObjectID {
        try SHA256.digest(
            repository.store.read(
                AuditRecord.storeName(number), limit: ContainerHeader.wholeFileSizeMax))
    }

    // MARK: Writing

    /// What is appended, without its place in the chain.
    package struct Event: Sendable {
        package var origin: Origin
        package var command: String
        package var snapshots: [[UInt8]] = []
        package var counts: [AuditRecord.Count] = []
        package var remarks: [String] = []
        package var program: String

        package init(_ command: String, origin: Origin, program: String) {
            self.command = command
            self.origin = origin
            self.program = program
        }
    }

    /// Appends a record, durable on return. Returns what is wrong with the repository as this
    /// machine has seen it, nil in general; the record says so, too.
    package func append(_ event: Event) throws -> String? {
        // Before the newest is looked for: others on this machine append meanwhile.
        var seen = SeenAudit(cache: repository.cache)
        var newest = try newest(seen)
        let rollback = try rollback(seen, newest)
        var record = AuditRecord(
            number: 0, origin: event.origin, predecessor: nil, command: event.command,
            snapshots: event.snapshots, counts: event.counts, program: event.program,
            remarks: event.remarks + (rollback.map { [$0] } ?? []))
        while true {
            guard newest < AuditRecord.numberMax else {
                throw SnapError(.unsupported, "the audit log has no room for another record")
            }
            record.predecessor = newest == 0 ? nil : try digest(newest)
            record.number = newest + 1
            if let digest = try ledger.create(.audit(record)) {
                try ledger.synchronize()
                seen.remember(record.number, digest)
                return rollback
            }
            newest = record.number
        }
    }

    /// The number of the newest record, 0 without any. From the one that this machine has seen on
    /// only a few names are asked for: after years there are too many to list for each backup.
    private func newest(_ seen: SeenAudit) throws -> UInt64 {
        guard let known = seen.newest?.number, try isThere(known) else {
            return try numbers().last ?? 0
        }
        var (found, step) = (known, UInt64(1))
        while try isThere(found + step) {
            found += step
            step *= 2
        }
        while step > 1 {
            step /= 2
            if try isThere(found + step) { found += step }
        }
        return found
    }

    private func isThere(_ number: UInt64) throws -> Bool {
        do { _ = try repository.store.open(AuditRecord.storeName(number)) } catch let error
            as SnapError where error.kind == .notFound
        { return false }
        return true
    }

    /// Whether the repository lacks what this machine has seen of it.
    private func rollback(_ seen: SeenAudit, _ newest: UInt64) throws -> String? {
        guard let (number, digest) = seen.newest else { return nil }
        let name = AuditRecord.storeName(number)
        guard number <= newest else {
            return "\(name), which this machine has seen, is missing: the repository may have been "
                + "replaced by an older copy of itself"
        }
        do {
            if try self.digest(number) == digest { return nil }
        } catch let error as SnapError where error.kind == .notFound {
            return "\(name), which this machine has seen, is missing"
        }
        return
            "\(name) is not what this machine has seen: the repository may have been replaced by "
            + "an older copy of itself that went on since"
    }

    // MARK: Reading

    /// What a reading of the log came to.
    package struct Verification: Sendable {
        package var records = 0
        /// What is wrong, in order.
        package var findings: [String] = []
    }

    /// Reads all records, oldest first, and checks that none is missing, edited or out of its
    /// place. `visit` gets those that can be read.
    package func verify(_ visit: (AuditRecord) throws -> Void = { _ in }) throws -> Verification {
        var verification = Verification()
        // Before the list is taken: others on this machine append to it meanwhile.
        let seen = SeenAudit(cache: repository.cache)
        // Of one that cannot be read at all nothing can be said of its successor.
        var before: (number: UInt64, digest: ObjectID?)?
        for number in try numbers() {
            let name = AuditRecord.storeName(number)
            if let gap = Self.gap(from: before?.number ?? 0, to: number) {
                verification.findings.append(gap)
            }
            do {
                guard case .audit(let record) = try ledger.read(name).file else {
                    preconditionFailure("decoding lets no other kind stand there")
                }
                if let before, let digest = before.digest, before.number + 1 == number,
                    record.predecessor != digest
                {
                    verification.findings.append(
                        "\(name) does not follow the record before it: one of them was replaced")
                }
                verification.records += 1
                try visit(record)
            } catch let error as SnapError where error.isFinding {
                verification.findings.append(error.message)
            }
            before = (number, try? digest(number))
        }
        if let rollback = try rollback(seen, before?.number ?? 0) {
            verification.findings.append(rollback)
        }
        return verification
    }

    private static func gap(from before: UInt64, to number: UInt64) -> String? {
        let missing = number - before - 1
        if missing == 0 { return nil }
        let first = AuditRecord.storeName(before + 1)
        return missing == 1
            ? "\(first) is missing"
            : "\(first) to \(AuditRecord.storeName(number - 1)) are missing"
    }
}
