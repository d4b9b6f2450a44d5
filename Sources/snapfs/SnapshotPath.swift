// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
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
    /// What SNAPSHOT:PATH names. Where `latest` or a time was typed and the path is not in that
    /// snapshot, the error names one that has it: another job may have written the newest.
    func find(_ argument: SnapshotArgument, _ filter: SnapshotFilter) throws -> SnapshotPath {
        let manifest = try manifest(argument, filter, .orBefore)
        do { return try SnapshotPath(try view(manifest), path: argument.path) } catch let error
            as SnapError where error.kind == .notFound
        {
            if case .id = argument.name { throw error }
            guard let other = try newest(with: argument.path, before: manifest, filter) else {
                throw error
            }
            throw SnapError(
                .notFound, "\(error.message); the newest before it that has it is \(other.inWords)")
        }
    }

    /// The newest snapshot before another that has a path; not all of a long history are asked.
    private func newest(
        with path: [UInt8]?, before manifest: Manifest, _ filter: SnapshotFilter
    ) throws -> Manifest? {
        let before = try manifests(filter).prefix { $0 != manifest }
        return try before.suffix(100).last {
            do { return try view($0).place(path: path ?? []) != nil } catch let error as SnapError
                where error.isFinding
            { return false }
        }
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
