// SPDX-License-Identifier: MIT
//
// The snapshot that `latest`, a time or a day names. Who types a time seldom knows it to the
// second: what only reads takes the newest one until then. What changes snapshots or takes them
// away must not guess.

import SnapBase
import SnapFormat

struct SnapshotByTime {
    /// How near a time has to be to the snapshot that it names.
    enum Nearness {
        /// The newest of that time, or that day, or before.
        case orBefore
        /// The only one of that second.
        case exact
    }

    private let argument: SnapshotArgument
    private let filter: SnapshotFilter
    /// What they are, for messages.
    private let thing: String

    init(_ argument: SnapshotArgument, _ filter: SnapshotFilter, _ thing: String) {
        self.argument = argument
        self.filter = filter
        self.thing = thing
    }

    /// The one that is named, of some from the oldest to the newest. Throws `.notFound` where there
    /// is none, `.invalid` where an exact time is that of several.
    func find(among manifests: [Manifest], _ nearness: Nearness) throws -> Manifest {
        let choice = filter.choice
        let candidates = manifests.filter { choice.accepts($0) }
        let last: Int64
        switch argument.name {
        case .day(let seconds): last = seconds + 86_399
        case .time(let seconds): last = seconds
        case .latest, .id:
            if let newest = candidates.last { return newest }
            throw SnapError(.notFound, "there is no \(thing)\(filter.matching)")
        }
        return switch nearness {
        case .orBefore: try newest(of: candidates, until: last)
        case .exact: try only(of: candidates, at: last)
        }
    }

    private func newest(of candidates: [Manifest], until last: Int64) throws -> Manifest {
        // Of one second the first: so the mount names them, too.
        if case .time = argument.name,
            let found = candidates.first(where: { $0.time.seconds == last })
        {
            return found
        }
        if let found = candidates.last(where: { $0.time.seconds <= last }) { return found }
        throw SnapError(
            .notFound, "there is no \(thing) of \(argument.text) or before\(filter.matching)")
    }

    private func only(of candidates: [Manifest], at second: Int64) throws -> Manifest {
        if case .time = argument.name {
            let found = candidates.filter { $0.time.seconds == second }
            if found.count == 1 { return found[0] }
            if found.count > 1 {
                throw SnapError(
                    .invalid,
                    "\(argument.text) is the time of \(found.count) snapshots: "
                        + found.map { "\($0.hexID.prefix(8)) (host \($0.host))" }
                        .joined(separator: ", ") + "; name one by its id")
            }
        }
        let near = [
            candidates.last { $0.time.seconds <= second },
            candidates.first { $0.time.seconds > second },
        ].compactMap { $0 }.map(\.inWords)
        let nearest = near.isEmpty ? "" : "; the nearest: " + near.joined(separator: " and ")
        throw SnapError(
            .notFound,
            "there is no \(thing) of exactly \(argument.text)\(filter.matching)\(nearest)"
                + "; name it by its id, or by its time as listed")
    }
}

extension Manifest {
    /// `1a2b3c4d of 2026-11-21T02:00:00Z, host web`
    var inWords: String { "\(hexID.prefix(8)) of \(Format.time(time.seconds)), host \(host)" }
}
