// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapView

struct FindCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find files by name in snapshots.",
        usage: "snapfs find [<options>] <pattern> ...",
        discussion: """
            A pattern without a slash is compared with every name, one with a slash with the path. \
            * and ? match within a name, [...] one byte of a set, ** any number of directories.
            """)

    @Argument(
        help: ArgumentHelp("What to look for; any of several.", valueName: "pattern"))
    var patterns: [BytesArgument]

    @Option(
        name: [.customShort("s"), .customLong("snapshot")],
        help: ArgumentHelp(
            "Look in this snapshot, or below a path of it (repeatable; default: all).",
            valueName: "snapshot[:path]"))
    var snapshots: [SnapshotArgument] = []

    @Flag(name: [.customShort("i"), .long], help: "Take upper and lower case ASCII as the same.")
    var ignoreCase = false

    @Flag(name: [.customShort("l"), .long], help: "Show mode, owner, size and time.")
    var long = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let search = try PatternSearch(patterns.map(\.bytes), ignoreCase: ignoreCase)
        let access = try RepositoryAccess.open(global, output)
        let report = FindReport(output, long: long)
        if snapshots.isEmpty {
            for manifest in try access.manifests(filter) {
                try report.run(search, in: try SnapshotPath(try access.view(manifest), path: nil))
            }
        } else {
            for argument in snapshots {
                try report.run(search, in: try access.find(argument, filter))
            }
        }
        try report.end()
        // Where no snapshot was chosen, that has been said.
        if !report.hasFound && report.hasSearched {
            let names = patterns.map { Text.escaped($0.bytes) }.joined(separator: " or ")
            output.warning(Text("warning: nothing matches \(names)"))
        }
        try access.requireWholeManifests()
    }
}

/// Patterns of which the last one that matches an entry decides.
struct PatternSearch {
    private let patterns: [PathPattern]
    private let ignoreCase: Bool

    init(_ texts: [[UInt8]], ignoreCase: Bool) throws {
        self.ignoreCase = ignoreCase
        patterns = try texts.map { try PathPattern(ignoreCase ? Self.folded($0) : $0) }
    }

    func matches(_ components: [[UInt8]]) -> Bool {
        let names = ignoreCase ? components.map(Self.folded) : components
        return patterns.last { $0.matchesWhole(names) }.map { !$0.negated } ?? false
    }

    /// Whether an entry below the directory of these names may match.
    func couldMatchBelow(_ components: [[UInt8]]) -> Bool {
        let names = ignoreCase ? components.map(Self.folded) : components
        return patterns.contains { !$0.negated && $0.couldMatchBelow(names) }
    }

    private static func folded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.map { 0x41...0x5A ~= $0 ? $0 + 0x20 : $0 }
    }
}

/// Prints what a search finds, snapshot by snapshot.
private final class FindReport {
    private let output: Output
    private let document: FindDocument
    private let long: Bool
    private var isFirst = true
    private var isDamaged = false
    private(set) var hasFound = false
    private(set) var hasSearched = false

    init(_ output: Output, long: Bool) {
        self.output = output
        self.long = long
        document = FindDocument(output)
    }

    /// Searches below a place, and what is there itself unless it is the root. Damage ends the
    /// search of this snapshot only.
    func run(_ search: PatternSearch, in start: SnapshotPath) throws {
        hasSearched = true
        do { try find(search, start) } catch let error as SnapError where error.kind == .damaged {
            isDamaged = true
            output.warning(
                "snapshot \(start.view.manifest.hexID.prefix(8)): \(error.message)")
        }
        if output.json { try document.endSnapshot(start.view.manifest) }
    }

    private func find(_ search: PatternSearch, _ start: SnapshotPath) throws {
        let line = EntryLine(start.view)
        var isFirstHit = true
        func show(_ place: Place, _ components: [[UInt8]]) throws {
            let path = absolutePath(components)
            hasFound = true
            if output.json { return try document.add(try line.message(place, path: path)) }
            if isFirstHit { try head(start.view) }
            isFirstHit = false
            try output.line(try line.text(place, path: path, long ? .long : .path))
        }
        if !start.components.isEmpty, search.matches(start.components) {
            try show(start.place, start.components)
        }
        var tree = TreeIterator(start.view, below: start.place, components: start.components)
        while let place = try tree.next() {
            try Interruption.check()
            if search.matches(tree.components) { try show(place, tree.components) }
            if place.attributes.isDirectory, !search.couldMatchBelow(tree.components) {
                tree.skip()
            }
        }
    }

    private func head(_ view: SnapshotView) throws {
        if !isFirst { try output.line("") }
        isFirst = false
        let manifest = view.manifest
        let time = Format.time(manifest.time.seconds)
        try output.line(Text("in snapshot \(manifest.hexID.prefix(8)) of \(time)"))
    }

    func end() throws {
        if output.json { try document.end() }
        if isDamaged {
            throw SnapError(.damaged, "some snapshots could not be searched to the end")
        }
    }
}

/// The JSON document of a search, printed as it grows: there may be more hits than memory. In each
/// snapshot their number comes behind them, so that it need not be known before.
private final class FindDocument {
    private struct Summary: Encodable {
        let hits: Int
        let snapshot: String
        let time: String
    }

    private let output: Output
    private var snapshots = 0
    private var hits = 0

    init(_ output: Output) { self.output = output }

    func add(_ hit: EntryLine.Message) throws {
        let start =
            hits > 0 ? "," : snapshots > 0 ? ",{\"matches\":[" : "[{\"matches\":["
        hits += 1
        try output.write(Array(start.utf8) + hit.json)
    }

    /// Ends the hits of a snapshot, if there are any.
    func endSnapshot(_ manifest: Manifest) throws {
        if hits == 0 { return }
        let summary = Summary(
            hits: hits, snapshot: manifest.hexID, time: Format.time(manifest.time.seconds))
        // Its brace stands before the hits.
        try output.write(Array("],".utf8) + JSONLine.encode(summary).dropFirst())
        (hits, snapshots) = (0, snapshots + 1)
    }

    func end() throws { try output.write(Array((snapshots == 0 ? "[]\n" : "]\n").utf8)) }
}
