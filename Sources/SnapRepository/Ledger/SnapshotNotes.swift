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
    /// Why the notes are not all known: nothing may be taken away for what the others say.
    package private(set) var damage: SnapError?
    /// The highest number there is.
    package private(set) var newest: UInt32 = 0

    package init() {}

    mutating func add(_ note: Note) {
        if note.number != newest + 1 {
            damage = damage ?? SnapError(.damaged, "\(note.storeName): the one before is missing")
        }
        newest = note.number
        notes.append(note)
        switch note.action {
        case .forget: isForgotten = true
        case .unforget: isForgotten = isErased
        case .erase: (isForgotten, isErased) = (true, true)
        case .hold(let until): hold = until.map { .until($0) } ?? .forEver
        case .release: hold = nil
        case .tags(let tags): self.tags = tags
        }
        if damage != nil { isForgotten = false }
    }

    mutating func addDamaged(_ number: UInt32, _ error: SnapError) {
        newest = number
        damage = damage ?? error
        isForgotten = false
    }

    /// Whether a hold keeps the snapshot at a time in Unix seconds.
    package func isHeld(at time: Int64) -> Bool {
        if isErased { return false }
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
            notes.damage.map { (Note.storeName(snapshot, notes.newest), $0) }
        }.sorted { $0.name < $1.name }
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
        let state = try CollectionState(ledger)
        guard case .committed(let manifest, let digest)? = try ledger.decision(snapshot),
            state.mayRead(manifest, digest)
        else {
            throw SnapError(
                .notFound, "snapshot \(Hex.encode(snapshot.prefix(4))) has been collected")
        }
    }
}
