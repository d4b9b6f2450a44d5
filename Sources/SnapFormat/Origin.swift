// SPDX-License-Identifier: MIT

/// When and by whom something was written.
package struct Origin: Sendable, Equatable {
    /// Unix seconds.
    package var time: Int64
    package var host: String
    package var user: String

    package init(time: Int64, host: String, user: String) {
        self.time = time
        self.host = host
        self.user = user
    }

    /// Fields 2, 3 and 4 of notes and collections.
    func encode(into fields: inout FieldWriter) {
        fields.add(2, integer: time)
        fields.add(3, host)
        fields.add(4, user)
    }

    init(_ fields: inout FieldReader) throws {
        time = try fields.integer(2, Int64.self)
        host = try fields.text(3)
        user = try fields.text(4)
    }
}
