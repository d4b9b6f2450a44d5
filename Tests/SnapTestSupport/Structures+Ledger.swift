// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

extension Structure {
    static func session(_ vector: Vector) throws -> Decoded {
        let found = try SessionRecord(fields: vector.bytes, id: try vector.hex("id"))
        return Decoded(
            [
                "time": "\(found.time)", "host": Hex.encode(found.host.utf8),
                "process": "\(found.process)", "kind": "\(found.kind.rawValue)",
                "pinned": found.pinned.map { Hex.encode($0) }.joined(separator: ","),
                "place": found.place.map { "\(Hex.encode($0.boot)):\($0.namespace):\($0.start)" }
                    ?? "",
            ], encoded: found.fields)
    }

    static func heartbeat(_ vector: Vector) throws -> Decoded {
        let found = try Heartbeat(
            fields: vector.bytes, session: try vector.hex("id"),
            number: try vector.number("number"))
        return Decoded(
            ["time": "\(found.time)", "collection": found.collection.map { "\($0)" } ?? ""],
            encoded: found.fields)
    }

    static func abort(_ vector: Vector) throws -> Decoded {
        let found = try Abort(fields: vector.bytes, id: try vector.hex("id"))
        return Decoded(
            [
                "time": "\(found.time)", "host": Hex.encode(found.host.utf8),
                "collection": "\(found.collection)",
            ], encoded: found.fields)
    }

    static func note(_ vector: Vector) throws -> Decoded {
        let found = try Note(
            fields: vector.bytes, snapshot: try vector.hex("id"),
            number: try vector.number("number"))
        let action: String =
            switch found.action {
            case .forget: "forget"
            case .unforget: "unforget"
            case .hold(let until): "hold " + (until.map { "\($0)" } ?? "ever")
            case .release: "release"
            case .tags(let tags): "tags " + tags.joined(separator: ",")
            case .erase: "erase"
            }
        return Decoded(
            origin(found.origin).merging(
                [
                    "action": Hex.encode(action.utf8),
                    "reason": Hex.encode((found.reason ?? "").utf8),
                ]
            ) { a, _ in a }, encoded: found.fields)
    }

    static func audit(_ vector: Vector) throws -> Decoded {
        let found = try AuditRecord(fields: vector.bytes, number: try vector.number("number"))
        let counts = found.counts.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        let seen = found.seen.map { "\($0.number):\($0.digest.hex)" } ?? ""
        let accepted = found.accepted.map { "\($0.kind.rawValue):\($0.first)-\($0.last)" }
            .joined(separator: ",")
        return Decoded(
            origin(found.origin).merging([
                "predecessor": found.predecessor?.hex ?? "",
                "command": Hex.encode(found.command.utf8), "snapshots": ids(found.snapshots),
                "counts": Hex.encode(counts.utf8), "program": Hex.encode(found.program.utf8),
                "remarks": ids(found.remarks.map { Array($0.utf8) }),
                "seen": Hex.encode(seen.utf8), "accepted": Hex.encode(accepted.utf8),
            ]) { a, _ in a }, encoded: found.fields)
    }

    private static func origin(_ origin: Origin) -> [String: String] {
        [
            "time": "\(origin.time)", "host": Hex.encode(origin.host.utf8),
            "user": Hex.encode(origin.user.utf8),
        ]
    }

    private static func ids(_ ids: [[UInt8]]) -> String {
        ids.map { Hex.encode($0) }.joined(separator: ",")
    }

    private static func packs(_ packs: [PackName]) -> String {
        packs.map { "\($0.kind.rawValue):\($0.name.hex)" }.joined(separator: ",")
    }

    static func collectionStart(_ vector: Vector) throws -> Decoded {
        let found = try CollectionStart(
            fields: vector.bytes, number: try vector.number("number"))
        return Decoded(
            origin(found.origin).merging([
                "forgotten": ids(found.forgotten), "condemned": packs(found.condemned),
                "segments": ids(found.segments.map(\.bytes)),
            ]) { a, _ in a }, encoded: found.fields)
    }

    static func collectionEnd(_ vector: Vector) throws -> Decoded {
        let found = try CollectionEnd(
            fields: vector.bytes, number: try vector.number("number"))
        return Decoded(
            origin(found.origin).merging([
                "floor": "\(found.floor)",
                "live": found.live.map { "\(Hex.encode($0.key)):\($0.value.hex)" }.sorted()
                    .joined(separator: ","),
                "segments": ids(found.segments.map(\.bytes)), "packs": packs(found.packs),
                "deletedsegments": ids(found.deletedSegments.map(\.bytes)),
                "deletedsnapshots": ids(found.deletedSnapshots),
                "deletedsessions": ids(found.deletedSessions),
            ]) { a, _ in a }, encoded: found.fields)
    }
}
