// SPDX-License-Identifier: MIT
//
// A collection from its opening to its last deletion, beside backups, readers and other collectors.
// No clock decides what goes; an interrupted one is resumed by the next. The order of the steps is
// the proof: see snapfs-format(5), COLLECTION. The simulator runs this very code.

import SnapBase
import SnapFormat

/// What a collection came to.
package struct CollectionReport: Sendable {
    /// A session that a collection waits for.
    package struct Undecided: Sendable {
        package var id: [UInt8]
        /// nil where the announcement cannot be read.
        package var session: SessionRecord?
    }

    package enum Result: Sendable {
        /// There is nothing to collect.
        case nothing
        /// It stays open: these backups may build on what is to go.
        case waiting([Undecided])
        /// Deleted as the end says.
        case done(CollectionEnd)
    }

    package var result: Result
    /// Opened by an earlier run.
    package var resumed = false
}

/// Runs collections. Used by one thread.
package final class Collector<L: Ledger, I: Inventory> {
    private let ledger: L
    private let inventory: I
    private let liveness: any Liveness
    private let origin: Origin
    /// Seconds since 1970, for holds.
    private let now: Int64
    /// Called with what a run has decided to take, before it takes it.
    package var decided: (CollectionEnd) throws -> Void = { _ in }
    /// The forgotten snapshots that stay because somebody reads them; known once a run, or a plan,
    /// has looked for something to collect.
    package private(set) var inUse: Set<[UInt8]> = []
    /// The session of this run.
    private var own: [UInt8] = []

    package init(
        ledger: L, inventory: I, liveness: any Liveness, origin: Origin, now: Int64
    ) {
        self.ledger = ledger
        self.inventory = inventory
        self.liveness = liveness
        self.origin = origin
        self.now = now
    }

    /// Resumes the open collection, or opens one where there is something to collect.
    package func run() throws -> CollectionReport {
        let session = try Session(ledger, kind: .collector, host: origin.host)
        own = session.id
        defer { session.end() }
        let state = session.state
        if let damage = state.damage { throw Self.within(damage) }
        if let end = state.end { try delete(end) }
        var report = CollectionReport(result: .nothing)
        let start: CollectionStart
        if let open = state.open {
            report.resumed = true
            start = open
        } else {
            do {
                guard let made = try open(after: state) else { return report }
                start = made
            } catch let error as SnapError where error.isFinding {
                // What another collector took meanwhile was not missing.
                let now = try CollectionState(ledger)
                if now.end?.number == state.end?.number { throw error }
                return report
            }
        }
        report.result = try finish(start, after: state.end)
        return report
    }

    /// What `run` would open or resume, without a trace: nil where there is nothing to collect.
    /// What is needed then is marked.
    package func plan() throws -> CollectionStart? {
        let state = try CollectionState(ledger)
        if let damage = state.damage { throw Self.within(damage) }
        guard let open = state.open else { return try draft(after: state) }
        let (snapshots, notes) = try lookThrough(state.end)
        try snapshots.requireReadable(notes, now) { open.forgotten.contains($0) }
        try inventory.mark(snapshots.committed.filter { !open.forgotten.contains($0.id) })
        return open
    }

    private static func within(_ damage: SnapError) -> SnapError {
        damage.within("nothing can be collected after a collection that is damaged")
    }

    // MARK: Opening

    /// Step 1. nil where there is nothing to collect, or where another collector was faster.
    private func open(after state: CollectionState) throws -> CollectionStart? {
        guard let start = try draft(after: state) else { return nil }
        let isOurs = try ledger.create(.start(start)) != nil
        try ledger.synchronize()
        let now = try CollectionState(ledger)
        guard now.newest == start.number else {
            // We slept while others opened and closed this number.
            if isOurs { try ledger.delete(start.storeName) }
            return nil
        }
        return now.open
    }

    /// What a new collection is to take. nil where there is nothing.
    private func draft(after state: CollectionState) throws -> CollectionStart? {
        // Each list is of what was there before the next: packs, snapshots, the index.
        let packs = try inventory.listPacks()
        let (snapshots, notes) = try lookThrough(state.end)
        let (pinned, hasDead) = try sessions.look()
        try snapshots.requireReadable(notes, now) { !pinned.contains($0) }
        let wanted = snapshots.forgotten(notes, now)
        let forgotten = wanted.subtracting(pinned)
        inUse = wanted.intersection(pinned)
        try inventory.mark(snapshots.committed.filter { !forgotten.contains($0.id) })
        let condemned = try inventory.condemn(
            packs, thorough: forgotten.contains { notes[$0].isErased })
        if forgotten.isEmpty && condemned.isEmpty && snapshots.uncounted.isEmpty && !hasDead {
            return nil
        }
        guard state.newest < CollectionStart.numberMax else {
            throw SnapError(.unsupported, "the repository has been collected too often")
        }
        return CollectionStart(
            number: state.newest + 1, origin: origin,
            forgotten: forgotten.sorted { $0.lexicographicallyPrecedes($1) },
            condemned: condemned.sorted(), segments: inventory.segments)
    }

    private var sessions: SessionSurvey<L> {
        SessionSurvey(ledger, liveness, origin: origin, own: own)
    }

    /// Lists snapshots, the index and notes, in this order: once more where the lists lack
    /// something that is there. Throws `.io` where they lack it again.
    private func lookThrough(
        _ end: CollectionEnd?
    ) throws -> (snapshots: SnapshotSurvey, notes: NoteBook) {
        var whole = WholeListing(ledger)
        while true {
            let survey = try SnapshotSurvey(ledger, end)
            try inventory.refresh(end)
            let notes = try NoteBook(ledger)
            if try whole.isWhole(without: told(survey, notes)) { return (survey, notes) }
        }
    }

    /// Names of snapshots that something tells of but the listing, and of the next notes on what is
    /// to go.
    private func told(_ survey: SnapshotSurvey, _ notes: NoteBook) -> Set<String> {
        var told = Set(survey.committed.compactMap(\.predecessor)).union(survey.digests.keys)
        told.formUnion(notes.newest.keys)
        told.formUnion(inventory.writers)
        let next = notes.newest.filter { notes[$0.key].isForgotten && $0.value < .max }
            .map { Note.storeName($0.key, $0.value + 1) }
        return Set(told.subtracting(survey.listed).map { Manifest.storeName($0) } + next)
    }

    // MARK: Closing

    /// Steps 2 to 6 of an open collection.
    private func finish(
        _ start: CollectionStart, after previous: CollectionEnd?
    ) throws -> CollectionReport.Result {
        let fates = try sessions.decide(start)
        guard fates.undecided.isEmpty else { return .waiting(fates.undecided) }
        // All that was decided is as durable as what will be built on it.
        try ledger.synchronize()
        let end: CollectionEnd
        do { end = try conclude(start, previous, fates) } catch let error as SnapError
            where error.isFinding || error.kind == .noSpace
        {
            // Nothing is taken while something is damaged; where there is no room, the next one may
            // be asked to copy less. What another collector took meanwhile is not damaged.
            let closed = Result {
                try close(Self.withoutDeleting(start, previous, origin))?.isOurs == true
            }
            if try error.kind == .noSpace || closed.get() { throw error }
            return .nothing
        }
        guard let closed = try close(end) else { return .nothing }
        if closed.isOurs { try decided(closed.end) }
        try delete(closed.end)
        return .done(closed.end)
    }

    /// Step 4: what is live now, and a whole index of it.
    private func conclude(
        _ start: CollectionStart, _ previous: CollectionEnd?, _ fates: SessionSurvey<L>.Fates
    ) throws -> CollectionEnd {
        let (snapshots, notes) = try lookThrough(previous)
        let frozen = Set(start.forgotten)
        try snapshots.requireReadable(notes, now) {
            frozen.contains($0) && !fates.pinned.contains($0)
        }
        let now = ClockJump.trusted(snapshots.committed, now: now)
        let live = snapshots.committed.filter { manifest in
            guard frozen.contains(manifest.id), !fates.pinned.contains(manifest.id) else {
                return true
            }
            let notes = notes[manifest.id]
            return notes.isHeld(at: now)
                || !(notes.isForgotten || manifest.state == .checkpoint)
        }
        try inventory.mark(live)
        let before = inventory.segments
        let segments = try inventory.evacuate(start.condemned)
        let kept = Set(live.map(\.id))
        return CollectionEnd(
            number: start.number, origin: origin, floor: start.number,
            live: snapshots.digests.filter { kept.contains($0.key) }, segments: segments,
            packs: start.condemned,
            deletedSegments: Set(before + inventory.uncounted).subtracting(segments).sorted(),
            deletedSnapshots: (snapshots.committed.map(\.id).filter { !kept.contains($0) }
                + snapshots.uncounted + snapshots.damaged).sorted {
                    $0.lexicographicallyPrecedes($1)
                },
            deletedSessions: fates.over)
    }

    /// Step 5. The end that stands, ours or another's; nil where it is over already.
    private func close(
        _ end: CollectionEnd
    ) throws -> (end: CollectionEnd, isOurs: Bool)? {
        let isOurs = try ledger.create(.end(end)) != nil
        try ledger.synchronize()
        let state = try CollectionState(ledger)
        guard state.newest == end.number else {
            // We slept while others closed this one and opened the next.
            let isOver = (state.end?.number ?? 0) > end.number
            if isOurs, isOver { try ledger.delete(end.storeName) }
            return nil
        }
        return state.end.map { ($0, isOurs) }
    }

    /// Closes an open collection so that nothing has changed.
    private static func withoutDeleting(
        _ start: CollectionStart, _ previous: CollectionEnd?, _ origin: Origin
    ) -> CollectionEnd {
        CollectionEnd(
            number: start.number, origin: origin, floor: previous?.floor ?? 0,
            live: previous?.live ?? [:], segments: previous?.segments ?? [])
    }

    // MARK: Deleting

    /// Step 6: by anyone, any number of times.
    private func delete(_ end: CollectionEnd) throws {
        for snapshot in end.deletedSnapshots { try ledger.delete(Manifest.storeName(snapshot)) }
        let gone = Set(end.deletedSnapshots)
        if !gone.isEmpty {
            for name in try ledger.list(Note.directory) {
                guard let (snapshot, number) = Note.parse(name), gone.contains(snapshot) else {
                    continue
                }
                try ledger.delete(Note.storeName(snapshot, number))
            }
        }
        try inventory.delete(segments: end.deletedSegments)
        try inventory.delete(packs: end.packs)
        let over = Set(end.deletedSessions)
        if !over.isEmpty {
            for name in try ledger.list(SessionRecord.directory) {
                guard let (id, number) = SessionRecord.parse(name), over.contains(id) else {
                    continue
                }
                try ledger.delete(
                    number == 0 ? SessionRecord.storeName(id) : Heartbeat.storeName(id, number))
            }
        }
        for name in try ledger.list(CollectionStart.directory) {
            guard let (number, closes) = CollectionStart.parse(name), number < end.number else {
                continue
            }
            try ledger.delete(
                closes ? CollectionEnd.storeName(number) : CollectionStart.storeName(number))
        }
        try ledger.synchronize()
    }
}
