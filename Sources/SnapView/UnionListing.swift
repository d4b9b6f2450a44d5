// SPDX-License-Identifier: MIT
//
// The names of a directory in all snapshots together, in windows of a bounded number of names: the
// directories are read one after the other, a leaf that several share once, so that neither their
// number nor their size decides the memory.

import SnapBase
import SnapFormat

/// A name of a directory, whatever it was in whichever snapshot.
package struct UnionEntry: Sendable {
    package let name: [UInt8]
    /// The number of the first snapshot that has it, and its rank there.
    package let snapshot: Int
    package let rank: UInt64
    /// Of the directories of this name.
    package fileprivate(set) var access = SharedAccess()
}

/// Names behind one another, without a gap.
package struct UnionWindow: Sendable {
    /// The name before the first one; empty at the beginning.
    package let after: [UInt8]
    package fileprivate(set) var entries: [UnionEntry] = []
    /// Whether no names follow.
    package fileprivate(set) var isLast = true

    /// Those behind a name; nil where the window does not tell.
    package func entries(behind name: [UInt8]) -> ArraySlice<UnionEntry>? {
        guard !name.lexicographicallyPrecedes(after) else { return nil }
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if name.lexicographicallyPrecedes(entries[middle].name) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low == entries.count && !isLast ? nil : entries[low...]
    }

    /// Bytes of memory that it takes, about.
    package var memory: Int { entries.reduce(200) { $0 + $1.name.count + 120 } }
}

extension PathTrace {
    package static let windowNames = 512

    /// The first names behind `name` in the directories that the path was, at most `limit`. A
    /// snapshot where it is not known adds none.
    package func window(
        in snapshots: [NumberedView], behind name: [UInt8], limit: Int = windowNames
    ) throws -> UnionWindow {
        var merge = UnionMerge(after: name, limit: limit)
        var seen: Set<ObjectID> = []
        for snapshot in snapshots {
            guard let state = self[snapshot.number], state.version.isDirectory,
                case .directory(let id) = state.version.entry.content, seen.insert(id).inserted
            else { continue }
            merge.begin(snapshot)
            try snapshot.view.forEachLeaf(state.version.entry, behind: name) {
                leaf, first, rank, id in
                if !merge.leaves.insert(id).inserted { return true }
                return try merge.add(leaf, from: first, rank: state.rank + rank)
            }
        }
        return merge.window
    }
}

/// Collects the smallest names of several directories.
private struct UnionMerge {
    private(set) var window: UnionWindow
    /// Those that are in already.
    var leaves: Set<ObjectID> = []
    private let limit: Int
    private var snapshot: NumberedView?
    /// Where the next name of the directory is looked for.
    private var position = 0

    init(after name: [UInt8], limit: Int) {
        window = UnionWindow(after: name)
        self.limit = limit
    }

    /// What is added from now on is one directory of a snapshot.
    mutating func begin(_ snapshot: NumberedView) {
        self.snapshot = snapshot
        position = 0
    }

    /// Adds the entries of a leaf; false when all that follows is behind the window.
    mutating func add(_ leaf: DirectoryNode, from first: Int, rank: UInt64) throws -> Bool {
        guard let snapshot else { return false }
        for index in first..<leaf.count {
            let isThere = leaf.withName(at: index) { find($0) }
            if !isThere {
                if position == limit {
                    window.isLast = false
                    return false
                }
                insert(
                    UnionEntry(
                        name: leaf.name(at: index), snapshot: snapshot.number,
                        rank: rank + leaf.rank(at: index)))
            }
            let attributes = leaf.attributes(at: index)
            if attributes.isDirectory {
                let place = Place(leaf: leaf, index: index, rank: rank + leaf.rank(at: index))
                window.entries[position].access.add(
                    attributes, hasList: SharedAccess.hasList(try snapshot.view.xattrs(place)))
            }
            position += 1
        }
        return true
    }

    /// Moves to a name, or to where it would be; whether it is there.
    private mutating func find(_ name: UnsafeRawBufferPointer) -> Bool {
        while position < window.entries.count {
            let order = window.entries[position].name.withUnsafeBytes { compareNames($0, name) }
            if order >= 0 { return order == 0 }
            position += 1
        }
        return false
    }

    private mutating func insert(_ entry: UnionEntry) {
        window.entries.insert(entry, at: position)
        if window.entries.count > limit {
            window.entries.removeLast()
            window.isLast = false
        }
    }
}
