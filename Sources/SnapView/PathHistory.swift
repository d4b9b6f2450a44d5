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
    /// among the failures of the trace, and tried again the next time. Of the names `ahead`, which
    /// are in the directory of the path, the traces are made with it: who asks for one after the
    /// other has each directory read once for all of them. `check` is called now and then; what it
    /// throws ends the work.
    package func trace(
        _ components: [[UInt8]], in snapshots: [NumberedView], ahead: [[UInt8]] = [],
        check: () throws -> Void = {}
    ) throws -> PathTrace {
        var (depth, trace) = nearest(components, snapshots)
        while depth < components.count {
            depth += 1
            let directory = components[..<(depth - 1)]
            let names =
                [components[depth - 1]]
                + (depth == components.count ? ahead.filter { !isKnown(directory + [$0]) } : [])
            let keys = names.map { absolutePath(directory + [$0]) }
            var step = PathStep(
                names: names, known: keys.map { traces.value($0) ?? PathTrace() })
            // To and fro: what was read last, and is in the caches, is asked first.
            let order = depth.isMultiple(of: 2) ? snapshots.reversed() : snapshots
            try step.fill(below: trace, order, check)
            for (key, made) in zip(keys, step.traces) {
                traces.insert(key, made.withoutFailures, cost: made.memory + key.count)
            }
            trace = step.traces[0]
        }
        return trace
    }

    /// Whether a trace of the path is kept.
    package func isKnown(_ components: some Collection<[UInt8]>) -> Bool {
        traces.isPresent(absolutePath(components))
    }

    /// The longest part of a path whose trace is kept for all of the snapshots; else the root's.
    private func nearest(
        _ components: [[UInt8]], _ snapshots: [NumberedView]
    ) -> (depth: Int, trace: PathTrace) {
        for depth in stride(from: components.count, through: 1, by: -1) {
            let key = absolutePath(components[..<depth])
            if let trace = traces.value(key), snapshots.allSatisfy({ trace.isKnown($0.number) }) {
                return (depth, trace)
            }
        }
        var trace = PathTrace()
        for snapshot in snapshots {
            let version = PathVersion(entry: snapshot.view.manifest.root)
            trace.set(snapshot.number, PathState(version: version, rank: 0))
        }
        return (0, trace)
    }
}

/// The way from a directory to some of its names, in all snapshots. Used by one thread, once.
private struct PathStep {
    /// The answer of one directory: an entry with its rank behind that of the directory.
    private typealias Answer = (version: PathVersion, offset: UInt64)?

    private let names: [[UInt8]]
    private(set) var traces: [PathTrace]
    /// By directory, then by name.
    private var answers: [ObjectID: [Answer]] = [:]

    init(names: [[UInt8]], known: [PathTrace]) {
        self.names = names
        traces = known
    }

    /// Fills in what the traces do not tell; `parent` is the trace of the directory.
    mutating func fill(
        below parent: PathTrace, _ snapshots: [NumberedView], _ check: () throws -> Void
    ) throws {
        for snapshot in snapshots {
            let number = snapshot.number
            if traces.allSatisfy({ $0.isKnown(number) }) { continue }
            try check()
            if let error = parent.failures[number] {
                fail(number, error)
                continue
            }
            guard let state = parent[number], case .directory(let id) = state.version.entry.content
            else {
                for index in traces.indices { traces[index].set(number, nil) }
                continue
            }
            do {
                let found = try answers[id] ?? ask(snapshot.view, id, state.version.entry)
                for (index, answer) in found.enumerated() {
                    traces[index].set(
                        number,
                        answer.map {
                            PathState(version: $0.version, rank: state.rank + $0.offset)
                        })
                }
            } catch { fail(number, SnapError.wrap(error)) }
        }
    }

    private mutating func fail(_ number: Int, _ error: SnapError) {
        for index in traces.indices { traces[index].fail(number, error) }
    }

    /// Asks a directory for all names.
    private mutating func ask(
        _ view: SnapshotView, _ id: ObjectID, _ directory: Entry
    ) throws -> [Answer] {
        // The next one is of another snapshot.
        let node = try view.firstNode(id, of: directory.attributes, alone: true)
        var found: [Answer] = []
        for (index, name) in names.enumerated() {
            let place = try name.withUnsafeBytes { try view.lookup($0, under: node, start: 1) }
            found.append(
                try place.map { place in
                    (try version(view, place, at: index), place.rank)
                })
        }
        answers[id] = found
        return found
    }

    private mutating func version(
        _ view: SnapshotView, _ place: Place, at index: Int
    ) throws -> PathVersion {
        let entry = try view.entry(place)
        // Most directories have the same as the one before.
        if let same = traces[index].newest, same.entry == entry { return same }
        let version = PathVersion(entry: entry)
        traces[index].keep(version)
        return version
    }
}
