// SPDX-License-Identifier: MIT
//
// The versions of one path, told from what it is in each snapshot. A version begins where a host
// has something else at the path than it had before, and is gone when a series of snapshots that
// had it has it no more: that a backup of other paths does not hold it says nothing. So a file that
// two jobs of one host keep has its versions once, and one that returns begins a new version.

import SnapFormat

/// A change of one path on one host, and the snapshots that show the path as it left it.
package struct PathChange: Sendable {
    package let kind: TreeChange.Kind
    /// What it became; nil where it was removed.
    package let state: PathState?
    /// The first and the last snapshot that show it so, as indices of those that were given.
    package let first: Int
    package fileprivate(set) var last: Int
    /// How many show it so.
    package fileprivate(set) var count = 1

    /// Whether it began a version of something that is no directory.
    package var isVersion: Bool { state.map { !$0.version.isDirectory } ?? false }
}

extension PathTrace {
    /// The path on one host, while the snapshots are read in their order.
    private struct Host {
        /// Index of the change that made it what it is.
        var change: Int?
        /// The series whose newest snapshot has it.
        var series: Set<Int> = []
    }

    /// The changes of the path, oldest first. `snapshots` are in their order.
    package func changes(in snapshots: [NumberedView]) -> [PathChange] {
        var changes: [PathChange] = []
        var hosts: [Host] = []
        for (index, snapshot) in snapshots.enumerated() where isKnown(snapshot.number) {
            while hosts.count <= snapshot.host { hosts.append(Host()) }
            let known = hosts[snapshot.host].change
            guard let state = self[snapshot.number] else {
                let had = hosts[snapshot.host].series.remove(snapshot.series) != nil
                if !had || known == nil { continue }
                hosts[snapshot.host].change = nil
                changes.append(PathChange(kind: .removed, state: nil, first: index, last: index))
                continue
            }
            hosts[snapshot.host].series.insert(snapshot.series)
            var kind = TreeChange.Kind.added
            if let known, let before = changes[known].state {
                guard let change = Self.kind(before.version, state.version) else {
                    changes[known].last = index
                    changes[known].count += 1
                    continue
                }
                kind = change
            }
            hosts[snapshot.host].change = changes.count
            changes.append(PathChange(kind: kind, state: state, first: index, last: index))
        }
        return changes
    }

    private static func kind(_ old: PathVersion, _ new: PathVersion) -> TreeChange.Kind? {
        old === new ? nil : TreeChange.Kind(from: old.entry, to: new.entry)
    }
}
