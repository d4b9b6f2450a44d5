// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What notes say of one snapshot. See snapfs-format(5), NOTES.
package struct SnapshotNotes: Sendable {
    package enum Hold: Sendable, Equatable {
        case forEver
        /// Unix seconds.
        case until(Int64)
    }

    package private(set) var isForgotten = false
    /// Nothing brings it back, and no hold keeps it.
    package private(set) var isErased = false
    package private(set) var hold: Hold?
    /// Instead of those of the manifest.
    package private(set) var tags: [String]?
    /// Every note, in order.
    package private(set) var notes: [Note] = []
    /// Why the notes are not all known.
    package private(set) var damage: SnapError?
    /// The numbers of those that are not.
    package private(set) var lost: [ClosedRange<UInt32>] = []
    /// Whether one that is not known may hold the snapshot: none after it ends that.
    package private(set) var isUnclear = false
    /// The highest number there is.
    package private(set) var newest: UInt32 = 0

    package init() {}

    mutating func add(_ note: Note) {
        if note.number > newest + 1 {
            let missing = Note.storeName(note.snapshot, note.number - 1)
            let error = SnapError(.damaged, "\(missing) is missing, and a later one is there")
            lose(newest + 1...note.number - 1, error)
        }
        newest = note.number
        notes.append(note)
        switch note.action {
        // Whoever may be held stays, and what was said meanwhile does not count later on.
        case .forget: isForgotten = isErased || !isUnclear
        case .unforget: isForgotten = isErased
        case .erase: (isForgotten, isErased) = (true, true)
        case .hold(let until): hold = until.map { .until($0) } ?? .forEver
        case .release: (hold, isUnclear) = (nil, false)
        case .tags(let tags): self.tags = tags
        }
    }

    mutating func addDamaged(_ number: UInt32, _ error: SnapError) {
        lose(newest + 1...number, error)
        newest = number
    }

    /// What is not known may have brought the snapshot back, and placed a hold.
    private mutating func lose(_ numbers: ClosedRange<UInt32>, _ error: SnapError) {
        damage = damage ?? error
        lost.append(numbers)
        (isForgotten, isUnclear) = (isErased, true)
    }

    /// Whether a hold keeps the snapshot at a time in Unix seconds, be it one that is not known.
    package func isHeld(at time: Int64) -> Bool {
        if isErased { return false }
        return isUnclear || hasHold(at: time)
    }

    /// Whether a hold that can be read does.
    package func hasHold(at time: Int64) -> Bool {
        return switch hold {
        case nil: false
        case .forEver: true
        case .until(let end): time < end
        }
    }
}

/// The notes of all snapshots.
package struct NoteBook: Sendable {
    private var snapshots: [[UInt8]: SnapshotNotes] = [:]

    /// Nothing is said of any snapshot.
    package init() {}

    /// Lists and reads them, but for those that `known` has; one that is damaged is kept as such.
    package init(_ ledger: some Ledger, known: NoteBook = .init()) throws {
        var found: [[UInt8]: [UInt32]] = [:]
        for (snapshot, number) in try ledger.list(Note.directory).compactMap(Note.parse) {
            found[snapshot, default: []].append(number)
        }
        for (snapshot, numbers) in found.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let before = known[snapshot]
            snapshots[snapshot] =
                before.damage == nil && before.newest == numbers.max()
                ? before : try Self.read(ledger, snapshot, numbers.sorted())
        }
    }

    private static func read(
        _ ledger: some Ledger, _ snapshot: [UInt8], _ numbers: [UInt32]
    ) throws -> SnapshotNotes? {
        var notes = SnapshotNotes()
        for number in numbers {
            do {
                guard case .note(let note) = try ledger.read(Note.storeName(snapshot, number)).file
                else { preconditionFailure("decoding lets no other kind stand there") }
                notes.add(note)
            } catch let error as SnapError {
                switch error.kind {
                // A collection takes the notes of what it took, one after the other.
                case .notFound: return nil
                case .damaged, .unsupported: notes.addDamaged(number, error)
                default: throw error
                }
            }
        }
        return notes
    }

    /// The notes that cannot be read or follow none, by name.
    package var damaged: [(name: String, error: SnapError)] {
        snapshots.compactMap { snapshot, notes in
            notes.damage.map { (Note.storeName(snapshot, notes.lost[0].upperBound), $0) }
        }.sorted { $0.name < $1.name }
    }

    /// The snapshots whose notes are not all known, in order.
    package var unsound: [[UInt8]] {
        snapshots.filter { $0.value.damage != nil }.map(\.key)
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The number of the newest note of each snapshot.
    var newest: [[UInt8]: UInt32] { snapshots.mapValues(\.newest) }

    package subscript(snapshot: [UInt8]) -> SnapshotNotes { snapshots[snapshot] ?? .init() }

    /// Says something of snapshots, after all that was said of them before; durable on return.
    package static func add(
        _ action: Note.Action, to snapshots: [[UInt8]], origin: Origin, reason: String? = nil,
        ledger: some Ledger
    ) throws {
        var newest: [[UInt8]: UInt32] = [:]
        for (snapshot, number) in try ledger.list(Note.directory).compactMap(Note.parse) {
            newest[snapshot] = max(newest[snapshot] ?? 0, number)
        }
        for snapshot in snapshots {
            var note = Note(
                snapshot: snapshot, number: newest[snapshot] ?? 0, origin: origin,
                action: action, reason: reason)
            repeat {
                guard note.number < UInt32.max else {
                    throw SnapError(.unsupported, "snapshot \(Hex.encode(snapshot)) has 2^32 notes")
                }
                note.number += 1
            } while try ledger.create(.note(note)) == nil
        }
        try ledger.synchronize()
    }

    /// Says something of a snapshot provided that nothing was said since its notes were read; false
    /// where there is a newer one.
    package static func add(
        _ action: Note.Action, to snapshot: [UInt8], after notes: SnapshotNotes, origin: Origin,
        ledger: some Ledger
    ) throws -> Bool {
        guard notes.newest < UInt32.max else {
            throw SnapError(.unsupported, "snapshot \(Hex.encode(snapshot)) has 2^32 notes")
        }
        let note = Note(
            snapshot: snapshot, number: notes.newest + 1, origin: origin, action: action)
        guard try ledger.create(.note(note)) != nil else { return false }
        try ledger.synchronize()
        return true
    }

    /// Takes back that a snapshot is forgotten. Throws `.notFound` where a collection was faster.
    package static func unforget(
        _ snapshot: [UInt8], origin: Origin, ledger: some Ledger
    ) throws {
        try add(.unforget, to: [snapshot], origin: origin, ledger: ledger)
        try requireKept(snapshot, ledger)
    }

    /// Throws `.notFound` where a collection was faster than the note that was to keep a snapshot.
    package static func requireKept(_ snapshot: [UInt8], _ ledger: some Ledger) throws {
        let state = try CollectionState(ledger)
        guard case .committed(let manifest, let digest)? = try ledger.decision(snapshot),
            state.mayRead(manifest, digest)
        else {
            throw SnapError(
                .notFound, "snapshot \(Hex.encode(snapshot.prefix(4))) has been collected")
        }
    }
}
