// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct RestoreCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Write files of a snapshot to a directory.",
        usage: "snapfs restore [<options>] <snapshot[:path]> --target <directory>",
        discussion: """
            With a path, what lies below it is restored right into the target; without one, the \
            source paths are kept whole below the target. Nothing is written through a symbolic \
            link or outside the target.
            """)

    /// What becomes of a file that is there already.
    enum Overwrite: String, ExpressibleByArgument, CaseIterable {
        case always
        case ifChanged = "if-changed"
        case ifNewer = "if-newer"
        case never
    }

    @Argument(
        help: ArgumentHelp(
            "The snapshot and what to restore of it.", valueName: "snapshot[:path]"))
    var source: SnapshotArgument

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where to write; created if absent.", valueName: "directory"))
    var target: BytesArgument

    @Option(
        name: [.customShort("i"), .customLong("include")],
        help: ArgumentHelp("Only what matches this pattern (repeatable).", valueName: "pattern"))
    var includes: [BytesArgument] = []

    @Option(
        name: [.customShort("e"), .customLong("exclude")],
        help: ArgumentHelp(
            "Nothing that matches this pattern (repeatable).", valueName: "pattern"))
    var excludes: [BytesArgument] = []

    @Flag(help: "Delete what is in the target but not in the snapshot.")
    var delete = false

    @Option(
        help: ArgumentHelp(
            "Whether files that exist are written again.", valueName: "when"))
    var overwrite = Overwrite.always

    @Flag(name: [.customShort("n"), .long], help: "Say what would be done, write nothing.")
    var dryRun = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if !includes.isEmpty && !excludes.isEmpty {
            throw ValidationError("Give either --include or --exclude.")
        }
    }

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "restore does not work yet")
    }
}
