// SPDX-License-Identifier: MIT
//
// Backs up file trees: walks the sources by directory descriptors, recognises what is unchanged
// since the predecessor, and gives the rest to the snapshot writer.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// One backup of file trees. Used by one thread.
package final class FileBackup {
    package struct Options {
        /// Absolute, as SourcePaths.absolute gives them.
        package var paths: [[UInt8]] = []
        package var exclusion = Exclusion()
        /// Seconds between checkpoints.
        package var checkpointInterval: Int64 = 60
        /// Asked between entries and while a file is read: true ends the backup with a checkpoint.
        package var isInterrupted: () -> Bool = { false }
        /// Called with each entry that cannot be stored as it is.
        package var report: (SourceProblem) -> Void = { _ in }
        /// Called once for each damaged predecessor: what no other one can show is read again.
        package var noteDamage: (SnapError) -> Void = { _ in }
        /// Called with each entry that is stored, its path and whether its content was read.
        package var visit: (([UInt8], EntryStatus) -> Void)?
        package init() {}
    }

    package enum EntryStatus: Sendable { case new, changed, unchanged }

    private let repository: Repository
    private let options: Options
    private let progress: BackupProgress
    private let writer: SnapshotWriter?
    private let transfer: FileTransfer?
    private let pulse: BackupPulse

    /// Batches that the walk may be ahead of the reading, and bytes that the kernel fetches for it.
    private static let aheadMax = 8
    private static let aheadBytesMax = 32 << 20

    /// Without a writer, what would be read is counted: files are opened but not read.
    package init(
        repository: Repository, options: Options, progress: BackupProgress, writer: SnapshotWriter?
    ) {
        self.repository = repository
        self.options = options
        self.progress = progress
        self.writer = writer
        let pulse = BackupPulse(
            writer, interval: options.checkpointInterval, isInterrupted: options.isInterrupted)
        transfer = writer.map {
            FileTransfer(writer: $0, progress: progress, keys: repository.keys, pulse: pulse)
        }
        self.pulse = pulse
    }

    /// Sends the whole tree; returns the entry of "/". `predecessors` are the views to compare
    /// with: what the first does not have is looked for in the next.
    package func run(predecessors: [SnapshotView]) throws -> Entry {
        let queue = BoundedQueue<[WalkItem]>(
            countMax: Self.aheadMax, costMax: Self.aheadBytesMax)
        let (paths, exclusion, keys) = (options.paths, options.exclusion, repository.keys)
        let fetches = writer != nil
        let thread = try Thread("walk") {
            TreeWalk(keys: keys, exclusion: exclusion, queue: queue, fetches: fetches)
                .run(paths, predecessors: predecessors)
        }
        defer {
            queue.close()
            thread.join()
        }
        while let batch = queue.next() {
            for item in batch {
                if case .end(let result) = item {
                    let (root, owners) = try result.get()
                    progress.note(users: owners.users, groups: owners.groups)
                    return root
                }
                try take(item)
                try pulse.beat()
            }
        }
        preconditionFailure("the walk ended without a word")
    }

    private func take(_ item: WalkItem) throws {
        switch item {
        case .beginDirectory(let entry, let xattrs, let path, let isNew):
            try writer?.beginDirectory(entry, xattrs: xattrs)
            progress.update { $0.directories += 1 }
            options.visit?(absolutePath(path), isNew ? .new : .unchanged)
        case .endDirectory: try writer?.endDirectory()
        case .unchanged(let entry, let directory): try reuse(entry, directory + [entry.name])
        case .entry(let entry, let xattrs, let path, let before):
            try writer?.add(entry, xattrs: xattrs)
            progress.update { $0.others += 1 }
            visit(path, before)
        case .file(let entry, let file, let xattrs, let path, let before):
            if let transfer {
                let failure = try transfer.send(entry, file, xattrs: xattrs, before: before)
                if let failure { problem(path, failure) }
            } else {
                progress.file(entry, before: before)
                progress.update { $0.addRead(entry.attributes.size) }
            }
            visit(path, before)
        case .problem(let path, let error): problem(path, error)
        case .damage(let error): options.noteDamage(error)
        case .end: preconditionFailure("the end is not taken")
        }
    }

    private func reuse(_ entry: Entry, _ path: [[UInt8]]) throws {
        if let failure = writer?.refusal(of: entry) { return problem(path, failure) }
        try writer?.reuse(entry)
        progress.update {
            guard entry.attributes.isRegular else {
                $0.others += 1
                return
            }
            $0.filesUnchanged += 1
            $0.addUnchanged(entry.attributes.size)
        }
        options.visit?(absolutePath(path), .unchanged)
    }

    private func visit(_ path: [[UInt8]], _ before: Entry?) {
        options.visit?(absolutePath(path), before == nil ? .new : .changed)
    }

    private func problem(_ path: [[UInt8]], _ error: SnapError) {
        let problem = SourceProblem(path: absolutePath(path), message: error.message)
        progress.problem(problem)
        options.report(problem)
    }

    static func shown(_ path: [[UInt8]]) -> String {
        String(decoding: absolutePath(path), as: UTF8.self)
    }
}

/// The names behind the owner numbers that a backup met.
struct OwnerNames: Sendable {
    private(set) var users: [UInt32: String] = [:]
    private(set) var groups: [UInt32: String] = [:]
    private var seenUsers: Set<UInt32> = []
    private var seenGroups: Set<UInt32> = []
    private var last: (uid: UInt32, gid: UInt32)?
    private static let countMax = 4096

    mutating func note(_ attributes: Attributes) {
        if let last, last == (attributes.uid, attributes.gid) { return }
        last = (attributes.uid, attributes.gid)
        if seenUsers.count < Self.countMax, seenUsers.insert(attributes.uid).inserted {
            if let entry = getpwuid(attributes.uid) {
                users[attributes.uid] = String(cString: entry.pointee.pw_name)
            }
        }
        if seenGroups.count < Self.countMax, seenGroups.insert(attributes.gid).inserted {
            if let entry = getgrgid(attributes.gid) {
                groups[attributes.gid] = String(cString: entry.pointee.gr_name)
            }
        }
    }
}
