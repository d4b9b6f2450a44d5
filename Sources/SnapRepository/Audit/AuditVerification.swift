// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a reading of the log came to.
package struct AuditVerification: Sendable {
    package struct Finding: Sendable {
        /// nil where no record says it: this machine has seen more than there is.
        package var place: AuditFinding?
        package var message: String
    }

    package fileprivate(set) var records = 0
    /// What is wrong and was not accepted, in order.
    package fileprivate(set) var findings: [Finding] = []
    /// What is wrong and was accepted by a later record.
    package fileprivate(set) var accepted: [Finding] = []

    fileprivate mutating func add(_ place: AuditFinding?, _ message: String) {
        findings.append(Finding(place: place, message: message))
    }

    /// Sets aside what records accept.
    fileprivate mutating func accept(_ places: [AuditFinding]) {
        let isAccepted = { (finding: Finding) in
            guard let place = finding.place else { return false }
            return places.contains { $0.covers(place) }
        }
        accepted = findings.filter(isAccepted)
        findings.removeAll(where: isAccepted)
    }
}

extension AuditRecord {
    /// What the record says of a repository that was replaced, in words.
    package var rollback: String? {
        guard let seen else { return nil }
        let other = Self.storeName(seen.number)
        let what =
            switch number {
            case ..<seen.number: "was written without \(other), which its writer had seen"
            case seen.number: "stands where its writer had seen another record"
            default: "follows another \(other) than its writer had seen"
            }
        return "\(storeName) \(what): the repository may have been replaced by an older copy of "
            + "itself"
    }
}

extension AuditLog {
    /// Reads all records, oldest first, and checks that none is missing, edited or out of its
    /// place. `visit` gets those that can be read. Only who has seen the newest can miss them, so
    /// that is remembered.
    package func verify(
        _ visit: (AuditRecord) throws -> Void = { _ in }
    ) throws -> AuditVerification {
        var verification = AuditVerification()
        // Before the list is taken: others on this machine append to it meanwhile.
        var seen = SeenAudit(cache: repository.cache)
        // Of one that cannot be read at all nothing can be said of its successor.
        var before: (number: UInt64, digest: ObjectID?)?
        var accepted: [AuditFinding] = []
        for number in try numbers() {
            Self.note(gapFrom: before?.number ?? 0, to: number, in: &verification)
            // One that cannot be opened has a digest all the same.
            var found: ObjectID?
            do {
                let (record, digest) = try read(number)
                found = digest
                if let before, let digest = before.digest, before.number + 1 == number,
                    record.predecessor != digest
                {
                    verification.add(
                        AuditFinding(.misplaced, number),
                        "\(record.storeName) does not follow the record before it: one of them was "
                            + "replaced")
                }
                if let rollback = record.rollback {
                    verification.add(AuditFinding(.rolledBack, number), rollback)
                }
                accepted += record.accepted
                verification.records += 1
                try visit(record)
            } catch let error as SnapError where error.isFinding {
                verification.add(AuditFinding(.unreadable, number), error.message)
            }
            before = (number, found ?? (try? digest(number)))
        }
        if let rollback = try rollback(seen, before?.number ?? 0) {
            verification.add(nil, rollback)
        }
        verification.accept(accepted)
        if verification.findings.isEmpty, let before, let digest = before.digest {
            seen.remember(.init(before.number, digest))
        }
        return verification
    }

    private func read(_ number: UInt64) throws -> (AuditRecord, digest: ObjectID) {
        let (file, digest) = try ledger.read(AuditRecord.storeName(number))
        guard case .audit(let record) = file else {
            preconditionFailure("decoding lets no other kind stand there")
        }
        return (record, digest)
    }

    private static func note(
        gapFrom before: UInt64, to number: UInt64, in verification: inout AuditVerification
    ) {
        let place = AuditFinding(.missing, before + 1, through: number - 1)
        if place.last < place.first { return }
        let first = AuditRecord.storeName(place.first)
        verification.add(
            place,
            place.first == place.last
                ? "\(first) is missing"
                : "\(first) to \(AuditRecord.storeName(place.last)) are missing")
    }
}
