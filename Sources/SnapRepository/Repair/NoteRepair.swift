// SPDX-License-Identifier: MIT
//
// Puts notes in the place of those that are damaged or missing. What holds now is said again at the
// end before, and durable: whatever happens then, no note that is replaced decides anything.
// See snapfs-format(5), NOTES.

import SnapBase
import SnapFormat

package enum NoteRepair {
    private static let attempts = 16
    /// Notes that are missing because of one file of a wild number.
    private static let countMax = 1000

    /// Mends the notes of a snapshot; true where it is held from now on because nobody knows what
    /// one of them said. `now` in Unix seconds. Throws `.unsupported` for notes of a newer program.
    package static func run(
        _ snapshot: [UInt8], _ ledger: some Ledger, origin: Origin, now: Int64
    ) throws -> Bool {
        for _ in 0..<attempts {
            let notes = try NoteBook(ledger)[snapshot]
            guard let damage = notes.damage else { return false }
            let count = notes.lost.reduce(0) { $0 + $1.count }
            guard damage.kind == .damaged, count <= countMax else { throw damage }
            guard try restate(notes, of: snapshot, ledger, origin, now) else { continue }
            for number in notes.lost.joined() {
                let name = Note.storeName(snapshot, number)
                // A listing may have lacked it.
                do { if try ledger.readIfThere(name) != nil { continue } } catch let error
                    as SnapError where error.kind == .damaged
                { try ledger.delete(name) }
                let note = Note(
                    snapshot: snapshot, number: number, origin: origin, action: .hold(until: nil),
                    reason: "in place of a note that was damaged")
                // Whoever was faster has said something, and before what was said again.
                _ = try ledger.create(.note(note))
            }
            try ledger.synchronize()
            return notes.isUnclear
        }
        throw SnapError(.busy, "the notes of a snapshot change all the time; try again")
    }

    /// Says at the end what holds; false where somebody said something meanwhile.
    private static func restate(
        _ notes: SnapshotNotes, of snapshot: [UInt8], _ ledger: some Ledger, _ origin: Origin,
        _ now: Int64
    ) throws -> Bool {
        var actions: [Note.Action] = [notes.isForgotten ? .forget : .unforget]
        if notes.isUnclear {
            // First, as the one that must not be lost.
            actions.insert(.hold(until: nil), at: 0)
        } else if let hold = notes.hold, notes.isHeld(at: now) {
            var until: Int64?
            if case .until(let end) = hold { until = end }
            actions.insert(.hold(until: until), at: 0)
        } else {
            actions.insert(.release, at: 0)
        }
        if let tags = notes.tags { actions.append(.tags(tags)) }
        var newest = notes.newest
        for action in actions {
            let note = Note(
                snapshot: snapshot, number: newest + 1, origin: origin, action: action,
                reason: "said again: a note before is damaged")
            guard newest < UInt32.max - 1, try ledger.create(.note(note)) != nil else {
                return false
            }
            newest += 1
        }
        try ledger.synchronize()
        return true
    }
}
