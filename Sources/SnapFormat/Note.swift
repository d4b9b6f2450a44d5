// SPDX-License-Identifier: MIT

import SnapBase

/// What was said of a snapshot after its commit. See snapfs-format(5), NOTES.
package struct Note: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case forget
        case unforget
        /// Until then, in Unix seconds; nil for ever.
        case hold(until: Int64?)
        case release
        /// All tags that the snapshot has from now on.
        case tags([String])
        /// Forgotten for ever: a copy without what was erased is in its place.
        case erase
    }

    /// 16 bytes.
    package var snapshot: [UInt8]
    /// From 1.
    package var number: UInt32
    package var origin: Origin
    package var action: Action
    package var reason: String?

    package init(
        snapshot: [UInt8], number: UInt32, origin: Origin, action: Action, reason: String? = nil
    ) {
        self.snapshot = snapshot
        self.number = number
        self.origin = origin
        self.action = action
        self.reason = reason
    }

    package static let directory = "notes"

    package var storeName: String { Self.storeName(snapshot, number) }

    package static func storeName(_ snapshot: [UInt8], _ number: UInt32) -> String {
        "\(directory)/\(Hex.encode(snapshot)).\(number)"
    }

    /// The snapshot and number of a name in the directory; nil for a foreign one.
    package static func parse(_ name: String) -> (snapshot: [UInt8], number: UInt32)? {
        NameParts.numbered(name).map { (snapshot: $0.id, number: $0.number) }
    }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, snapshot)
        origin.encode(into: &fields)
        switch action {
        case .forget: fields.add(5, integer: UInt8(1))
        case .unforget: fields.add(5, integer: UInt8(2))
        case .hold(let until):
            fields.add(5, integer: UInt8(3))
            if let until { fields.add(6, integer: until) }
        case .release: fields.add(5, integer: UInt8(4))
        case .tags(let tags):
            fields.add(5, integer: UInt8(5))
            for tag in tags { fields.add(7, tag) }
        case .erase: fields.add(5, integer: UInt8(6))
        }
        if let reason { fields.add(8, reason) }
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], snapshot: [UInt8], number: UInt32) throws {
        let name = Self.storeName(snapshot, number)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.snapshot = try fields.required(1, count: 16)
        guard self.snapshot == snapshot else { throw fields.damaged("is of another snapshot") }
        self.number = number
        origin = try Origin(&fields)
        let code = try fields.integer(5, UInt8.self)
        switch code {
        case 1: action = .forget
        case 2: action = .unforget
        case 3: action = .hold(until: try fields.optionalInteger(6, Int64.self))
        case 4: action = .release
        case 5: action = .tags(fields.list(7).map { String(decoding: $0, as: UTF8.self) })
        case 6: action = .erase
        default:
            throw SnapError(.unsupported, "\(name): unknown action \(code); update snapfs")
        }
        reason = try fields.optional(8).map { String(decoding: $0, as: UTF8.self) }
        try fields.finish()
    }
}
