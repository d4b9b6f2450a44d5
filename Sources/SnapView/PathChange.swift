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
        var series: Set<Manifest.Series> = []
    }

    /// The changes of the path, oldest first. `snapshots` are in their order.
    package func changes(in snapshots: [NumberedView]) -> [PathChange] {
        var changes: [PathChange] = []
        var hosts: [String: Host] = [:]
        for (index, snapshot) in snapshots.enumerated() where isKnown(snapshot.number) {
            let manifest = snapshot.view.manifest
            var host = hosts[manifest.host] ?? Host()
            defer { hosts[manifest.host] = host }
            guard let state = self[snapshot.number] else {
                guard host.series.remove(manifest.series) != nil, host.change != nil else {
                    continue
                }
                host.change = nil
                changes.append(PathChange(kind: .removed, state: nil, first: index, last: index))
                continue
            }
            host.series.insert(manifest.series)
            if let change = host.change, let before = changes[change].state {
                guard let kind = Self.kind(before.version, state.version) else {
                    changes[change].last = index
                    changes[change].count += 1
                    continue
                }
                changes.append(PathChange(kind: kind, state: state, first: index, last: index))
            } else {
                changes.append(PathChange(kind: .added, state: state, first: index, last: index))
            }
            host.change = changes.count - 1
        }
        return changes
    }

    private static func kind(_ old: PathVersion, _ new: PathVersion) -> TreeChange.Kind? {
        old === new ? nil : TreeChange.Kind(from: old.entry, to: new.entry)
    }
}
