// SPDX-License-Identifier: MIT
//
// Copies snapshots of one repository to another, which has keys of its own. Each becomes a snapshot
// there by the road that backups take, under a session of its own: nothing is listed before it is
// whole, and what was stored of an interrupted copy is found again. See snapfs(1), copy.

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// One run of copies. Used by one thread.
package final class RepositoryCopy {
    package struct Options {
        /// Seconds between checkpoints.
        package var checkpointInterval: Int64 = 60
        /// Threads that hash and compress.
        package var threads = 2
        /// The name of this host, for the sessions.
        package var host = ""
        /// Asked all the time: true ends the run with a checkpoint and `.interrupted`.
        package var isInterrupted: () -> Bool = { false }
        /// Called with the entries and bytes that are done.
        package var advance: (_ entries: UInt64, _ bytes: UInt64) -> Void = { _, _ in }
        package init() {}
    }

    /// What became of one snapshot.
    package enum Outcome {
        /// Its copy, and the bytes of content that were read for it.
        case copied(Manifest, bytesRead: UInt64)
        /// It was there, or is there with what an erasure left of it on one of the sides; so many
        /// notes were brought over.
        case there(Manifest, notes: Int)
        /// It is there and was forgotten there, so it stays so.
        case forgotten
        /// It was forgotten at the source meanwhile, and is being collected.
        case gone
        /// It is damaged at the source, and not copied.
        case damaged(SnapError)
    }

    /// What a copy would do about a snapshot.
    package enum Plan: Sendable, Equatable {
        case copy
        case there(Manifest)
        case forgotten
    }

    private let source: Repository
    private let destination: Repository
    private let options: Options
    private let sourceCaches = ViewCaches()
    private let copyCaches = ViewCaches(directories: 8 << 20)
    private let copied = CopiedChunks()
    private let survey: TreeSurvey
    private let originals: Catalog
    private var catalog: Catalog
    private var copies: SnapshotCopies
    private var erasures = ErasureComparison()
    /// Packs of the destination that were not there in full.
    package private(set) var absentPacks = 0

    /// `originals` and `catalog` are what there is at the source and at the destination. Throws
    /// `.refused` where both are the same repository.
    package init(
        from source: Repository, _ originals: Catalog, to destination: Repository,
        _ catalog: Catalog, _ options: Options
    ) throws {
        guard source.id != destination.id else {
            throw SnapError(
                .refused,
                "\(destination.location) is the repository that would be copied, or a copy of its "
                    + "files: make another one with 'snapfs init'")
        }
        self.source = source
        self.originals = originals
        self.destination = destination
        self.catalog = catalog
        self.options = options
        var observer = CheckObserver()
        nonisolated(unsafe) let isInterrupted = options.isInterrupted  // one thread asks
        observer.isInterrupted = { isInterrupted() }
        survey = TreeSurvey(destination, observer: observer)
        copies = SnapshotCopies(catalog)
    }

    package func plan(_ manifest: Manifest) -> Plan {
        let found = copies[manifest]
        if let there = found.there { return .there(there) }
        return found.isForgotten ? .forgotten : .copy
    }

    /// Copies a complete snapshot of the source, unless it is there. Throws what went wrong at the
    /// destination, and what is no damage at the source.
    package func copy(_ manifest: Manifest) throws -> Outcome {
        if options.isInterrupted() { throw SnapError(.interrupted, "interrupted") }
        let found = copies[manifest]
        if let there = found.there { return try bringNotes(manifest, to: there) }
        if found.isForgotten { return .forgotten }
        let pin: Pin
        do { pin = try Pin(source, [manifest], host: options.host) } catch let error as SnapError
            where error.kind == .notFound
        { return .gone }
        return try withExtendedLifetime(pin) {
            try within("the copy of snapshot \(manifest.hexID.prefix(8))") { try write(manifest) }
        }
    }

    /// Whether what is there for a snapshot still has what was erased from that one. What cannot be
    /// read may have it.
    package func isUnerased(_ there: Manifest, of manifest: Manifest) throws -> Bool {
        guard there.logicalID != manifest.logicalID else { return false }
        do {
            return try erasures.has(
                try SnapshotView(there, repository: destination, caches: copyCaches),
                moreThan: try SnapshotView(manifest, repository: source, caches: sourceCaches))
        } catch let error as SnapError where error.isFinding { return true }
    }

    private func bringNotes(_ manifest: Manifest, to copy: Manifest) throws -> Outcome {
        let notes = NoteCopy(
            from: originals.notes[manifest.id], tags: manifest.tags,
            to: catalog.notes[copy.id], copyTags: copy.tags)
        try notes.write(to: copy.id, try destination.ledger)
        return .there(copy, notes: notes.notes.count)
    }

    // MARK: One snapshot

    private func write(_ manifest: Manifest) throws -> Outcome {
        var guides: [Guide] = []
        var takesTrees = false
        var there: Manifest?
        let writer: SnapshotWriter
        do {
            writer = try SnapshotWriter(
                repository: destination, template: Self.template(manifest),
                progress: BackupProgress(), threads: options.threads,
                words: .template, copied: copied
            ) { building in
                try catalog.refresh(try destination.ledger)
                copies = SnapshotCopies(catalog)
                there = copies[manifest].complete
                if there != nil { throw SnapError(.exists, "another copy was faster") }
                guides = try chooseGuides(manifest, building)
                takesTrees = try building.isUnrestricted && isTakenWhole(guides)
                return guides.last?.copy.manifest.id
            }
        } catch {
            if let there { return try bringNotes(manifest, to: there) }
            throw error
        }
        absentPacks = max(absentPacks, writer.absentPacks)
        let tree = TreeCopy(
            try SnapshotView(manifest, repository: source, caches: sourceCaches), to: writer,
            guides: guides, takesTrees: takesTrees && writer.absentPacks == 0, copied: copied,
            pulse: BackupPulse(
                writer, interval: options.checkpointInterval, isInterrupted: options.isInterrupted),
            advance: options.advance)
        return try finish(manifest, tree, writer)
    }

    /// Sends the tree and commits; what fails leaves nothing that is listed.
    private func finish(
        _ manifest: Manifest, _ tree: TreeCopy, _ writer: SnapshotWriter
    ) throws -> Outcome {
        let copy: Manifest
        do {
            let xattrs = try tree.run()
            copy = try writer.finish(root: Self.template(manifest).root, xattrs: xattrs)
        } catch {
            let error = SnapError.wrap(error)
            // A checkpoint on its way is worth waiting for.
            if error.kind == .interrupted { try writer.drain() } else { writer.abandon() }
            if error.isFinding, let damage = tree.damage { return .damaged(damage) }
            throw error
        }
        try catalog.refresh(try destination.ledger)
        let kept = try forgetSpares(of: copy)
        copies = SnapshotCopies(catalog)
        if kept.id != copy.id { return try bringNotes(manifest, to: kept) }
        _ = try bringNotes(manifest, to: copy)
        return .copied(copy, bytesRead: tree.bytesRead)
    }

    /// Where another run has made the same copy meanwhile, the one of the lowest id stays: so both
    /// runs choose, and who commits last sees both. Returns it.
    private func forgetSpares(of copy: Manifest) throws -> Manifest {
        let all = catalog.snapshots.filter {
            $0.state == .complete && $0.logicalID == copy.logicalID
        }.sorted { $0.id.lexicographicallyPrecedes($1.id) }
        guard all.count > 1, all.contains(where: { $0.id == copy.id }) else { return copy }
        try NoteBook.add(
            .forget, to: all.dropFirst().map(\.id),
            origin: Origin(time: Timestamp.now().seconds, host: options.host, user: ""),
            reason: "the same copy as \(all[0].hexID.prefix(8)), made at the same time",
            ledger: try destination.ledger)
        try catalog.refresh(try destination.ledger)
        return all[0]
    }

    /// The manifest of the copy but for its tree: the ids in the root are those of the source.
    private static func template(_ manifest: Manifest) -> Manifest {
        var template = manifest
        template.root.content = .none
        template.root.xattrs = .none
        return template
    }

    // MARK: Guides

    /// Whether directories of guides may be taken with all that is in them: the index may have lost
    /// what a repair could not save.
    private func isTakenWhole(_ guides: [Guide]) throws -> Bool {
        guard destination.objects.damagedSegments.isEmpty else { return false }
        return try guides.allSatisfy { try survey.isWhole($0.copy.manifest) }
    }

    /// How many snapshots are tried as a guide, should they be damaged.
    private static let triesMax = 4

    /// What an interrupted copy of the snapshot left, and the snapshot that is most like it of
    /// those that are at both sides.
    private func chooseGuides(_ manifest: Manifest, _ building: Building) throws -> [Guide] {
        var guides: [Guide] = []
        if let checkpoint = copies[manifest].checkpoint, building.allowsPredecessor(checkpoint.id),
            let guide = try guide(manifest, checkpoint)
        {
            guides.append(guide)
        }
        let others = originals.snapshots.compactMap { original -> (Manifest, Manifest)? in
            guard original.state == .complete, original.id != manifest.id,
                let copy = copies[original].complete, building.allowsPredecessor(copy.id)
            else { return nil }
            return (original, copy)
        }.sorted { Self.distance($0.0, manifest) < Self.distance($1.0, manifest) }
        for (original, copy) in others.prefix(Self.triesMax) {
            guard let guide = try guide(original, copy) else { continue }
            return guides + [guide]
        }
        return guides
    }

    /// Of the same series, else of the same host, the nearest in time.
    private static func distance(_ a: Manifest, _ b: Manifest) -> (Int, UInt64) {
        let kinship = a.series == b.series ? 0 : a.host == b.host ? 1 : 2
        let (first, last) = (min(a.time, b.time).seconds, max(a.time, b.time).seconds)
        return (kinship, UInt64(bitPattern: last) &- UInt64(bitPattern: first))
    }

    private func guide(_ original: Manifest, _ copy: Manifest) throws -> Guide? {
        do {
            let guide = Guide(
                original: try SnapshotView(original, repository: source, caches: sourceCaches),
                copy: try SnapshotView(copy, repository: destination, caches: copyCaches))
            // What the root cannot show, nothing below can be found by.
            for view in [guide.original, guide.copy] {
                try view.forEach(in: view.root) { _ in false }
            }
            return guide
        } catch let error as SnapError where error.isFinding { return nil }
    }
}
