// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapView

struct DiffCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two snapshots.",
        usage: "snapfs diff [<options>] <snapshot[:path]> <snapshot[:path]>",
        discussion: """
            Each line begins with + for what is only in the second, - for what is only in the \
            first, M for changed contents, T for a changed type and, with --metadata, U for a \
            changed owner, mode, time or attribute.
            """)

    @Argument(help: ArgumentHelp("The earlier state.", valueName: "snapshot[:path]"))
    var first: SnapshotArgument

    @Argument(help: ArgumentHelp("The later state.", valueName: "snapshot[:path]"))
    var second: SnapshotArgument

    @Flag(help: "Show changes of metadata, too.")
    var metadata = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let old = try access.find(first, filter)
        let new = try access.find(second, filter)
        // Below two different places, paths begin there.
        let prefix = old.components == new.components ? old.components : []
        let report = DiffReport(output, prefix: prefix)
        var diff = TreeDiff(old.view, new.view, metadata: metadata) { try report.show($0) }
        try diff.run(old.place, new.place)
        try report.end(first.text, second.text)
    }
}

/// Prints differences and counts them.
final class DiffReport {
    private struct Change: Encodable {
        var messageType = "change"
        let modifier: String
        let path: String
        let pathB64: String?
        let type: String
    }

    private struct Count: Encodable {
        var files: UInt64 = 0
        var dirs: UInt64 = 0
        var others: UInt64 = 0
        var bytes: UInt64 = 0

        mutating func add(_ entry: Entry) {
            switch entry.attributes.kind {
            case .regular:
                files += 1
                bytes += entry.attributes.size
            case .directory: dirs += 1
            default: others += 1
            }
        }

        var text: String {
            [
                Format.count(files, "file", "files"),
                Format.count(dirs, "directory", "directories"),
                Format.count(others, "other", "others"), Format.size(bytes),
            ].joined(separator: ", ")
        }
    }

    private struct Statistics: Encodable {
        var messageType = "statistics"
        var sourceSnapshot = ""
        var targetSnapshot = ""
        var added = Count()
        var removed = Count()
        /// Entries with other content or of another type, before and after.
        var changedBefore = Count()
        var changedAfter = Count()
        var metadataChanged: UInt64 = 0
    }

    private let output: Output
    private let prefix: [[UInt8]]
    private var statistics = Statistics()

    init(_ output: Output, prefix: [[UInt8]]) {
        self.output = output
        self.prefix = prefix
    }

    func show(_ change: TreeChange) throws {
        try Interruption.check()
        count(change)
        guard let entry = change.new ?? change.old else { return }
        let path = absolutePath(prefix + change.components)
        let modifier = Self.modifier(change.kind)
        if output.json {
            let name = JSONName(path)
            try output.json(
                Change(
                    modifier: modifier, path: name.text, pathB64: name.base64,
                    type: EntryLine.type(entry.attributes)))
        } else {
            // A slash tells directories from files, as with restic.
            let slash = entry.attributes.isDirectory && path.count > 1 ? "/" : ""
            try output.line("\(modifier) \(name: path)\(slash)")
        }
    }

    /// The sign of a change, in diff and log.
    static func modifier(_ kind: TreeChange.Kind) -> String {
        switch kind {
        case .added: "+"
        case .removed: "-"
        case .content: "M"
        case .type: "T"
        case .metadata: "U"
        }
    }

    private func count(_ change: TreeChange) {
        switch change.kind {
        case .added: change.new.map { statistics.added.add($0) }
        case .removed: change.old.map { statistics.removed.add($0) }
        case .content, .type:
            change.old.map { statistics.changedBefore.add($0) }
            change.new.map { statistics.changedAfter.add($0) }
        case .metadata: statistics.metadataChanged += 1
        }
    }

    func end(_ first: String, _ second: String) throws {
        statistics.sourceSnapshot = first
        statistics.targetSnapshot = second
        if output.json { return try output.json(statistics) }
        let (before, after) = (statistics.changedBefore, statistics.changedAfter)
        try output.note(Text("added:   \(statistics.added.text)"))
        try output.note(Text("removed: \(statistics.removed.text)"))
        try output.note(
            Text(
                "changed: \(Format.count(after.files, "file", "files")), "
                    + "\(Format.count(after.dirs + after.others, "other", "others")), "
                    + "\(Format.size(before.bytes)) before, \(Format.size(after.bytes)) after"))
        if statistics.metadataChanged > 0 {
            try output.note(Text("metadata alone: \(statistics.metadataChanged)"))
        }
    }
}
