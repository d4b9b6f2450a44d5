// SPDX-License-Identifier: MIT

import SnapBase
import SnapView

/// What SNAPSHOT:PATH names.
struct SnapshotPath {
    let view: SnapshotView
    let place: Place
    /// The names that lead to it from the root of the snapshot.
    let components: [[UInt8]]

    /// Without a path, the root. Throws `.notFound` for a path that the snapshot does not have.
    init(_ view: SnapshotView, path: [UInt8]?) throws {
        let components = pathComponents(path ?? [])
        guard let place = try view.place(path: path ?? []) else {
            throw SnapError(
                .notFound,
                "\(Text.escaped(absolutePath(components))) is not in snapshot "
                    + view.manifest.hexID.prefix(8))
        }
        self.view = view
        self.place = place
        self.components = components
    }

    var path: [UInt8] { absolutePath(components) }
}

extension RepositoryAccess {
    func find(_ argument: SnapshotArgument, _ filter: SnapshotFilter) throws -> SnapshotPath {
        try SnapshotPath(
            try view(try manifest(argument, filter, .orBefore)), path: argument.path)
    }

    /// Ends a command that has done its work but met manifests that cannot be read.
    func requireWholeManifests() throws {
        if damagedManifests.isEmpty { return }
        throw SnapError(
            .damaged,
            Format.count(UInt64(damagedManifests.count), "snapshot", "snapshots")
                + " cannot be read; see 'snapfs check'")
    }
}
