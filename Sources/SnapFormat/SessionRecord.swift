// SPDX-License-Identifier: MIT

import SnapBase

/// The announcement of a running writer. See snapfs-format(5), SESSIONS.
package struct SessionRecord: Sendable, Equatable {
    package var id: [UInt8]
    /// Unix seconds.
    package var time: Int64
    package var host: String
    package var process: UInt32

    package init(id: [UInt8], time: Int64, host: String, process: UInt32) {
        self.id = id
        self.time = time
        self.host = host
        self.process = process
    }

    package static func storeName(_ id: [UInt8]) -> String { "sessions/" + Hex.encode(id) }

    package static func heartbeatName(_ id: [UInt8], _ number: Int) -> String {
        "\(storeName(id)).\(number)"
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, id)
        fields.add(2, integer: time)
        fields.add(3, host)
        fields.add(4, integer: process)
        fields.add(5, integer: UInt8(1))
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8]) throws {
        var fields = try FieldReader(plain, name: "session", terminated: true)
        id = try fields.required(1, count: 16)
        time = try fields.integer(2, Int64.self)
        host = try fields.text(3)
        process = try fields.integer(4, UInt32.self)
        _ = try fields.integer(5, UInt8.self)
        try fields.finish()
    }

    /// The fields of a heartbeat.
    package static func heartbeat(_ id: [UInt8], time: Int64) -> [UInt8] {
        var fields = FieldWriter()
        fields.add(1, id)
        fields.add(2, integer: time)
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }
}
