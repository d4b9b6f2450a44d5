// SPDX-License-Identifier: MIT
//
// Finds what a path is in each of many snapshots, name by name from the roots. Most snapshots share
// most directories: each different directory is asked once for the next name, whatever the number
// of snapshots that hold it, and no content is read.

import SnapBase
import SnapFormat

/// Thread-safe. Keeps traces of the paths asked for last; all its callers use the same numbers for
/// the same snapshots.
package final class PathHistory: Sendable {
    private let traces: LRUCache<[UInt8], PathTrace>

    /// `memory` bounds the bytes of the traces that are kept.
    package init(memory: Int = 16 << 20) { traces = LRUCache(costMax: memory) }

    /// What the path of these names is in each of the snapshots. A snapshot that cannot be read is
    /// among the failures of the trace, and tried again the next time. `check` is called now and
    /// then; what it throws ends the work.
    package func trace(
        _ components: [[UInt8]], in snapshots: [NumberedView], check: () throws -> Void = {}
    ) throws -> PathTrace {
        var (depth, trace) = nearest(components, snapshots)
        while depth < components.count {
            depth += 1
            let key = absolutePath(Array(components[..<depth]))
            trace = try extend(
                traces.value(key) ?? PathTrace(), below: trace, components[depth - 1], snapshots,
                check)
            traces.insert(key, trace.withoutFailures, cost: trace.memory + key.count)
        }
        return trace
    }

    /// The longest part of a path whose trace is kept for all of the snapshots; else the root's.
    private func nearest(
        _ components: [[UInt8]], _ snapshots: [NumberedView]
    ) -> (depth: Int, trace: PathTrace) {
        for depth in stride(from: components.count, through: 1, by: -1) {
            let key = absolutePath(Array(components[..<depth]))
            if let trace = traces.value(key), snapshots.allSatisfy({ trace.isKnown($0.number) }) {
                return (depth, trace)
            }
        }
        var trace = PathTrace()
        for snapshot in snapshots {
            let version = PathVersion(entry: snapshot.view.manifest.root, hasExtension: true)
            trace.set(snapshot.number, PathState(version: version, rank: 0))
        }
        return (0, trace)
    }

    /// The answer of one directory: an entry with its rank behind that of the directory.
    private typealias Answer = (version: PathVersion, offset: UInt64)?

    /// Fills in what `known` does not tell of the name in the directory that `parent` traces.
    private func extend(
        _ known: PathTrace, below parent: PathTrace, _ name: [UInt8],
        _ snapshots: [NumberedView], _ check: () throws -> Void
    ) throws -> PathTrace {
        var trace = known
        var answers: [ObjectID: Answer] = [:]
        for snapshot in snapshots where !trace.isKnown(snapshot.number) {
            try check()
            let number = snapshot.number
            if let error = parent.failures[number] {
                trace.fail(number, error)
                continue
            }
            guard let state = parent[number], case .directory(let id) = state.version.entry.content
            else {
                trace.set(number, nil)
                continue
            }
            do {
                let answer: Answer
                if let known = answers[id] { answer = known } else {
                    answer = try ask(snapshot.view, id, state.version.entry, name)
                    answers[id] = .some(answer)
                    if let answer { trace.keeps(answer.version) }
                }
                trace.set(
                    number,
                    answer.map { PathState(version: $0.version, rank: state.rank + $0.offset) })
            } catch { trace.fail(number, SnapError.wrap(error)) }
        }
        return trace
    }

    private func ask(
        _ view: SnapshotView, _ id: ObjectID, _ directory: Entry, _ name: [UInt8]
    ) throws -> Answer {
        let node = try view.firstNode(id, of: directory.attributes)
        guard let place = try name.withUnsafeBytes({ try view.lookup($0, under: node, start: 1) })
        else { return nil }
        return (
            PathVersion(
                entry: try view.entry(place),
                hasExtension: place.leaf.hasExtension(at: place.index)),
            place.rank
        )
    }
}
