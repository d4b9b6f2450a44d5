// SPDX-License-Identifier: MIT

import SnapBase
import SnapRepository

/// Findings in paths of snapshots as people read them: each cause once, below it each path once,
/// and in how many snapshots it is.
struct FindingGroups {
    private struct Path {
        let path: [UInt8]
        /// The first and the last that has it, oldest first as a check goes through them.
        let first: [UInt8]
        var last: [UInt8]
        var count: Int
    }

    private struct Cause {
        let message: String
        var paths: [Path] = []
        var places: [[UInt8]: Int] = [:]
        var snapshots: Set<[UInt8]> = []

        mutating func add(_ path: [UInt8], _ snapshot: [UInt8]) {
            snapshots.insert(snapshot)
            if let place = places[path] {
                paths[place].last = snapshot
                paths[place].count += 1
            } else {
                places[path] = paths.count
                paths.append(Path(path: path, first: snapshot, last: snapshot, count: 1))
            }
        }
    }

    /// So many are shown, unless everything is asked for.
    private static let causesMax = 20
    private static let pathsMax = 10

    private var causes: [Cause] = []

    init(_ findings: [CheckFinding]) {
        var places: [String: Int] = [:]
        for finding in findings {
            guard case .entry(let snapshot, let path) = finding.place else { continue }
            let place = places[finding.message] ?? causes.count
            if place == causes.count {
                places[finding.message] = place
                causes.append(Cause(message: finding.message))
            }
            causes[place].add(path, snapshot)
        }
    }

    /// Says all of it with --verbose, otherwise a part, and how much is left out.
    func show(_ output: Output) throws {
        let isWhole = output.level == .verbose
        let shown = isWhole ? causes[...] : causes.prefix(Self.causesMax)
        for cause in shown {
            try show(cause, pathsMax: isWhole ? .max : Self.pathsMax, output)
        }
        let more = causes[shown.endIndex...].reduce(0) { $0 + $1.paths.count }
        if more > 0 { try output.line(Text("damaged: \(Self.more(more, "elsewhere"))")) }
    }

    private func show(_ cause: Cause, pathsMax: Int, _ output: Output) throws {
        if cause.paths.count == 1, let only = cause.paths.first {
            return try output.line(
                "damaged: \(name: only.path) in \(Self.snapshots(only)): \(cause.message)")
        }
        let snapshots = Format.count(UInt64(cause.snapshots.count), "snapshot", "snapshots")
        try output.line(
            Text("damaged: \(cause.paths.count) paths in \(snapshots): \(cause.message)"))
        for path in cause.paths.prefix(pathsMax) {
            try output.line("  \(name: path.path) in \(Self.snapshots(path))")
        }
        let more = cause.paths.count - pathsMax
        if more > 0 { try output.line(Text("  \(Self.more(more, "there"))")) }
    }

    private static func more(_ count: Int, _ place: String) -> String {
        "and \(Format.count(UInt64(count), "more path", "more paths")) \(place); "
            + "--verbose names all"
    }

    private static func snapshots(_ path: Path) -> String {
        let (first, last) = (Hex.encode(path.first.prefix(4)), Hex.encode(path.last.prefix(4)))
        return switch path.count {
        case 1: "snapshot \(first)"
        case 2: "snapshots \(first) and \(last)"
        default: "\(path.count) snapshots from \(first) to \(last)"
        }
    }
}
