// SPDX-License-Identifier: MIT
//
// What one path is in each of many snapshots. Snapshots never change, so what is known of one stays
// right, and a new snapshot only adds to it.

import SnapBase
import SnapFormat

/// A snapshot among others.
package struct NumberedView: Sendable {
    /// Its own for as long as the views are used together.
    package let number: Int
    package let view: SnapshotView
    /// Which of the hosts and of the series of the list it belongs to.
    let host: Int
    let series: Int

    /// A list of views with their numbers.
    package static func list(_ views: [(number: Int, view: SnapshotView)]) -> [NumberedView] {
        var hosts: [String: Int] = [:]
        var series: [Manifest.Series: Int] = [:]
        return views.map { number, view in
            let manifest = view.manifest
            let host = hosts[manifest.host] ?? hosts.count
            let kind = series[manifest.series] ?? series.count
            hosts[manifest.host] = host
            series[manifest.series] = kind
            return NumberedView(number: number, view: view, host: host, series: kind)
        }
    }
}

/// An entry that snapshots share.
package final class PathVersion: Sendable {
    package let entry: Entry

    init(entry: Entry) { self.entry = entry }

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
    /// The version that was added last.
    private(set) var newest: PathVersion?
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
    mutating func keep(_ version: PathVersion) {
        memory += version.memory
        newest = version
    }

    /// Without the failures: what is tried again.
    var withoutFailures: PathTrace {
        var trace = self
        trace.failures = [:]
        return trace
    }
}
