// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat

/// A writer, reader or collector as the repository knows it: announced before it reads what it may
/// build on, alive by its heartbeats. Not thread-safe.
package final class Session<L: Ledger> {
    package let id: [UInt8]
    /// The collections that there were after the announcement: what is taken later is taken knowing
    /// of this session.
    package let state: CollectionState
    private let ledger: L
    private let kind: SessionRecord.Kind
    private let host: String
    private var heartbeats: UInt32 = 0
    private var lastHeartbeat: Double
    /// Nobody knows whether the manifest will appear.
    private var isUndecided = false

    /// Announces a new session.
    package init(
        _ ledger: L, kind: SessionRecord.Kind, host: String, pinned: [[UInt8]] = []
    ) throws {
        self.ledger = ledger
        self.kind = kind
        self.host = host
        id = try ledger.newID()
        lastHeartbeat = MonotonicClock.now
        let record = SessionRecord(
            id: id, time: Timestamp.now().seconds, host: host, process: UInt32(getpid()),
            kind: kind, pinned: pinned, place: ProcessPlace.current)
        guard try ledger.create(.session(record)) != nil else {
            throw SnapError(.io, "a session of the same id exists: check this machine's randomness")
        }
        do {
            try ledger.synchronize()
            state = try CollectionState(ledger)
            if kind == .writer, !state.building.isUnrestricted { try beat(state) }
        } catch {
            Self.withdraw(id, heartbeats, ledger)
            throw error
        }
    }

    /// Says that the session lives, if it has not for a while.
    func heartbeat() throws {
        let now = MonotonicClock.now
        guard now >= lastHeartbeat + sessionHeartbeatInterval else { return }
        lastHeartbeat = now
        try beat(state)
    }

    private func beat(_ state: CollectionState) throws {
        heartbeats += 1
        let heartbeat = Heartbeat(
            session: id, number: heartbeats, time: Timestamp.now().seconds,
            collection: state.newest)
        guard try ledger.create(.heartbeat(heartbeat)) != nil else {
            throw SnapError(.io, "another process gives signs of life of session \(Hex.encode(id))")
        }
    }

    /// A further session, announced before this one ends, under which the same backup may go on;
    /// nil where a collection began meanwhile: it waits for this session, not for that one.
    package func successor() throws -> Session? {
        let next = try Session(ledger, kind: kind, host: host)
        if next.state.newest == state.newest { return next }
        next.end()
        return nil
    }

    /// Creates the manifest under the session's id: the commit. Everything it names is durable.
    /// Throws `.busy` where a collection has given this session up.
    package func commit(_ manifest: Manifest) throws {
        precondition(manifest.id == id && manifest.collection == state.newest)
        let digest = try decide(manifest)
        try ledger.synchronize()
        let now = try CollectionState(ledger)
        guard now.counting.counts(manifest, digest) else { throw Self.givenUp() }
    }

    /// Creates the manifest; throws where an abort stands. The SHA-256 of the file.
    private func decide(_ manifest: Manifest) throws -> ObjectID {
        var failure = Self.givenUp()
        do {
            if let digest = try ledger.create(.manifest(manifest)) { return digest }
        } catch {
            failure = SnapError.wrap(error)
            // Where there is no room nothing was created.
            if failure.kind == .noSpace || failure.kind == .invalid { throw failure }
            try giveUp(failure)
        }
        // Whatever the store answered, a manifest under this id is ours.
        let decision = try within("it is not known whether the snapshot was written") {
            try ledger.decision(id)
        }
        guard case .committed(_, let digest)? = decision else { throw failure }
        return digest
    }

    /// Decides that there is no manifest, and throws the failure to create one; returns where
    /// something stands in its place already. What a store failed to create may appear later all
    /// the same, when no collection waits for this session any more: so an abort takes its place,
    /// and where that fails, too, the announcement stays until a collection decides.
    private func giveUp(_ failure: SnapError) throws {
        isUndecided = true
        let abort = Abort(
            id: id, time: Timestamp.now().seconds, host: host, collection: state.newest)
        guard let isOurs = try? ledger.create(.abort(abort)) != nil,
            (try? ledger.synchronize()) != nil
        else { throw failure }
        isUndecided = false
        if isOurs { throw failure }
    }

    /// What to say where a collection has given this session up.
    static func givenUp() -> SnapError {
        SnapError(
            .busy,
            "this run showed no life for so long that a 'snapfs prune' gave it up; run it again")
    }

    /// Takes the announcement away, unless a collection has to decide first. A leftover is no
    /// fault, so failures are ignored.
    package func end() { if !isUndecided { Self.withdraw(id, heartbeats, ledger) } }

    private static func withdraw(_ id: [UInt8], _ heartbeats: UInt32, _ ledger: L) {
        // The session itself first: without it the heartbeats mean nothing.
        try? ledger.delete(SessionRecord.storeName(id))
        for number in (0..<heartbeats).map({ $0 + 1 }) {
            try? ledger.delete(Heartbeat.storeName(id, number))
        }
    }
}

/// Seconds between heartbeats; the format promises one an hour.
let sessionHeartbeatInterval: Double = 20 * 60
