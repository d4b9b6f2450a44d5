// SPDX-License-Identifier: MIT
//
// What one path is in each of many snapshots. Snapshots never change, so what is known of one stays
// right, and a new snapshot only adds to it.

import SnapBase
import SnapFormat

/// A snapshot among others. Its number is its own for as long as the views are used together.
package struct NumberedView: Sendable {
    package let number: Int
    package let view: SnapshotView

    package init(number: Int, view: SnapshotView) {
        self.number = number
        self.view = view
    }
}

/// An entry that snapshots with the same directory around it share.
package final class PathVersion: Sendable {
    package let entry: Entry
    /// Whether it has extended attributes or a link target.
    package let hasExtension: Bool

    init(entry: Entry, hasExtension: Bool) {
        self.entry = entry
        self.hasExtension = hasExtension
    }

    package var isDirectory: Bool { entry.attributes.isDirectory }

    /// Bytes of memory that it takes, about.
    var memory: Int {
        let content =
            switch entry.content {
            case .inline(let bytes): bytes.count
            case .extents(let extents): extents.count * Extent.size
            default: 0
            }
        let run = if case .inline(let bytes) = entry.xattrs { bytes.count } else { 0 }
        return 400 + entry.name.count + entry.target.count + content + run
    }
}

/// What a path is in one snapshot.
package struct PathState: Sendable {
    package let version: PathVersion
    package let rank: UInt64
}

/// What one path is in each snapshot that was looked at.
package struct PathTrace: Sendable {
    private struct Step: Sendable {
        var isKnown = false
        /// nil where the snapshot has no such path.
        var version: PathVersion?
        var rank: UInt64 = 0
    }

    private var steps: [Step] = []
    /// Snapshots that could not be read, with the reason. Nothing is known of the path in them.
    package private(set) var failures: [Int: SnapError] = [:]
    /// Bytes of memory that it takes, about.
    private(set) var memory = 128

    /// The path in the snapshot of a number; nil where it is absent or not known.
    package subscript(number: Int) -> PathState? {
        guard number < steps.count, let version = steps[number].version else { return nil }
        return PathState(version: version, rank: steps[number].rank)
    }

    package func isKnown(_ number: Int) -> Bool {
        number < steps.count && steps[number].isKnown
    }

    mutating func set(_ number: Int, _ state: PathState?) {
        if number >= steps.count {
            memory += (number + 1 - steps.count) * MemoryLayout<Step>.stride
            steps += Array(repeating: Step(), count: number + 1 - steps.count)
        }
        steps[number] = Step(isKnown: true, version: state?.version, rank: state?.rank ?? 0)
    }

    mutating func fail(_ number: Int, _ error: SnapError) { failures[number] = error }

    /// Accounts for a version that only this trace keeps.
    mutating func keeps(_ version: PathVersion) { memory += version.memory }

    /// Without the failures: what is tried again.
    var withoutFailures: PathTrace {
        var trace = self
        trace.failures = [:]
        return trace
    }
}
