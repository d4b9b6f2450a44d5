// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// The snapshot that a walk compares with. Damage in it is no failure of the backup: it is noted,
/// and what it hides counts as not there. Not thread-safe.
final class Predecessor {
    fileprivate let view: SnapshotView
    private var damage: SnapError?
    private var wasTaken = false

    init(_ view: SnapshotView) { self.view = view }

    var root: PredecessorDirectory { PredecessorDirectory(self, view.root) }

    /// The first damage that was met; given out once.
    func takeDamage() -> SnapError? {
        guard !wasTaken, let damage else { return nil }
        wasTaken = true
        return damage
    }

    /// What body finds; nil where damage hides it.
    fileprivate func find<R>(_ body: () throws -> R) throws -> R? {
        do { return try body() } catch let error as SnapError where error.isFinding {
            damage = damage ?? error
            return nil
        }
    }
}

/// A directory of the predecessor. Not thread-safe.
final class PredecessorDirectory {
    private let predecessor: Predecessor
    private let directory: Place
    /// What was found last.
    private var last: Place?
    /// Damage seldom hides one name alone, and each further try would read it again.
    private var isHidden = false

    private var view: SnapshotView { predecessor.view }
    /// When the predecessor began to read.
    var startTime: Timestamp { view.manifest.startTime }

    init(_ predecessor: Predecessor, _ place: Place) {
        self.predecessor = predecessor
        directory = place
    }

    func place(_ name: [UInt8]) throws -> Place? {
        // Names are asked for in order, so this is nearly always the one behind the last.
        if let next = last?.next, next.hasName(name) {
            last = next
            return next
        }
        guard !isHidden else { return nil }
        guard let answer = try predecessor.find({ try view.lookup(name, in: directory) }) else {
            isHidden = true
            return nil
        }
        if let answer { last = answer }
        return answer
    }

    /// The directory at a place of this one; nil for anything else.
    func below(_ place: Place) -> PredecessorDirectory? {
        place.attributes.isDirectory ? PredecessorDirectory(predecessor, place) : nil
    }

    func below(_ name: [UInt8]) throws -> PredecessorDirectory? { try place(name).flatMap(below) }

    func entry(_ place: Place) throws -> Entry? {
        try predecessor.find { try view.entry(place) }
    }

    /// Whether all content of a file can be built upon.
    func isStored(_ entry: Entry) throws -> Bool {
        try predecessor.find { try view.isStored(entry) } ?? false
    }

    /// The extended attributes at a place, in their encoded form.
    func xattrRun(_ place: Place) throws -> [UInt8]? {
        try predecessor.find { try view.xattrRun(of: try view.entry(place)) }
    }
}
