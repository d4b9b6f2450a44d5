// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapView

/// Finds what was erased from one of two snapshots of the same backup, in two repositories, and not
/// from the other. Used by one thread.
struct ErasureComparison {
    /// Two directories of one place, by their ids in the two repositories.
    private struct Pair: Hashable {
        let mine, others: ObjectID

        init?(_ mine: Entry, _ others: Entry) {
            guard case .directory(let a) = mine.content, case .directory(let b) = others.content
            else { return nil }
            (self.mine, self.others) = (a, b)
        }
    }

    /// Two directories that are being compared.
    private struct Frame {
        var mine: DirectoryCursor
        var others: DirectoryCursor
    }

    /// In which, and below which, the other one has all names. Snapshots share most directories.
    private var whole: Set<Pair> = []

    /// Whether there is a path that the other one has not.
    mutating func has(_ mine: SnapshotView, moreThan others: SnapshotView) throws -> Bool {
        var seen: Set<Pair> = []
        var stack = [
            Frame(
                mine: DirectoryCursor(mine, mine.root),
                others: DirectoryCursor(others, others.root))
        ]
        while !stack.isEmpty {
            guard let place = try stack[stack.count - 1].mine.peek() else {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].mine.advance()
            guard let match = try Self.find(place.name, &stack[stack.count - 1].others) else {
                return true
            }
            guard let pair = Pair(try mine.entry(place), try others.entry(match)),
                !whole.contains(pair), seen.insert(pair).inserted
            else { continue }
            stack.append(
                Frame(mine: DirectoryCursor(mine, place), others: DirectoryCursor(others, match)))
        }
        whole.formUnion(seen)
        return false
    }

    /// The entry of a name, which is not before those that were asked for.
    private static func find(
        _ name: [UInt8], _ directory: inout DirectoryCursor
    ) throws -> Place? {
        while let place = try directory.peek() {
            if place.hasName(name) { return place }
            if name.lexicographicallyPrecedes(place.name) { return nil }
            directory.advance()
        }
        return nil
    }
}
