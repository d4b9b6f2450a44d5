// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// A snapshot that a walk compares with. Damage in it is no failure of the backup: it is noted,
/// and what it hides counts as not there. Not thread-safe.
final class Predecessor {
    fileprivate let view: SnapshotView
    private var damage: SnapError?
    private var wasTaken = false

    init(_ view: SnapshotView) { self.view = view }

    fileprivate var root: PredecessorLayer { PredecessorLayer(self, view.root) }

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

/// A directory as the predecessors have it, those asked first that come first: a checkpoint has
/// only what its run had reached, and what it lacks is looked for in the next. Not thread-safe.
final class PredecessorDirectory {
    private let layers: [PredecessorLayer]

    private init?(_ layers: [PredecessorLayer]) {
        if layers.isEmpty { return nil }
        self.layers = layers
    }

    /// The root of all; nil without predecessors.
    convenience init?(roots predecessors: [Predecessor]) { self.init(predecessors.map(\.root)) }

    /// The entry of this name in the first that has it.
    func entry(_ name: [UInt8]) throws -> PredecessorEntry? {
        for layer in layers {
            if let place = try layer.place(name) { return PredecessorEntry(layer, place) }
        }
        return nil
    }

    /// The directory of this name; nil where none has one.
    func below(_ name: [UInt8]) throws -> PredecessorDirectory? {
        PredecessorDirectory(try layers.compactMap { try $0.below(name) })
    }
}

/// An entry of a predecessor. Not thread-safe.
struct PredecessorEntry {
    private let layer: PredecessorLayer
    private let place: Place

    fileprivate init(_ layer: PredecessorLayer, _ place: Place) {
        self.layer = layer
        self.place = place
    }

    var attributes: Attributes { place.attributes }
    /// When the predecessor began to read.
    var startTime: Timestamp { layer.view.manifest.startTime }

    func entry() throws -> Entry? {
        try layer.predecessor.find { try layer.view.entry(place) }
    }

    /// Whether all content of `entry` can be built upon.
    func isStored(_ entry: Entry) throws -> Bool {
        try layer.predecessor.find { try layer.view.isStored(entry) } ?? false
    }

    /// The extended attributes, in their encoded form.
    func xattrRun() throws -> [UInt8]? {
        try layer.predecessor.find { try layer.view.xattrRun(of: try layer.view.entry(place)) }
    }
}

/// A directory of one predecessor. Not thread-safe.
private final class PredecessorLayer {
    let predecessor: Predecessor
    private let directory: Place
    /// What was found last.
    private var last: Place?
    /// Damage seldom hides one name alone, and each further try would read it again.
    private var isHidden = false

    var view: SnapshotView { predecessor.view }

    init(_ predecessor: Predecessor, _ place: Place) {
        self.predecessor = predecessor
        directory = place
    }

    func place(_ name: [UInt8]) throws -> Place? {
        if let last, last.hasName(name) { return last }
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

    /// The directory of this name; nil for anything else.
    func below(_ name: [UInt8]) throws -> PredecessorLayer? {
        guard let place = try place(name), place.attributes.isDirectory else { return nil }
        return PredecessorLayer(predecessor, place)
    }
}
