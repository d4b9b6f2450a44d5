// SPDX-License-Identifier: MIT
//
// SNAPSHOT or SNAPSHOT:PATH. A snapshot is `latest`, a time or a prefix of an id. An id and
// `latest` hold no colon, so the path begins after the first one. A time holds colons: text that
// begins like a date (four digits, a dash, two digits, a dash) is read as a time as far as it
// goes, and the path begins after the colon that follows. A name of the mount's `snapshots`
// directory with an id behind its time, `2026-11-21T02:00:00Z-1a2b3c4d`, means that id.

import ArgumentParser
import SnapBase

struct SnapshotArgument: ExpressibleByArgument, Equatable {
    enum Name: Equatable {
        case latest
        /// A second.
        case time(seconds: Int64)
        /// A day of UTC, by its first second.
        case day(seconds: Int64)
        /// What the id begins with, as typed; never empty.
        case id(prefix: String)
    }

    let name: Name
    /// What follows the colon, nil where there is none; without leading and trailing slashes, so
    /// the root of the snapshot is empty.
    let path: [UInt8]?
    /// The snapshot's name as typed, for messages.
    let text: String

    init?(argument: String) {
        let bytes = ArgumentBytes.decode(argument)
        guard let (name, length) = Self.name(in: bytes) else { return nil }
        let rest = bytes[length...]
        guard rest.isEmpty || rest.first == UInt8(ascii: ":") else { return nil }
        self.name = name
        text = Text.escaped(bytes[..<length])
        path = rest.isEmpty ? nil : Self.trimmed(rest.dropFirst())
    }

    /// Throws where something inside a snapshot is named, for a command that takes whole ones.
    func requireNoPath() throws {
        if path != nil { throw ValidationError("'\(text)' names a snapshot, without a path.") }
    }

    private static func name(in bytes: [UInt8]) -> (Name, length: Int)? {
        if beginsLikeDate(bytes) { return time(in: bytes) }
        let word = bytes.prefix { $0 != UInt8(ascii: ":") }
        guard !word.isEmpty else { return nil }
        // What is no prefix of any id, such as a typing error, is not found later.
        let text = String(decoding: word, as: UTF8.self)
        return (text == "latest" ? .latest : .id(prefix: text), word.count)
    }

    private static func time(in bytes: [UInt8]) -> (Name, length: Int)? {
        guard let (time, length) = TimeArgument.parse(bytes) else { return nil }
        let suffix = bytes[length...].prefix { $0 != UInt8(ascii: ":") }
        if suffix.isEmpty {
            let seconds = time.seconds
            return (time.hasClock ? .time(seconds: seconds) : .day(seconds: seconds), length)
        }
        let id = String(decoding: suffix.dropFirst(), as: UTF8.self)
        guard suffix.first == UInt8(ascii: "-"), 1...64 ~= id.utf8.count,
            id.utf8.allSatisfy({ 0x30...0x39 ~= $0 || 0x61...0x66 ~= $0 })
        else { return nil }
        return (.id(prefix: id), length + suffix.count)
    }

    private static func beginsLikeDate(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 8, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else {
            return false
        }
        return [0, 1, 2, 3, 5, 6].allSatisfy { 0x30...0x39 ~= bytes[$0] }
    }

    private static func trimmed(_ path: some BidirectionalCollection<UInt8>) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        return Array(path.drop { $0 == slash }.reversed().drop { $0 == slash }.reversed())
    }
}
