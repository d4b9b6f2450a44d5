// SPDX-License-Identifier: MIT
//
// Backs up file trees: walks the sources by directory descriptors, recognises what is unchanged since
// the predecessor, and gives the rest to the snapshot writer.

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
        /// Asked between entries: true ends the backup with a checkpoint.
        package var isInterrupted: () -> Bool = { false }
        /// Called with each entry that cannot be stored as it is.
        package var report: (SourceProblem) -> Void = { _ in }
        /// Called with each entry that is stored, its path and whether its content was read.
        package var visit: (([UInt8], EntryStatus) -> Void)?
        package init() {}
    }

    package enum EntryStatus: Sendable { case new, changed, unchanged }

    let repository: Repository
    let options: Options
    let progress: BackupProgress
    let writer: any EntrySink
    var owners = OwnerNames()
    private var lastCheckpoint: Int64

    package init(
        repository: Repository, options: Options, progress: BackupProgress, writer: any EntrySink
    ) {
        self.repository = repository
        self.options = options
        self.progress = progress
        self.writer = writer
        lastCheckpoint = Timestamp.now().seconds
    }

    /// Sends the whole tree; returns the entry of "/". `predecessor` is the view to compare with.
    package func run(predecessor: SnapshotView?) throws -> Entry {
        var tree = SourceTree()
        for path in options.paths { tree.add(path) }
        let directory = try FileDescriptor.open("/", O_RDONLY | O_DIRECTORY)
        let found = try FileAttributes(of: directory, label: "/")
        let root = try ancestorEntry([], found, directory)
        let before = predecessor.map { PredecessorDirectory(view: $0, place: $0.root) }
        let walk = TreeWalk(self)
        if tree.root.isSource {
            try walk.walk(directory, path: [], device: found.device, predecessor: before)
        } else {
            try ancestors(tree.root, directory, path: [], before, walk)
        }
        progress.note(users: owners.users, groups: owners.groups)
        return root.entry
    }

    /// The entry of a directory above the sources, by its own attributes.
    private func ancestorEntry(
        _ name: [UInt8], _ found: FileAttributes, _ directory: FileDescriptor
    ) throws -> (entry: Entry, xattrs: [UInt8]) {
        let attributes = try found.attributes(keys: repository.keys)
        owners.note(attributes)
        return (
            Entry(name: name, attributes: attributes.withoutCounts),
            name.isEmpty ? [] : ((try? SourceXattrs.run(of: directory)) ?? [])
        )
    }

    private func ancestors(
        _ node: SourceTree.Node, _ directory: FileDescriptor, path: [[UInt8]],
        _ predecessor: PredecessorDirectory?, _ walk: TreeWalk
    ) throws {
        for name in node.children.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let child = node.children[name]!
            let childPath = path + [name]
            if child.isSource {
                try walk.source(name, in: directory, path: childPath, predecessor)
                continue
            }
            // Links on the way to a source are followed: they are how the user named it.
            let below = try within("opening \(Self.shown(childPath))") {
                try name.withUnsafeBytes {
                    try withTerminated($0) {
                        try FileDescriptor.open(name: $0, at: directory, O_RDONLY | O_DIRECTORY)
                    }
                }
            }
            let found = try FileAttributes(of: below, label: Self.shown(childPath))
            let (entry, xattrs) = try ancestorEntry(name, found, below)
            try writer.beginDirectory(entry, xattrs: xattrs)
            try ancestors(child, below, path: childPath, try predecessor?.below(name), walk)
            try writer.endDirectory()
        }
    }

    /// Once an entry: checkpoint when it is time, and the end when the user wants it.
    func tick() throws {
        if options.isInterrupted() {
            try writer.checkpoint()
            throw SnapError(
                .interrupted, "interrupted; what was read is kept, run the same backup again")
        }
        let now = Timestamp.now().seconds
        if now - lastCheckpoint >= options.checkpointInterval || now < lastCheckpoint {
            lastCheckpoint = now
            try writer.checkpoint()
        }
    }

    func problem(_ path: [[UInt8]], _ error: any Error) {
        let problem = SourceProblem(
            path: Self.joined(path), message: SnapError.wrap(error).message)
        progress.problem(problem)
        options.report(problem)
    }

    static func joined(_ path: [[UInt8]]) -> [UInt8] { [0x2f] + path.joined(separator: [0x2f]) }

    static func shown(_ path: [[UInt8]]) -> String { String(decoding: joined(path), as: UTF8.self) }
}

/// A directory of the predecessor.
struct PredecessorDirectory {
    let view: SnapshotView
    let place: Place

    func place(_ name: [UInt8]) throws -> Place? { try view.lookup(name, in: place) }

    func below(_ name: [UInt8]) throws -> PredecessorDirectory? {
        guard let found = try place(name), found.attributes.isDirectory else { return nil }
        return PredecessorDirectory(view: view, place: found)
    }
}

/// The names behind the owner numbers that a backup met.
struct OwnerNames {
    private(set) var users: [UInt32: String] = [:]
    private(set) var groups: [UInt32: String] = [:]
    private var seenUsers: Set<UInt32> = []
    private var seenGroups: Set<UInt32> = []
    private static let countMax = 4096

    mutating func note(_ attributes: Attributes) {
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
