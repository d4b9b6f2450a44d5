// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

struct StatsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show how large the snapshots and the repository are.",
        usage: "snapfs stats [<options>] [<snapshot> ...]")

    @Argument(
        help: ArgumentHelp("Only these snapshots (default: all).", valueName: "snapshot"))
    var snapshots: [SnapshotArgument] = []

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        var message = StatsMessage()
        if snapshots.isEmpty {
            for manifest in try access.manifests(filter) { message.add(manifest) }
        } else {
            for argument in snapshots { try message.add(try access.find(argument, filter)) }
        }
        try message.measure(access.repository)
        if output.json { try output.json(message) } else { try message.print(output) }
        try access.requireWholeManifests()
    }
}

/// The figures, and how they are shown.
private struct StatsMessage: Encodable {
    private(set) var snapshotsCount: UInt64 = 0
    private(set) var files: UInt64 = 0
    private(set) var directories: UInt64 = 0
    private(set) var others: UInt64 = 0
    /// Bytes of all files of these snapshots: what restoring each would write.
    private(set) var totalSize: UInt64 = 0
    /// Of the whole repository, whatever snapshots were named.
    private(set) var packsCount = 0
    private(set) var packsSize: UInt64 = 0
    private(set) var indexSize: UInt64 = 0
    private(set) var objectsCount: UInt64 = 0
    private(set) var objectsSize: UInt64 = 0

    mutating func add(_ manifest: Manifest) {
        snapshotsCount += 1
        files += manifest.totals.files
        directories += manifest.totals.directories
        others += manifest.totals.others
        totalSize += manifest.totals.bytes
    }

    mutating func add(_ part: SnapshotPath) throws {
        if part.components.isEmpty { return add(part.view.manifest) }
        snapshotsCount += 1
        count(part.place)
        var tree = TreeIterator(part.view, below: part.place)
        while let place = try tree.next() {
            try Interruption.check()
            count(place)
        }
    }

    private mutating func count(_ place: Place) {
        let attributes = place.attributes
        switch attributes.kind {
        case .regular:
            files += 1
            totalSize += attributes.size
        case .directory: directories += 1
        default: others += 1
        }
    }

    /// Adds the figures of the repository.
    mutating func measure(_ repository: Repository) throws {
        let packs = try repository.listPacks()
        (packsCount, packsSize) = (packs.packs.count, packs.bytes)
        indexSize = try repository.indexBytes()
        let index = try IndexStatistics(repository.objects, progress: Interruption.check)
        (objectsCount, objectsSize) = (index.objects, index.bytes)
    }

    func print(_ output: Output) throws {
        let entries = [
            Format.count(files, "file", "files"),
            Format.count(directories, "directory", "directories"),
            Format.count(others, "other", "others"),
        ].joined(separator: ", ")
        let stored = packsSize + indexSize
        for (title, value) in [
            ("snapshots", "\(snapshotsCount)"),
            ("entries", entries),
            ("restore size", Format.size(totalSize)),
            ("objects", "\(objectsCount), \(Format.size(objectsSize)) before compression"),
            (
                "repository",
                "\(Format.size(stored)): \(packsCount) packs of \(Format.size(packsSize)), "
                    + "index \(Format.size(indexSize))"
            ),
            ("compression", Format.ratio(objectsSize, packsSize)),
            ("ratio", "\(Format.ratio(totalSize, stored)) (restore size to repository)"),
        ] {
            let space = String(repeating: " ", count: 14 - title.utf8.count)
            try output.line(Text("\(title):\(space)\(value)"))
        }
    }
}
