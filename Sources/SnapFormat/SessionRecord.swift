// SPDX-License-Identifier: MIT

import SnapBase

/// The announcement of a running program. See snapfs-format(5), SESSIONS.
package struct SessionRecord: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        /// Decided by what is created under `snapshots/`.
        case writer = 1
        /// Pins snapshots.
        case reader = 2
        case collector = 3
    }

    /// Where a process runs: whoever runs there too can see whether it still does.
    package struct Place: Sendable, Equatable {
        /// 16 bytes.
        package var boot: [UInt8]
        /// Inode of the namespace that process ids are of.
        package var namespace: UInt64
        /// When the process began, in ticks since the boot.
        package var start: UInt64

        package init(boot: [UInt8], namespace: UInt64, start: UInt64) {
            self.boot = boot
            self.namespace = namespace
            self.start = start
        }
    }

    package var id: [UInt8]
    /// Unix seconds.
    package var time: Int64
    package var host: String
    package var process: UInt32
    package var kind: Kind
    /// Snapshots, 16 bytes each, that stay while a reader reads them.
    package var pinned: [[UInt8]] = []
    package var place: Place?

    package init(
        id: [UInt8], time: Int64, host: String, process: UInt32, kind: Kind,
        pinned: [[UInt8]] = [], place: Place? = nil
    ) {
        self.id = id
        self.time = time
        self.host = host
        self.process = process
        self.kind = kind
        self.pinned = pinned
        self.place = place
    }

    package static let directory = "sessions"

    package var storeName: String { Self.storeName(id) }

    package static func storeName(_ id: [UInt8]) -> String { "\(directory)/\(Hex.encode(id))" }

    /// The session and the number of the heartbeat, 0 for the session itself, of a name in the
    /// directory; nil for a foreign one.
    package static func parse(_ name: String) -> (id: [UInt8], heartbeat: UInt32)? {
        if let id = NameParts.id(name) { return (id, 0) }
        return NameParts.numbered(name).map { (id: $0.id, heartbeat: $0.number) }
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, id)
        fields.add(2, integer: time)
        fields.add(3, host)
        fields.add(4, integer: process)
        fields.add(5, integer: kind.rawValue)
        for snapshot in pinned { fields.add(6, snapshot) }
        if let place {
            var value = ByteWriter(capacity: 32)
            value.append(place.boot)
            value.u64(place.namespace)
            value.u64(place.start)
            fields.add(7, value.bytes)
        }
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], id: [UInt8]) throws {
        let name = Self.storeName(id)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.id = try fields.required(1, count: 16)
        guard self.id == id else { throw fields.damaged("is another session") }
        time = try fields.integer(2, Int64.self)
        host = try fields.text(3)
        process = try fields.integer(4, UInt32.self)
        guard let kind = Kind(rawValue: try fields.integer(5, UInt8.self)) else {
            throw SnapError(.unsupported, "\(name): unknown kind of session; update snapfs")
        }
        self.kind = kind
        pinned = fields.list(6)
        guard pinned.allSatisfy({ $0.count == 16 }) else { throw fields.damaged("a bad pin") }
        if let value = try fields.optional(7, count: 32) {
            var reader = ByteReader(value, name: name)
            place = Place(
                boot: try reader.take(16), namespace: try reader.u64(), start: try reader.u64())
        }
        try fields.finish()
    }
}

/// A sign of life of a session. See snapfs-format(5), SESSIONS.
package struct Heartbeat: Sendable, Equatable {
    package var session: [UInt8]
    /// From 1.
    package var number: UInt32
    /// Unix seconds.
    package var time: Int64
    /// The newest collection that the session has seen, if it says so.
    package var collection: UInt64?

    package init(session: [UInt8], number: UInt32, time: Int64, collection: UInt64?) {
        self.session = session
        self.number = number
        self.time = time
        self.collection = collection
    }

    package var storeName: String { Self.storeName(session, number) }

    package static func storeName(_ session: [UInt8], _ number: UInt32) -> String {
        "\(SessionRecord.storeName(session)).\(number)"
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, session)
        fields.add(2, integer: time)
        if let collection { fields.add(3, integer: collection) }
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], session: [UInt8], number: UInt32) throws {
        let name = Self.storeName(session, number)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.session = try fields.required(1, count: 16)
        guard self.session == session else { throw fields.damaged("is of another session") }
        self.number = number
        time = try fields.integer(2, Int64.self)
        collection = try fields.optionalInteger(3, UInt64.self)
        try fields.finish()
    }
}
