// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat

/// The record of every command that wrote to a repository. See snapfs-format(5), AUDIT. Used by one
/// thread.
package struct AuditLog {
    let repository: Repository
    let ledger: SealedLedger

    package init(_ repository: Repository) throws {
        self.repository = repository
        ledger = try repository.ledger
    }

    /// The numbers of all records that were there when this was called, in order.
    func numbers() throws -> [UInt64] {
        let first = try list()
        guard let newest = first.last, newest > UInt64(first.count) else { return first }
        // A listing may show one that came while it ran, and not the one that came before it.
        return Set(first).union(try list().filter { $0 < newest }).sorted()
    }

    private func list() throws -> [UInt64] {
        try ledger.list(AuditRecord.directory).compactMap(AuditRecord.parse).sorted()
    }

    /// Of the file as it lies there, whatever is in it.
    func digest(_ number: UInt64) throws -> ObjectID {
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
        /// What nobody is to report any more.
        var accepted: [AuditVerification.Finding] = []

        package init(_ command: String, origin: Origin, program: String) {
            self.command = command
            self.origin = origin
            self.program = program
        }
    }

    /// Appends a record, durable on return. Where the repository is not as this machine has seen it
    /// the record says so, and with it every reading of the log until somebody accepts it.
    package func append(_ event: Event) throws {
        // Before the newest is looked for: others on this machine append meanwhile.
        var seen = SeenAudit(cache: repository.cache)
        var newest = try newest(seen)
        var record = AuditRecord(
            number: 0, origin: event.origin, predecessor: nil, command: event.command,
            snapshots: event.snapshots, counts: event.counts, program: event.program,
            remarks: event.remarks)
        if try rollback(seen, newest) != nil { record.seen = seen.newest }
        while true {
            guard newest < AuditRecord.numberMax else {
                throw SnapError(.unsupported, "the audit log has no room for another record")
            }
            record.predecessor = newest == 0 ? nil : try link(newest)
            record.number = newest + 1
            record.accepted = event.accepted.compactMap {
                // What only this machine knew is said by this very record.
                $0.place ?? (record.seen == nil ? nil : AuditFinding(.rolledBack, record.number))
            }
            if let digest = try ledger.create(.audit(record)) {
                try ledger.synchronize()
                seen.remember(.init(record.number, digest))
                return
            }
            newest = record.number
        }
    }

    /// What the next record names; zeros where the disk, asked twice, does not give that one back:
    /// the log must go on.
    private func link(_ number: UInt64) throws -> ObjectID {
        do { return try digest(number) } catch let error as SnapError where error.isFinding {
            do { return try digest(number) } catch let error as SnapError where error.isFinding {
                return ObjectID([UInt8](repeating: 0, count: ObjectID.size))
            }
        }
    }

    /// Appends a record that accepts what is wrong now, so that it is reported no more, and returns
    /// what that is. Appends nothing where nothing is wrong.
    package func acknowledge(_ event: Event) throws -> [AuditVerification.Finding] {
        var event = event
        event.accepted = try verify().findings
        if !event.accepted.isEmpty { try append(event) }
        return event.accepted
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

    /// What is wrong with the repository as this machine has seen it, nil in general. Reads a few
    /// names and one record, however many there are.
    package func rollback() throws -> String? {
        let seen = SeenAudit(cache: repository.cache)
        return try seen.newest == nil ? nil : rollback(seen, newest(seen))
    }

    func rollback(_ seen: SeenAudit, _ newest: UInt64) throws -> String? {
        guard let seen = seen.newest else { return nil }
        let name = AuditRecord.storeName(seen.number)
        guard seen.number <= newest else {
            return "\(name), which this machine has seen, is missing: the repository may have been "
                + "replaced by an older copy of itself"
        }
        do {
            if try digest(seen.number) == seen.digest { return nil }
        } catch let error as SnapError where error.kind == .notFound {
            return "\(name), which this machine has seen, is missing"
        } catch let error as SnapError where error.isFinding {
            // It is there: that it cannot be read is for a reading of the log to tell.
            return nil
        }
        return
            "\(name) is not what this machine has seen: the repository may have been replaced by "
            + "an older copy of itself that went on since"
    }
}
