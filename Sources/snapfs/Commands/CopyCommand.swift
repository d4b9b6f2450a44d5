// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct CopyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy snapshots to another repository.",
        usage: "snapfs copy [<options>] --to <directory> [<snapshot> ...]",
        discussion: """
            Without snapshots all are copied, oldest first. What is there already is not copied \
            again; only new tags and holds are brought over. An interrupted copy goes on where it \
            was when it is run again.

            Exit status 13 means that a snapshot is damaged and was not copied; the others were.
            """)

    @Argument(help: ArgumentHelp("The snapshots to copy.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument] = []

    @OptionGroup var destination: CopyDestination

    @Flag(name: [.customShort("n"), .long], help: "Say what would be copied; write nothing.")
    var dryRun = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Save the state of a long copy every so many seconds, for it to go on from there. "
                + "(default: 60)", valueName: "seconds"), transform: SecondsArgument.read)
    var checkpointInterval = SecondsArgument(60)

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let path = try destination.repository()
        let credential = try destination.credentialSource().reader(output)
        var limits = ObjectReader.Limits()
        limits.readAheadThreads = Processors.count(in: 1...4)
        let from = try RepositoryAccess.open(global, output, limits: limits)
        limits = ObjectReader.Limits()
        limits.records = 12 << 20
        let to = try RepositoryAccess.open(
            path, cache: try global.cacheDirectory(), output, limits: limits,
            credential: credential)
        let (chosen, unreadable) = try chosen(from)
        try CopyRun(from, to, output, self).run(chosen, unreadable: unreadable)
    }

    /// The snapshots that the arguments name, or all that pass the filter, oldest first; and how
    /// many of them, or of those that may be among them, cannot be read.
    private func chosen(
        _ from: RepositoryAccess
    ) throws -> (manifests: [Manifest], unreadable: Int) {
        let catalog = try from.catalog()
        guard !snapshots.isEmpty else {
            return (try from.manifests(filter), catalog.damaged.count)
        }
        let ids = Set(try from.ids(snapshots, filter, .orBefore))
        return (
            catalog.snapshots.filter { ids.contains($0.id) },
            ids.intersection(catalog.damaged.keys).count
        )
    }
}
