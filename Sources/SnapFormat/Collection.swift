// SPDX-License-Identifier: MIT
//
// The two records of a collection: what it is going to take, and what it has decided.
// See snapfs-format(5), COLLECTION.

import SnapBase

/// A pack by name; the kind says in which directory.
package struct PackName: Hashable, Sendable, Comparable {
    package var kind: FileKind
    package var name: ObjectID

    package init(kind: FileKind, name: ObjectID) {
        self.kind = kind
        self.name = name
    }

    package var storeName: String { PackDescription.storeName(name, kind) }

    package static func < (a: PackName, b: PackName) -> Bool {
        (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name)
    }

    static let size = 33

    static func encode(_ packs: [PackName]) -> [UInt8] {
        var writer = ByteWriter(capacity: packs.count * size)
        for pack in packs {
            writer.u8(pack.kind.rawValue)
            writer.append(pack.name.bytes)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8], _ name: String) throws -> [PackName] {
        var reader = ByteReader(bytes, name: name)
        var packs: [PackName] = []
        packs.reserveCapacity(bytes.count / size)
        while reader.remaining > 0 {
            guard let kind = FileKind(rawValue: try reader.u8()), kind.isPack else {
                throw reader.damaged("a pack of no kind of pack")
            }
            packs.append(PackName(kind: kind, name: try reader.objectID()))
        }
        return packs
    }
}

/// What an open collection is going to take: nobody builds on it from here on.
package struct CollectionStart: Sendable, Equatable {
    package var number: UInt64
    package var origin: Origin
    /// 16 bytes each.
    package var forgotten: [[UInt8]]
    package var condemned: [PackName]
    /// Names of the segments that counted when it was made.
    package var segments: [ObjectID]

    package init(
        number: UInt64, origin: Origin, forgotten: [[UInt8]], condemned: [PackName],
        segments: [ObjectID]
    ) {
        self.number = number
        self.origin = origin
        self.forgotten = forgotten
        self.condemned = condemned
        self.segments = segments
    }

    package static let directory = "gc"
    /// No number is higher: names have eight digits.
    package static let numberMax: UInt64 = 99_999_999

    package var storeName: String { Self.storeName(number) }

    package static func storeName(_ number: UInt64) -> String {
        "\(directory)/\(NameParts.digits(number))"
    }

    /// The number of a name in the directory and whether it closes; nil for a foreign one.
    package static func parse(_ name: String) -> (number: UInt64, closes: Bool)? {
        let closes = name.hasSuffix(CollectionEnd.suffix)
        let digits = closes ? name.dropLast(CollectionEnd.suffix.utf8.count) : name[...]
        return NameParts.number(digits).map { (number: $0, closes: closes) }
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, integer: number)
        origin.encode(into: &fields)
        fields.add(5, forgotten.flatMap { $0 })
        fields.add(6, PackName.encode(condemned))
        fields.add(7, segments.flatMap(\.bytes))
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], number: UInt64) throws {
        let name = Self.storeName(number)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.number = try fields.integer(1, UInt64.self)
        guard self.number == number else { throw fields.damaged("is another collection") }
        origin = try Origin(&fields)
        forgotten = try fields.items(5, size: 16)
        condemned = try PackName.decode(try fields.required(6), name)
        segments = try fields.objectIDs(7)
        try fields.finish()
    }
}

/// What a collection has decided.
package struct CollectionEnd: Sendable, Equatable {
    package var number: UInt64
    package var origin: Origin
    /// A writer counts that has seen this collection or a later one.
    package var floor: UInt64
    /// SHA-256 of the manifest file, by snapshot.
    package var live: [[UInt8]: ObjectID]
    /// Names of the segments that count.
    package var segments: [ObjectID]
    /// To be deleted.
    package var packs: [PackName]
    package var deletedSegments: [ObjectID]
    package var deletedSnapshots: [[UInt8]]
    package var deletedSessions: [[UInt8]]

    package init(
        number: UInt64, origin: Origin, floor: UInt64, live: [[UInt8]: ObjectID],
        segments: [ObjectID], packs: [PackName] = [], deletedSegments: [ObjectID] = [],
        deletedSnapshots: [[UInt8]] = [], deletedSessions: [[UInt8]] = []
    ) {
        self.number = number
        self.origin = origin
        self.floor = floor
        self.live = live
        self.segments = segments
        self.packs = packs
        self.deletedSegments = deletedSegments
        self.deletedSnapshots = deletedSnapshots
        self.deletedSessions = deletedSessions
    }

    static let suffix = ".done"

    package var storeName: String { Self.storeName(number) }

    package static func storeName(_ number: UInt64) -> String {
        CollectionStart.storeName(number) + suffix
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, integer: number)
        origin.encode(into: &fields)
        fields.add(5, integer: floor)
        let sorted = live.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        fields.add(6, sorted.flatMap { $0.key + $0.value.bytes })
        fields.add(7, segments.flatMap(\.bytes))
        fields.add(8, PackName.encode(packs))
        fields.add(9, deletedSegments.flatMap(\.bytes))
        fields.add(10, deletedSnapshots.flatMap { $0 })
        fields.add(11, deletedSessions.flatMap { $0 })
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], number: UInt64) throws {
        let name = Self.storeName(number)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.number = try fields.integer(1, UInt64.self)
        guard self.number == number else { throw fields.damaged("is another collection") }
        origin = try Origin(&fields)
        floor = try fields.integer(5, UInt64.self)
        live = [:]
        for item in try fields.items(6, size: 48) {
            let digest = item.withUnsafeBytes { ObjectID($0, at: 16) }
            guard live.updateValue(digest, forKey: Array(item.prefix(16))) == nil else {
                throw fields.damaged("a snapshot is named twice")
            }
        }
        segments = try fields.objectIDs(7)
        packs = try PackName.decode(try fields.required(8), name)
        deletedSegments = try fields.objectIDs(9)
        deletedSnapshots = try fields.items(10, size: 16)
        deletedSessions = try fields.items(11, size: 16)
        try fields.finish()
    }
}
