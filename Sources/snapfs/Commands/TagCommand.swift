// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct TagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag",
        abstract: "Give snapshots tags, or take them away.",
        subcommands: [TagAddCommand.self, TagRemoveCommand.self])
}

struct TagAddCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Give snapshots a tag.",
        usage: "snapfs tag add [<options>] <tag> <snapshot> ...")

    @OptionGroup var change: TagChange
    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        try change.apply("tag add", global, filter, output) { tags, tag in
            tags.contains(tag) ? tags : tags + [tag]
        }
    }
}

struct TagRemoveCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a tag from snapshots.",
        usage: "snapfs tag remove [<options>] <tag> <snapshot> ...")

    @OptionGroup var change: TagChange
    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let count = try change.apply("tag remove", global, filter, output) { tags, tag in
            tags.filter { $0 != tag }
        }
        if count == 0 {
            output.warning(
                Text("warning: none of these snapshots has the tag '\(change.tag.text)'"))
        }
    }
}

/// Which tag, of which snapshots.
struct TagChange: ParsableArguments {
    @Argument(help: ArgumentHelp("The tag.", valueName: "tag"), transform: TagArgument.read)
    var tag: TagArgument

    @Argument(help: ArgumentHelp("The snapshots.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument]

    /// Returns how many snapshots it has changed.
    @discardableResult
    func apply(
        _ command: String, _ global: GlobalOptions, _ filter: SnapshotFilter, _ output: Output,
        _ change: ([String], String) -> [String]
    ) throws -> UInt64 {
        let access = try RepositoryAccess.open(global, output)
        let ids = Set(try access.ids(snapshots, filter))
        let ledger = try access.repository.ledger
        var count: UInt64 = 0
        for manifest in try access.catalog().snapshots where ids.contains(manifest.id) {
            let tags = change(manifest.tags, tag.text)
            if tags == manifest.tags { continue }
            try NoteBook.add(.tags(tags), to: [manifest.id], origin: .current(), ledger: ledger)
            try access.audit(command, snapshots: [manifest.id], remarks: [tag.text])
            count += 1
        }
        try output.note(Text("changed \(Format.count(count, "snapshot", "snapshots"))"))
        return count
    }
}
