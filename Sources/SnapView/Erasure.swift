// SPDX-License-Identifier: MIT
//
// Takes paths out of snapshots: each that has one is written again without it, with the same words
// and times, and then forgotten for ever. Only a collection makes the data go; see
// snapfs-format(5), NOTES.

import SnapBase
import SnapFormat
import SnapRepository

/// What an erasure does to one snapshot.
package struct ErasedSnapshot: Sendable {
    package var manifest: Manifest
    /// What has taken its place; nil before, and for one that is forgotten anyway or no backup that
    /// was finished.
    package var successor: Manifest?
    /// What goes: entries, and bytes of files.
    package var entries: UInt64
    package var bytes: UInt64
    /// A hold keeps it from being erased.
    package var isHeld: Bool
}

/// Used by one thread.
package final class Erasure {
    private let repository: Repository
    private let caches: ViewCaches
    private var catalog: Catalog
    /// None lies below another.
    private let paths: [[[UInt8]]]
    private let origin: Origin
    private let program: String

    /// `paths` from the root of snapshots, which are those of the catalog. Throws `.invalid` for
    /// the root itself, and where a manifest could not be read, but for damage: it may hold the
    /// paths.
    package init(
        _ repository: Repository, _ catalog: Catalog, _ paths: [[UInt8]], caches: ViewCaches,
        origin: Origin, program: String
    ) throws {
        let components = paths.map { pathComponents($0) }
        guard !components.contains(where: \.isEmpty) else {
            throw SnapError(.invalid, "whole snapshots are forgotten, not erased")
        }
        let sorted = Set(components).sorted { $0.count < $1.count }
        self.paths = sorted.filter { path in
            !sorted.contains { $0.count < path.count && path.starts(with: $0) }
        }
        self.repository = repository
        self.caches = caches
        self.origin = origin
        self.program = program
        self.catalog = catalog
        for (_, error) in catalog.damagedInOrder where !error.isFinding { throw error }
    }

    /// The snapshots that have one of the paths, finished or not, forgotten or not, oldest first.
    /// `isChosen` says which are looked at. What cannot be read is passed to `failed`.
    package func affected(
        _ isChosen: (Manifest) -> Bool, failed: (Manifest, SnapError) -> Void
    ) throws -> [ErasedSnapshot] {
        var found: [ErasedSnapshot] = []
        let all = (catalog.snapshots + catalog.forgotten).sorted(by: Manifest.isBefore)
        let held = Set(catalog.held(all.map(\.id), now: origin.time))
        for manifest in all where isChosen(manifest) && !catalog.notes[manifest.id].isErased {
            do {
                let view = try SnapshotView(manifest, repository: repository, caches: caches)
                let places = try paths.compactMap { try place($0, view) }
                if places.isEmpty { continue }
                found.append(
                    ErasedSnapshot(
                        manifest: manifest, successor: nil,
                        entries: places.reduce(0) { $0 + Self.weight($1) },
                        bytes: places.reduce(0) { $0 + Self.bytes($1) },
                        isHeld: held.contains(manifest.id)))
            } catch let error as SnapError where error.isFinding { failed(manifest, error) }
        }
        return found
    }

    /// Throws `.refused`, with the names, where some are held: then none must be erased.
    package func requireReleased(_ snapshots: [ErasedSnapshot]) throws {
        try catalog.requireReleased(snapshots.map(\.manifest.id), now: origin.time)
    }

    private func place(_ path: [[UInt8]], _ view: SnapshotView) throws -> Place? {
        try view.place(path: absolutePath(path))
    }

    private static func weight(_ place: Place) -> UInt64 {
        place.attributes.isDirectory ? 1 + place.attributes.count : 1
    }

    private static func bytes(_ place: Place) -> UInt64 {
        let attributes = place.attributes
        return attributes.isDirectory || attributes.isRegular ? attributes.size : 0
    }

    /// Erases one of `affected`; nil where a collection has taken it meanwhile. Interrupted, it is
    /// listed as it was, or twice until it is run again. Throws `.refused` where it is held.
    package func erase(_ snapshot: ErasedSnapshot) throws -> ErasedSnapshot? {
        var snapshot = snapshot
        let old = snapshot.manifest
        let ledger = try repository.ledger
        while true {
            try catalog.refresh(ledger)
            let current = catalog.snapshots.first { $0.id == old.id }
            let isListed = current != nil
            guard isListed || catalog.forgotten.contains(where: { $0.id == old.id }) else {
                return nil
            }
            try requireReleased([snapshot])
            let notes = catalog.notes[old.id]
            if let successor = snapshot.successor, !isListed {
                // It was given up while it was written again.
                try NoteBook.add(.forget, to: [successor.id], origin: origin, ledger: ledger)
                snapshot.successor = nil
            } else if let current, old.state == .complete {
                let successor = try snapshot.successor ?? written(for: old) ?? rewrite(current)
                snapshot.successor = try tagged(successor, as: current)
            }
            // What was said of it while it was written again may change what is right.
            if try NoteBook.add(.erase, to: old.id, after: notes, origin: origin, ledger: ledger) {
                return snapshot
            }
        }
    }

    /// With the tags that the old one was given meanwhile.
    private func tagged(_ successor: Manifest, as old: Manifest) throws -> Manifest {
        if successor.tags == old.tags { return successor }
        try NoteBook.add(
            .tags(old.tags), to: [successor.id], origin: origin, ledger: try repository.ledger)
        var successor = successor
        successor.tags = old.tags
        return successor
    }

    /// What an erasure that was interrupted before its note has written.
    private func written(for old: Manifest) throws -> Manifest? {
        for manifest in catalog.snapshots
        where manifest.predecessor == old.id && manifest.time == old.time
            && manifest.endTime == old.endTime
        {
            let view = try SnapshotView(manifest, repository: repository, caches: caches)
            if try paths.allSatisfy({ try place($0, view) == nil }) { return manifest }
        }
        return nil
    }

    // MARK: Writing

    private func rewrite(_ old: Manifest) throws -> Manifest {
        let view = try SnapshotView(old, repository: repository, caches: caches)
        let template = try template(old, view)
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: BackupProgress(), threads: 2,
            words: .template
        ) { building in
            // What was there before the announcement may have been collected.
            try catalog.refresh(try repository.ledger)
            guard catalog.snapshots.contains(where: { $0.id == old.id }),
                building.allowsPredecessor(old.id)
            else {
                throw SnapError(
                    .busy,
                    "snapshot \(old.hexID.prefix(8)) is forgotten or being collected; run the same "
                        + "again")
            }
            return old.id
        }
        do { try copy(view.root, view, without: paths, to: writer) } catch {
            writer.abandon()
            throw error
        }
        return try writer.finish(root: old.root)
    }

    /// The words of the old snapshot, less what they say of the paths.
    private func template(_ old: Manifest, _ view: SnapshotView) throws -> Manifest {
        var template = old
        template.program = program
        // A second copy must not take it for the one that it has.
        template.logicalID = try repository.ledger.newID()
        template.problems = old.problems.filter { problem in
            let components = pathComponents(problem.path)
            return !paths.contains { components.starts(with: $0) }
        }
        template.problemCount -= min(
            template.problemCount, UInt64(old.problems.count - template.problems.count))
        for path in paths {
            guard let place = try place(path, view) else { continue }
            template.root.attributes.count -= Self.weight(place)
            template.root.attributes.size -= Self.bytes(place)
            try subtract(place, view, from: &template.totals)
        }
        return template
    }

    private func subtract(
        _ top: Place, _ view: SnapshotView, from totals: inout Totals
    ) throws {
        func subtract(_ place: Place) {
            switch place.attributes.kind {
            case .regular:
                totals.files -= min(totals.files, 1)
                totals.bytes -= min(totals.bytes, place.attributes.size)
            case .directory: totals.directories -= min(totals.directories, 1)
            default: totals.others -= min(totals.others, 1)
            }
        }
        subtract(top)
        var tree = TreeIterator(view, below: top)
        while let place = try tree.next() { subtract(place) }
    }

    /// Sends what is in a directory but for the paths, which begin there. As deep as they are.
    private func copy(
        _ directory: Place, _ view: SnapshotView, without paths: [[[UInt8]]],
        to writer: SnapshotWriter
    ) throws {
        try view.forEach(in: directory) { place in
            let name = place.name
            let rests = paths.filter { $0[0] == name }.map { Array($0.dropFirst()) }
            if rests.contains(where: \.isEmpty) { return true }
            let entry = try view.entry(place)
            if rests.isEmpty || !place.attributes.isDirectory {
                try writer.reuse(entry)
            } else {
                try writer.beginDirectory(entry, xattrs: [])
                try copy(place, view, without: rests, to: writer)
                try writer.endDirectory()
            }
            return true
        }
    }
}
