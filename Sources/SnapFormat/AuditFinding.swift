// SPDX-License-Identifier: MIT

import SnapBase

/// Something that is wrong with the audit log: what, and with which records.
/// See snapfs-format(5), AUDIT.
package struct AuditFinding: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        case missing = 1
        case unreadable
        /// It does not follow the record before it.
        case misplaced
        /// It says that its writer had seen more than there was.
        case rolledBack
    }

    package var kind: Kind
    package var first, last: UInt64

    package init(_ kind: Kind, _ first: UInt64, through last: UInt64? = nil) {
        self.kind = kind
        self.first = first
        self.last = last ?? first
    }

    static let size = 17

    /// Whether who accepts this accepts the other one.
    package func covers(_ other: AuditFinding) -> Bool {
        kind == other.kind && first <= other.first && other.last <= last
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u8(kind.rawValue)
        writer.u64(first)
        writer.u64(last)
        return writer.bytes
    }

    /// Of a field of the record `number`.
    init(_ bytes: [UInt8], in number: UInt64) throws {
        let name = AuditRecord.storeName(number)
        var reader = ByteReader(bytes, name: name)
        let kind = try reader.u8()
        guard let known = Kind(rawValue: kind) else {
            throw SnapError(.unsupported, "\(name): accepts what this version does not know")
        }
        self.init(known, try reader.u64(), through: try reader.u64())
        guard reader.remaining == 0, 1 <= first, first <= last, last <= number else {
            throw reader.damaged("accepts what is no finding of it")
        }
    }
}
