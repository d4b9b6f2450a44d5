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

    @Argument(help: ArgumentHelp("The tag.", valueName: "tag"), transform: TagArgument.read)
    var tag: TagArgument

    @OptionGroup var change: TagChange
    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        try change.apply("tag add", tag.text, global, filter, output) { tags in
            tags.contains(tag.text) ? tags : tags + [tag.text]
        }
    }
}

struct TagRemoveCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a tag from snapshots.",
        usage: "snapfs tag remove [<options>] <tag> <snapshot> ...")

    // One that came with a copy may have what a new one must not have.
    @Argument(help: ArgumentHelp("The tag.", valueName: "tag"), transform: LabelArgument.read)
    var tag: LabelArgument

    @OptionGroup var change: TagChange
    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let count = try change.apply("tag remove", tag.text, global, filter, output) { tags in
            tags.filter { $0 != tag.text }
        }
        if count == 0 {
            output.warning(
                Text("warning: none of these snapshots has the tag '\(tag.text)'"))
        }
    }
}

/// Of which snapshots a tag is changed.
struct TagChange: ParsableArguments {
    @Argument(help: ArgumentHelp("The snapshots.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument]

    /// Returns how many snapshots it has changed.
    @discardableResult
    func apply(
        _ command: String, _ tag: String, _ global: GlobalOptions, _ filter: SnapshotFilter,
        _ output: Output, _ change: ([String]) -> [String]
    ) throws -> UInt64 {
        let access = try RepositoryAccess.open(global, output)
        let ids = Set(try access.ids(snapshots, filter, .exact))
        for (id, error) in try access.catalog().damagedInOrder where ids.contains(id) {
            throw error.within("the tags of snapshot \(Hex.encode(id.prefix(4)))")
        }
        var catalog = try access.catalog()
        var count: UInt64 = 0
        for id in catalog.snapshots.map(\.id) where ids.contains(id) {
            guard try apply(change, to: id, &catalog, access.repository) else { continue }
            try access.audit(command, snapshots: [id], remarks: [tag])
            count += 1
        }
        try output.note(Text("changed \(Format.count(count, "snapshot", "snapshots"))"))
        return count
    }

    /// False where there is nothing to change.
    private func apply(
        _ change: ([String]) -> [String], to id: [UInt8], _ catalog: inout Catalog,
        _ repository: Repository
    ) throws -> Bool {
        let ledger = try repository.ledger
        while let manifest = catalog.snapshots.first(where: { $0.id == id }) {
            let tags = change(manifest.tags)
            if tags == manifest.tags { return false }
            if try NoteBook.add(
                .tags(tags), to: id, after: catalog.notes[id], origin: .current(), ledger: ledger)
            {
                return true
            }
            // Somebody else changed them meanwhile.
            try catalog.refresh(ledger)
        }
        return false
    }
}
