// SPDX-License-Identifier: MIT

import SnapFormat
import SnapRepository

/// What is said of a snapshot at the source and not yet of its copy: tags and holds. The later word
/// wins, so what is said at the destination stays until something new is said at the source; but a
/// hold that was placed there is neither released nor shortened. A copy
/// of a note keeps its time and who wrote it. What is forgotten is each side's own.
struct NoteCopy {
    /// In order; empty where nothing is new.
    let notes: [Note]

    /// `tags` are those that the original has now, and the copy.
    init(
        from original: SnapshotNotes, tags: [String], to copy: SnapshotNotes, copyTags: [String]
    ) {
        var notes: [Note] = []
        if tags != copyTags, let note = Self.newer(original, copy, Self.isTags) {
            notes.append(note)
        }
        if original.hold != copy.hold, Self.mayTake(original, copy),
            let note = Self.newer(original, copy, Self.isHold)
        {
            notes.append(note)
        }
        // Where notes are damaged, nobody knows what they say.
        self.notes = original.damage == nil && copy.damage == nil ? notes : []
    }

    private static func isTags(_ action: Note.Action) -> Bool {
        if case .tags = action { true } else { false }
    }

    private static func isHold(_ action: Note.Action) -> Bool {
        switch action {
        case .hold, .release: true
        default: false
        }
    }

    /// No word of the source shortens a hold that was placed at the destination, whatever the
    /// clocks say: only one that came from the source.
    private static func mayTake(_ original: SnapshotNotes, _ copy: SnapshotNotes) -> Bool {
        if end(original.hold) >= end(copy.hold) { return true }
        guard let there = copy.notes.last(where: { isHold($0.action) }) else { return true }
        return original.notes.contains {
            $0.origin == there.origin && $0.action == there.action
        }
    }

    private static func end(_ hold: SnapshotNotes.Hold?) -> Int64 {
        switch hold {
        case nil: .min
        case .until(let end): end
        case .forEver: .max
        }
    }

    /// The original's last note of a kind, unless the copy's is later.
    private static func newer(
        _ original: SnapshotNotes, _ copy: SnapshotNotes, _ kind: (Note.Action) -> Bool
    ) -> Note? {
        guard let last = original.notes.last(where: { kind($0.action) }) else { return nil }
        let there = copy.notes.last { kind($0.action) }
        return there.map { $0.origin.time > last.origin.time } ?? false ? nil : last
    }

    /// Says it of the copy; durable on return.
    func write(to copy: [UInt8], _ ledger: some Ledger) throws {
        for note in notes {
            try NoteBook.add(
                note.action, to: [copy], origin: note.origin, reason: note.reason, ledger: ledger)
        }
    }
}
