// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a collection learns of the sessions of others, and decides for those that are dead.
struct SessionSurvey<L: Ledger> {
    private let ledger: L
    private let liveness: any Liveness
    private let origin: Origin
    /// The session of the collector itself.
    private let own: [UInt8]

    init(_ ledger: L, _ liveness: any Liveness, origin: Origin, own: [UInt8]) {
        self.ledger = ledger
        self.liveness = liveness
        self.origin = origin
        self.own = own
    }

    /// What the living pin now, and whether there are dead ones to clear away.
    func look() throws -> (pinned: Set<[UInt8]>, hasDead: Bool) {
        var (pinned, hasDead): (Set<[UInt8]>, Bool) = ([], false)
        for (id, heartbeat) in try others() {
            switch try announcement(id, heartbeat) {
            case .withdrawn: hasDead = hasDead || heartbeat > 0
            case .dead: hasDead = true
            case .alive(let record): pinned.formUnion(record?.pinned ?? [])
            }
        }
        return (pinned, hasDead)
    }

    struct Fates {
        /// Those that have ended, to be deleted at the end.
        var over: [[UInt8]] = []
        var pinned: Set<[UInt8]> = []
        var undecided: [CollectionReport.Undecided] = []
    }

    /// Decides every writer that has not seen the collection, or says that it must be waited for.
    func decide(_ start: CollectionStart) throws -> Fates {
        var fates = Fates()
        for (id, heartbeat) in try others() { try decide(id, heartbeat, start, &fates) }
        return fates
    }

    /// The sessions of others with the number of their newest heartbeat.
    private func others() throws -> [(id: [UInt8], heartbeat: UInt32)] {
        var heartbeats: [[UInt8]: UInt32] = [:]
        for (id, number) in try ledger.list(SessionRecord.directory)
            .compactMap(SessionRecord.parse) where id != own
        { heartbeats[id] = max(heartbeats[id] ?? 0, number) }
        return heartbeats.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (id: $0.key, heartbeat: $0.value) }
    }

    /// A session as it is found; without a record where it cannot be read.
    private enum Announcement {
        /// It is not there, though perhaps its heartbeats.
        case withdrawn
        case dead(SessionRecord?)
        case alive(SessionRecord?)
    }

    private func announcement(_ id: [UInt8], _ heartbeat: UInt32) throws -> Announcement {
        do {
            guard let read = try ledger.readIfThere(SessionRecord.storeName(id)),
                case .session(let record) = read.file
            else { return .withdrawn }
            return try liveness.isDead(record, heartbeat: heartbeat)
                ? .dead(record) : .alive(record)
        } catch let error as SnapError where error.isFinding {
            return try liveness.isDead(unreadable: id, heartbeat: heartbeat)
                ? .dead(nil) : .alive(nil)
        }
    }

    private func decide(
        _ id: [UInt8], _ heartbeat: UInt32, _ start: CollectionStart, _ fates: inout Fates
    ) throws {
        let (record, isDead): (SessionRecord?, Bool)
        switch try announcement(id, heartbeat) {
        case .withdrawn: return fates.over.append(id)
        case .dead(let found): (record, isDead) = (found, true)
        case .alive(let found): (record, isDead) = (found, false)
        }
        switch record?.kind {
        case .reader, .collector:
            if isDead {
                fates.over.append(id)
            } else {
                fates.pinned.formUnion(record?.pinned ?? [])
            }
        case .writer, nil:
            if try isDecided(id) || isDead && abort(id, start) {
                fates.over.append(id)
            } else if try !hasSeen(start.number, id, heartbeat) {
                fates.undecided.append(.init(id: id, session: record))
            }
        }
    }

    private func isDecided(_ id: [UInt8]) throws -> Bool {
        do { return try ledger.decision(id) != nil } catch let error as SnapError
            where error.isFinding
        { return true }
    }

    /// Decides that a session is given up. True in any case: if this fails, it has committed.
    private func abort(_ id: [UInt8], _ start: CollectionStart) throws -> Bool {
        let abort = Abort(
            id: id, time: origin.time, host: origin.host, collection: start.number)
        _ = try ledger.create(.abort(abort))
        return true
    }

    /// Whether a session said that it knows of the collection: then it takes nothing from it.
    private func hasSeen(_ number: UInt64, _ id: [UInt8], _ heartbeat: UInt32) throws -> Bool {
        guard heartbeat > 0 else { return false }
        do {
            guard let read = try ledger.readIfThere(Heartbeat.storeName(id, heartbeat)),
                case .heartbeat(let found) = read.file
            else { return false }
            return (found.collection ?? 0) >= number
        } catch let error as SnapError where error.isFinding { return false }
    }
}
