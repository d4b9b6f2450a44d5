// SPDX-License-Identifier: MIT
//
// One run of `backup`: from the options to a committed snapshot and its summary.

import ArgumentParser
import Glibc
import SnapBase
import SnapFiles
import SnapFormat
import SnapFuse
import SnapRepository
import SnapView

struct BackupRun {
    let access: RepositoryAccess
    let output: Output
    let command: BackupCommand
    private let counts = BackupProgress()

    init(_ access: RepositoryAccess, _ output: Output, _ command: BackupCommand) {
        self.access = access
        self.output = output
        self.command = command
    }

    func run(_ source: BackupSources.Source) throws {
        let progress = Progress(output)
        defer { progress.finish() }
        let manifest: Manifest?
        switch source {
        case .paths(let paths): manifest = try files(paths, progress)
        case .standardInput(let name): manifest = try stream(0, name, progress) {}
        case .command(let words, let name):
            let child = try ChildProcess(words)
            do {
                manifest = try stream(child.output, name, progress) { try child.wait() }
            } catch {
                child.cancel()
                throw error
            }
        }
        progress.finish()
        try BackupSummary(counts, manifest, seconds: progress.seconds).print(output)
        if counts.problems.1 > 0 { throw ExitStatus.incomplete.code }
    }

    // MARK: Manifest

    private func template(_ source: Manifest.Source, _ paths: [[UInt8]]) -> Manifest {
        let now = command.description.time?.timestamp ?? Timestamp.now()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var manifest = Manifest(id: [UInt8](repeating: 0, count: 16), time: now, root: root)
        manifest.startTime = Timestamp.now()
        manifest.host = command.description.host?.text ?? Origin.hostName
        manifest.user = Origin.userName
        manifest.source = source
        manifest.paths = paths.sorted { $0.lexicographicallyPrecedes($1) }
        manifest.job = command.description.job?.text
        manifest.tags = command.description.tags.map(\.text)
        manifest.program = Version.words
        return manifest
    }

    /// What entries are taken from, those first that are asked first: the newest snapshot or
    /// checkpoint of the same series that can be read and that no open collection takes. A run
    /// that was interrupted early knows less than the one before it: so behind a checkpoint come
    /// older ones that reached further, and the newest complete snapshot. Listed after the session
    /// was announced.
    private func predecessors(_ template: Manifest, _ building: Building) throws -> [SnapshotView] {
        let series = try access.repository.catalog().snapshots.filter {
            $0.series == template.series && building.allowsPredecessor($0.id)
        }
        var views: [SnapshotView] = []
        var reached: UInt64 = 0
        // Not by its time, which users choose: what was read last is most like what is there.
        for manifest in series.sorted(by: { $0.endTime > $1.endTime }) {
            let isCheckpoint = manifest.state == .checkpoint
            let isFurther = manifest.totals.files > reached && views.count < Self.checkpointsMax
            if isCheckpoint, !views.isEmpty, !isFurther { continue }
            guard let view = try readable(manifest) else { continue }
            views.append(view)
            if !isCheckpoint { break }
            reached = manifest.totals.files
        }
        return views
    }

    /// Checkpoints that are asked: runs that each reached less than the one before are rare.
    private static let checkpointsMax = 3

    /// The view of a predecessor; nil, and a warning, where its root cannot be read: what that
    /// cannot show, nothing below can be recognised by.
    private func readable(_ manifest: Manifest) throws -> SnapshotView? {
        do {
            let view = try access.view(manifest)
            try view.forEach(in: view.root) { _ in false }
            return view
        } catch let error as SnapError where error.isFinding {
            output.warning(
                "warning: snapshot \(manifest.hexID.prefix(8)) is damaged, not used: \(error)")
            return nil
        }
    }

    // MARK: Sources

    private func files(_ named: [[UInt8]], _ progress: Progress) throws -> Manifest? {
        let paths = try SourcePaths.distinct(named)
        try SourcePaths.requireExisting(paths)
        let template = template(.files, paths)
        var options = FileBackup.Options()
        options.paths = paths
        options.exclusion = try exclusion(paths)
        options.checkpointInterval = command.checkpointInterval.seconds
        options.isInterrupted = poll(progress)
        options.report = { [output] problem in
            output.warning("\(name: problem.path): \(problem.message)")
        }
        options.noteDamage = { [output] error in
            output.warning(
                "warning: a predecessor is damaged, what it cannot show is read again: \(error)")
        }
        options.visit = visitor()
        var predecessors: [SnapshotView] = []
        func choose(_ building: Building) throws -> [UInt8]? {
            predecessors = try self.predecessors(template, building)
            if let fullest = predecessors.last?.manifest.totals {
                progress.expect(items: fullest.files, bytes: fullest.bytes)
            }
            return predecessors.first?.manifest.id
        }
        if command.dryRun {
            _ = try choose(Building(CollectionState()))
            let run = FileBackup(
                repository: access.repository, options: options, progress: counts,
                writer: nil)
            _ = try run.run(predecessors: predecessors)
            return nil
        }
        let writer = try SnapshotWriter(
            repository: access.repository, template: template, progress: counts,
            threads: Processors.count(in: 2...16), predecessor: choose)
        let run = FileBackup(
            repository: access.repository, options: options, progress: counts, writer: writer)
        return try finish(writer) { try run.run(predecessors: predecessors) }
    }

