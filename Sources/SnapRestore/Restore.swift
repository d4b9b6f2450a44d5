// SPDX-License-Identifier: MIT
//
// Writes what a snapshot holds to a directory:
//
//   walk (the caller's thread)   enters and makes directories, cuts large files       (sequential)
//   workers                      make the other entries, write and compare content    (parallel)
//
// Every step is relative to the descriptor of a directory that was opened without following links,
// so nothing is written outside the target whatever lies there. A directory gets its attributes
// once all that belongs directly into it is done, because that changes its times.

import Glibc
import SnapBase
import SnapFormat
import SnapView
import Synchronization

/// One restore; `run` may be called once.
package final class Restore: Sendable {
    /// What becomes of an entry that is there already.
    package enum Overwrite: Sendable {
        case always
        /// Its content only if size or modification time differ.
        case ifChanged
        /// Only if the snapshot's is newer.
        case ifNewer
        case never
    }

    /// What was done, or in a dry run would be done, with an entry.
    package enum Action: String, Sendable {
        case restored, updated, unchanged, kept, deleted
    }

    package struct Options: Sendable {
        package var overwrite = Overwrite.always
        /// Patterns on paths below the start.
        package var includes: [PathPattern] = []
        package var excludes: [PathPattern] = []
        /// Delete what the snapshot does not have from restored directories.
        package var delete = false
        /// Directories in which nothing is written or deleted: the repository and the cache.
        package var guarded: Set<FileIdentity> = []
        package var dryRun = false
        /// Threads that write content; 0 is one per core, at most 8.
        package var threads = 0
        /// Asked between entries: true ends the restore.
        package var isInterrupted: @Sendable () -> Bool = { false }
        /// Called, from any thread, with the path of each entry that is not restored as it was.
        package var report: @Sendable ([UInt8], SnapError) -> Void = { _, _ in }
        /// Called, from any thread, with each entry.
        package var visit: (@Sendable (Action, [UInt8]) -> Void)?
        /// Called, from any thread, with entries and bytes that are done.
        package var progress: @Sendable (Int, Int) -> Void = { _, _ in }
        package init() {}
    }

    /// What a restore did. Entries are files, directories and others; bytes are content.
    package struct Summary: Sendable {
        package var entries: UInt64 = 0
        package var bytes: UInt64 = 0
        package var entriesRestored: UInt64 = 0
        package var bytesRestored: UInt64 = 0
        /// There already, and left as they are or given their attributes only.
        package var entriesSkipped: UInt64 = 0
        package var bytesSkipped: UInt64 = 0
        package var entriesDeleted: UInt64 = 0
        /// Entries that are not restored as they were.
        package var problems: UInt64 = 0
        /// Some of them because the repository is damaged.
        package var isDamaged = false
        package init() {}
    }

    let view: SnapshotView
    let start: Place
    /// The path of the start in the snapshot; of a file, that of its directory.
    let startPath: [[UInt8]]
    let options: Options
    let selection: Selection
    let groups = LinkGroups()
    /// Whether owners and privileged attributes can be expected to be restored.
    let isPrivileged = geteuid() == 0
    private let target: [UInt8]
    private let hasPath: Bool
    private let state = Mutex(State())
    /// A directory of each file system that is written to, by the number of its mount.
    private let fileSystems = Mutex<[UInt64: FileDescriptor]>([:])
    private let stopped = Atomic<Bool>(false)

    private struct State {
        var summary = Summary()
        var failure: SnapError?
    }

    /// Restores to `target` what lies at `start`, to which these names lead from the root of the
    /// snapshot; without any it is the whole snapshot.
    package init(
        _ view: SnapshotView, start: Place, components: [[UInt8]], target: [UInt8],
        options: Options
    ) {
        self.view = view
        self.start = start
        self.target = target
        self.options = options
        hasPath = !components.isEmpty
        startPath = start.attributes.isDirectory ? components : Array(components.dropLast())
        selection = Selection(includes: options.includes, excludes: options.excludes)
    }

    /// Entries and bytes at and below the start.
    package var expected: (entries: UInt64, bytes: UInt64) {
        let attributes = start.attributes
        return attributes.isDirectory
            ? (attributes.count + (hasPath ? 1 : 0), attributes.size)
            : (1, attributes.isRegular ? attributes.size : 0)
    }

    /// Restores. Problems of single entries are reported and counted; throws what ends the whole:
    /// `.interrupted`, a full file system, a target that cannot be used, `.refused` for one that
    /// lies in a guarded directory.
    package func run() throws -> Summary {
        try requireTargetOutside()
        let (root, isNew) = try TargetRoot.open(target, create: !options.dryRun)
        let isDirectory = start.attributes.isDirectory
        if let root { noteFileSystem(of: root, try FileAttributes(of: root, label: "the target")) }
        let directory = TargetDirectory(
            root: root, isNew: isNew, path: startPath,
            place: hasPath && isDirectory ? start : nil)
        let queue = JobQueue<Job>(limit: threadCount * 2)
        var workers: [Thread] = []
        do {
            try startWorkers(&workers, queue, root)
            let walk = RestoreWalk(self, queue: queue, root: directory, descriptor: root)
            try isDirectory ? walk.run() : walk.run(file: start)
        } catch { stop(SnapError.wrap(error)) }
        queue.close()
        workers.forEach { $0.join() }
        if let failure = state.withLock({ $0.failure }) { throw failure }
        if !options.dryRun { try synchronize() }
        return state.withLock { $0.summary }
    }

    private func requireTargetOutside() throws {
        if options.guarded.isEmpty { return }
        let position = try DirectoryPosition(target)
        guard !options.guarded.contains(where: position.isWithin) else {
            throw SnapError(
                .refused,
                "the target \(String(decoding: target, as: UTF8.self)) is the repository or the "
                    + "cache, or lies in it; give another one")
        }
    }

    private func synchronize() throws {
        for directory in fileSystems.withLock({ Array($0.values) }) {
            try systemCall("making the restored files durable") {
                TargetCalls.synchronizeFileSystem(directory.number)
            }
        }
    }

    private func startWorkers(
        _ workers: inout [Thread], _ queue: JobQueue<Job>, _ root: FileDescriptor?
    ) throws {
        for _ in 0..<threadCount {
            workers.append(
                try Thread("restore") { [self] in
                    let writer = EntryWriter(self, root: root)
                    while let job = queue.pop() { writer.run(job) }
                })
        }
    }

    private var threadCount: Int {
        options.threads > 0 ? options.threads : Processors.count(in: 1...8)
    }

    // MARK: Of all threads

    /// Makes every thread end what it does; what is half written is removed.
    func stop(_ error: SnapError) {
        state.withLock { $0.failure = $0.failure ?? error }
        stopped.store(true, ordering: .releasing)
    }

    var isStopped: Bool { stopped.load(ordering: .acquiring) }

    /// Throws once the restore was stopped.
    func checkStopped() throws {
        if isStopped { throw SnapError(.interrupted, "the restore was stopped") }
    }

    /// Asks whether the user wants the end; on the thread of the walk.
    func checkInterrupted() throws {
        if options.isInterrupted() { stop(SnapError(.interrupted, "interrupted")) }
        try checkStopped()
    }

    /// Reports an entry that is not restored as it was; a full file system ends the restore.
    func problem(_ path: @autoclosure () -> [UInt8], _ error: any Error) {
        let error = SnapError.wrap(error)
        if isStopped { return }
        if error.kind == .noSpace {
            let path = String(decoding: path(), as: UTF8.self)
            stop(error.within(path))
            return
        }
        state.withLock {
            $0.summary.problems += 1
            if error.kind == .damaged { $0.summary.isDamaged = true }
        }
        options.report(path(), error)
    }

    /// Remembers where a directory lies, to make what is written to it durable at the end.
    func noteFileSystem(of directory: FileDescriptor, _ found: FileAttributes) {
        fileSystems.withLock { if $0[found.mount] == nil { $0[found.mount] = directory } }
    }

    /// Throws `.refused` for a guarded directory.
    func requireUnguarded(_ found: FileAttributes) throws {
        guard !options.guarded.contains(FileIdentity(found)) else {
            throw SnapError(
                .refused, "is the repository or the cache, where nothing is restored or deleted")
        }
    }

    /// Counts an entry that was met.
    func found(_ attributes: Attributes) {
        let bytes = attributes.isRegular ? attributes.size : 0
        state.withLock {
            $0.summary.entries += 1
            $0.summary.bytes += bytes
        }
    }

    /// Counts and shows an entry that is done.
    func done(_ action: Action, bytes: UInt64, _ path: @autoclosure () -> [UInt8]) {
        state.withLock {
            switch action {
            case .restored, .updated:
                $0.summary.entriesRestored += 1
                $0.summary.bytesRestored += bytes
            case .unchanged, .kept:
                $0.summary.entriesSkipped += 1
                $0.summary.bytesSkipped += bytes
            case .deleted: $0.summary.entriesDeleted += 1
            }
        }
        if action != .deleted { options.progress(1, 0) }
        if let visit = options.visit { visit(action, path()) }
    }
}
