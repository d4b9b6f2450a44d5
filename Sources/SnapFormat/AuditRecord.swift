// SPDX-License-Identifier: MIT

import SnapBase

/// What a command wrote or took away, and who ran it; chained to the record before.
/// See snapfs-format(5), AUDIT.
package struct AuditRecord: Sendable, Equatable {
    package struct Count: Sendable, Equatable {
        package var name: String
        package var value: UInt64

        package init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// A record, by what its file is.
    package struct Seen: Sendable, Equatable {
        package var number: UInt64
        /// SHA-256 of the file.
        package var digest: ObjectID

        package init(_ number: UInt64, _ digest: ObjectID) {
            self.number = number
            self.digest = digest
        }
    }

    /// From 1 on.
    package var number: UInt64
    package var origin: Origin
    /// SHA-256 of the file of the record before; nil in the first.
    package var predecessor: ObjectID?
    /// Such as `forget` or `key add`.
    package var command: String
    /// 16 bytes each.
    package var snapshots: [[UInt8]]
    package var counts: [Count]
    package var program: String
    package var remarks: [String]
    /// What the writer had seen and what was not there: the repository is an older copy of itself.
    package var seen: Seen?
    /// What is no longer reported.
    package var accepted: [AuditFinding] = []

    package init(
        number: UInt64, origin: Origin, predecessor: ObjectID?, command: String,
        snapshots: [[UInt8]], counts: [Count], program: String, remarks: [String]
    ) {
        self.number = number
        self.origin = origin
        self.predecessor = predecessor
        self.command = command
        self.snapshots = snapshots
        self.counts = counts
        self.program = program
        self.remarks = remarks
    }

    package static let directory = "audit"
    /// No number is higher: names have eight digits.
    package static let numberMax: UInt64 = 99_999_999

    package var storeName: String { Self.storeName(number) }

    package static func storeName(_ number: UInt64) -> String {
        "\(directory)/\(NameParts.digits(number))"
    }

    /// The number of a name in the directory; nil for a foreign one.
    package static func parse(_ name: String) -> UInt64? { NameParts.number(name) }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, integer: number)
        origin.encode(into: &fields)
        if let predecessor { fields.add(5, predecessor.bytes) }
        fields.add(6, command)
        fields.add(7, snapshots.flatMap { $0 })
        for count in counts {
            var value = ByteWriter()
            value.u64(count.value)
            value.append(Array(count.name.utf8))
            fields.add(8, value.bytes)
        }
        fields.add(9, program)
        for remark in remarks { fields.add(10, remark) }
        if let seen {
            var value = ByteWriter()
            value.u64(seen.number)
            value.append(seen.digest)
            fields.add(11, value.bytes)
        }
        for finding in accepted { fields.add(12, finding.bytes) }
        return fields.finished(paddedTo: 1024, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], number: UInt64) throws {
        let name = Self.storeName(number)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.number = try fields.integer(1, UInt64.self)
        guard self.number == number else { throw fields.damaged("is another record") }
        origin = try Origin(&fields)
        predecessor = try fields.optional(5, count: ObjectID.size).map { ObjectID($0) }
        guard (predecessor == nil) == (number == 1) else {
            throw fields.damaged("only the first record has none before it")
        }
        command = try fields.text(6)
        snapshots = try fields.items(7, size: 16)
        counts = try fields.list(8).map { value in
            var reader = ByteReader(value, name: name)
            let count = try reader.u64()
            return Count(
                String(decoding: try reader.take(reader.remaining), as: UTF8.self), count)
        }
        program = try fields.text(9)
        remarks = fields.list(10).map { String(decoding: $0, as: UTF8.self) }
        seen = try fields.optional(11, count: 8 + ObjectID.size).map { value in
            var reader = ByteReader(value, name: name)
            return Seen(try reader.u64(), try reader.objectID())
        }
        accepted = try fields.list(12).map { try AuditFinding($0, in: number) }
        try fields.finish()
    }
}