    private func stream(
        _ descriptor: Int32, _ name: [UInt8], _ progress: Progress, _ ended: () throws -> Void
    ) throws -> Manifest? {
        let path = try SourcePaths.absolute([UInt8(ascii: "/")] + name)
        let template = template(.stream, [path])
        let writer = try SnapshotWriter(
            repository: access.repository, template: template, progress: counts,
            threads: Processors.count(in: 2...16))
        return try finish(writer) {
            let root = try StreamBackup.run(
                descriptor: descriptor, path: path, time: template.time, writer: writer,
                progress: counts, checkpointInterval: command.checkpointInterval.seconds,
                isInterrupted: poll(progress))
            try ended()
            // What a signal has ended may have ended early, whatever its status says.
            try Interruption.check()
            return root
        }
    }

    /// Runs the source and commits; on any failure nothing is listed.
    private func finish(_ writer: SnapshotWriter, _ source: () throws -> Entry) throws -> Manifest {
        if writer.absentPacks > 0 {
            let packs = Format.count(UInt64(writer.absentPacks), "pack is", "packs are")
            output.warning(
                Text(
                    "warning: \(packs) missing or cut short; what the sources still have of it is "
                        + "stored again, 'snapfs check' says which snapshots are damaged"))
        }
        let root: Entry
        do { root = try source() } catch {
            let error = SnapError.wrap(error)
            // A checkpoint on its way is worth waiting for.
            if error.kind == .interrupted { try writer.drain() } else { writer.abandon() }
            throw error
        }
        let manifest = try writer.finish(root: root)
        try recording({ try record(manifest) }) {
            guard let end = command.description.holdUntil?.seconds else { return }
            try NoteBook.add(
                .hold(until: end), to: [manifest.id], origin: .current(),
                ledger: try access.repository.ledger)
        }
        return manifest
    }

    private func record(_ manifest: Manifest) throws {
        try access.audit(
            "backup", snapshots: [manifest.id],
            counts: [
                ("files", manifest.totals.files), ("bytes", manifest.totals.bytes),
                ("bytes_added", manifest.totals.bytesStored), ("errors", manifest.problemCount),
            ])
    }

    private func exclusion(_ paths: [[UInt8]]) throws -> Exclusion {
        var exclusion = Exclusion()
        exclusion.patterns = try command.exclusions.patterns().map { try PathPattern($0) }
        exclusion.ifPresent = command.exclusions.marks
        if command.exclusions.caches { exclusion.ifPresent.append(Exclusion.cacheTag) }
        exclusion.largerThan = command.exclusions.largerThan?.bytes
        exclusion.oneFileSystem = command.exclusions.oneFileSystem
        exclusion.directories = try command.global.ownDirectories()
        // The history in a source would grow by itself with every backup; named, it is meant.
        for mount in try MountTable.read() where mount.type == "fuse.snapfs" {
            let above = mount.mountPoint + [0x2f]
            let isNamed = paths.contains { path in (path + [0x2f]).starts(with: above) }
            if !isNamed { exclusion.devices.insert(mount.device) }
        }
        return exclusion
    }

    /// What a source asks now and then: whether to end. Shows how far it is.
    private func poll(_ progress: Progress) -> () -> Bool {
        guard output.showsProgress else { return { Interruption.requested } }
        return { [counts] in
            let seen = counts.counts
            progress.set(
                items: seen.filesNew + seen.filesChanged + seen.filesUnchanged, bytes: seen.bytes)
            return Interruption.requested
        }
    }

    private func visitor() -> (([UInt8], FileBackup.EntryStatus) -> Void)? {
        guard output.level == .verbose else { return nil }
        return { [output] path, status in
            try? output.detail("\(Self.word(status)) \(name: path)")
        }
    }

    private static func word(_ status: FileBackup.EntryStatus) -> String {
        switch status {
        case .new: "new      "
        case .changed: "changed  "
        case .unchanged: "unchanged"
        }
    }
}
