// SPDX-License-Identifier: MIT

import SnapBase

/// The decision that a session is given up: it stands where its manifest would, for ever.
/// See snapfs-format(5), SESSIONS.
package struct Abort: Sendable, Equatable {
    /// 16 bytes, of the session.
    package var id: [UInt8]
    /// Unix seconds.
    package var time: Int64
    package var host: String
    /// Number of the collection that needed the decision; in a writer's own, of the newest that it
    /// saw, 0 for none.
    package var collection: UInt64

    package init(id: [UInt8], time: Int64, host: String, collection: UInt64) {
        self.id = id
        self.time = time
        self.host = host
        self.collection = collection
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, id)
        fields.add(2, integer: time)
        fields.add(3, host)
        fields.add(4, integer: collection)
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], id: [UInt8]) throws {
        var fields = try FieldReader(plain, name: Manifest.storeName(id), terminated: true)
        self.id = try fields.required(1, count: 16)
        guard self.id == id else { throw fields.damaged("is of another session") }
        time = try fields.integer(2, Int64.self)
        host = try fields.text(3)
        collection = try fields.integer(4, UInt64.self)
        try fields.finish()
    }
}
