// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapView

struct ListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the contents of a snapshot.",
        usage: "snapfs ls [<options>] <snapshot[:path]>",
        discussion: """
            Without a path, lists everything in the snapshot; with one, that directory or, with \
            --recursive, everything below it. Paths are shown whole.
            """)

    @Argument(
        help: ArgumentHelp(
            "The snapshot and what to list in it.",
            valueName: "snapshot[:path]"))
    var target: SnapshotArgument

    @Flag(name: [.customShort("l"), .long], help: "Show mode, owner, size and time.")
    var long = false

    @Flag(name: [.customShort("R"), .long], help: "List everything below the path.")
    var recursive = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let found = try access.find(target, filter)
        let line = EntryLine(found.view)
        func show(_ place: Place, _ path: [UInt8]) throws {
            try Interruption.check()
            if output.json { return try output.json(try line.message(place, path: path).json) }
            try output.line(try line.text(place, path: path, long ? .long : .path))
        }
        guard found.place.attributes.isDirectory else { return try show(found.place, found.path) }
        var tree = TreeIterator(
            found.view, below: found.place, components: found.components)
        while let place = try tree.next() {
            try show(place, tree.path)
            if target.path != nil && !recursive { tree.skip() }
        }
    }
}
