// SPDX-License-Identifier: MIT
//
// The walk over the sources, on a thread of its own and ahead of the reading: it lists, reads
// attributes, recognises what is unchanged, opens files and has the kernel fetch them, so that a
// cold disk has many requests at once. An explicit stack of open directories: neither the length of
// a path nor its depth has a limit. Of a deep path only the last descriptors stay open; a closed
// one is opened again through "..", and compared.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// Not thread-safe; lives on the walking thread.
final class TreeWalk {
    private final class Frame {
        var directory: FileDescriptor?
        let device, inode: UInt64
        let names: [[UInt8]]
        var next = 0
        let predecessor: PredecessorDirectory?
        /// Whether the directory has an item of its own, which must be ended.
        let isEntry: Bool
        /// The file system that the source is on.
        let sourceDevice: UInt64

        init(
            _ directory: FileDescriptor, _ found: FileAttributes, names: [[UInt8]],
            _ predecessor: PredecessorDirectory?, isEntry: Bool, sourceDevice: UInt64
        ) {
            self.sourceDevice = sourceDevice
            self.directory = directory
            device = found.device
            inode = found.inode
            self.names = names
            self.predecessor = predecessor
            self.isEntry = isEntry
        }
    }

    /// Nobody wants more items.
    private struct Stopped: Error {}

    private static let openMax = 200
    /// What the kernel is asked to fetch of a file at once.
    private static let fetchMax = 1 << 20
    private static let batchMax = 32

    private let keys: DerivedKeys
    private let exclusion: Exclusion
    private let queue: BoundedQueue<[WalkItem]>
    /// Whether the kernel is to fetch the files ahead of their reading.
    private let fetches: Bool
    private var batch: [WalkItem] = []
    private var batchCost = 0
    private var owners = OwnerNames()
    private var stack: [Frame] = []
    private var path: [[UInt8]] = []
    private var predecessors: [Predecessor] = []
    /// The sources by their whole paths: one inside another is one of its own with
    /// --one-file-system.
    private var sources: Set<[UInt8]> = []

    init(
        keys: DerivedKeys, exclusion: Exclusion, queue: BoundedQueue<[WalkItem]>, fetches: Bool
    ) {
        self.fetches = fetches
        self.keys = keys
        self.exclusion = exclusion
        self.queue = queue
    }

    /// Walks everything; the last item is `.end`.
    func run(_ paths: [[UInt8]], predecessors views: [SnapshotView]) {
        predecessors = views.map { Predecessor($0) }
        do {
            let root = try walk(paths)
            try noteDamage()
            try emit(.end(.success((root, owners))))
            try flush()
        } catch is Stopped {
        } catch {
            _ = queue.append(batch + [.end(.failure(SnapError.wrap(error)))])
        }
    }

    /// Items go to the reading side in batches: waking it for each costs more than most items do.
    private func emit(_ item: WalkItem, cost: Int = 0) throws {
        batch.append(item)
        batchCost += cost
        if batch.count >= Self.batchMax || batchCost >= Self.fetchMax { try flush() }
    }

    private func flush() throws {
        if !queue.append(batch, cost: batchCost) { throw Stopped() }
        batch = []
        batchCost = 0
    }

    private func problem(_ path: [[UInt8]], _ error: any Error) throws {
        if error is Stopped { throw error }
        try emit(.problem(path: path, SnapError.wrap(error)))
    }

    private func noteDamage() throws {
        for predecessor in predecessors {
            if let damage = predecessor.takeDamage() { try emit(.damage(damage)) }
        }
    }

    // MARK: Sources

    private func walk(_ paths: [[UInt8]]) throws -> Entry {
        var tree = SourceTree()
        for path in paths { tree.add(path) }
        sources = Set(paths)
        let directory = try FileDescriptor.open("/", O_RDONLY | O_DIRECTORY)
        let found = try FileAttributes(of: directory, label: "/")
        let root = try entry([], found)
        let before = PredecessorDirectory(roots: predecessors)
        if tree.root.isSource {
            try push(directory, found, before, isEntry: false)
            try loop()
        } else {
            try ancestors(tree.root, directory, before)
        }
        return root
    }

    private func entry(_ name: [UInt8], _ found: FileAttributes) throws -> Entry {
        let attributes = try found.attributes(keys: keys)
        owners.note(attributes)
        return Entry(name: name, attributes: attributes.withoutCounts)
    }

    /// The directories on the way to the sources; as deep as the user typed.
    private func ancestors(
        _ node: SourceTree.Node, _ directory: FileDescriptor, _ predecessor: PredecessorDirectory?
    ) throws {
        for name in node.children.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let child = node.children[name]!
            do {
                if child.isSource {
                    try enter(name, in: directory, predecessor, isSource: true)
                    try loop()
                } else {
                    try ancestor(name, child, directory, predecessor)
                }
            } catch let error as SourceError {
                let path = path + [name]
                if error.isAbsence {
                    throw SnapError.wrap(error.cause).within("the source \(FileBackup.shown(path))")
                }
                try problem(path, error.cause)
            }
        }
    }

    /// A directory on the way: it is passed through, not read, so the right to search it is enough.
    private func ancestor(
        _ name: [UInt8], _ node: SourceTree.Node, _ directory: FileDescriptor,
        _ predecessor: PredecessorDirectory?
    ) throws {
        let (below, found) = try source {
            // Links are followed: they are how the user named it.
            let below = try Self.openDirectory(name, in: directory, TargetCalls.path)
            return (below, try FileAttributes(of: below, label: "it"))
        }
        path.append(name)
        try emit(
            .beginDirectory(
                try entry(name, found), xattrs: try xattrs(of: below), path: path,
                isNew: predecessor == nil))
        try ancestors(node, below, try predecessor?.below(name))
        try emit(.endDirectory)
        path.removeLast()
    }

    // MARK: Walking

    private func loop() throws {
        while let frame = stack.last {
            guard frame.next < frame.names.count else {
                try pop()
                continue
            }
            let name = frame.names[frame.next]
            frame.next += 1
            guard !exclusion.excludes(path + [name]) else { continue }
            guard let directory = frame.directory else { preconditionFailure("a closed frame") }
            do {
                try enter(name, in: directory, frame.predecessor, isSource: false)
                try noteDamage()
            } catch let error as SourceError {
                // Deleted since the listing: as if it had been a moment earlier.
                if !error.isAbsence { try problem(path + [name], error.cause) }
            }
        }
    }

    /// Sends one entry; a directory is pushed, its entries follow. A named source is never excluded
    /// by a pattern, whatever its type.
    private func enter(
        _ name: [UInt8], in directory: FileDescriptor, _ predecessor: PredecessorDirectory?,
        isSource: Bool
    ) throws {
        let found = try source {
            try name.withUnsafeBytes { try FileAttributes(at: directory, name: $0) }
        }
        let attributes = try found.attributes(keys: keys)
        let before = try predecessor?.entry(name)
        if attributes.isDirectory {
            return try enterDirectory(name, found, attributes, in: directory, predecessor, before)
        }
        if let limit = exclusion.largerThan, attributes.isRegular, attributes.size > limit,
            !isSource
        {
            return
        }
        owners.note(attributes)
        guard let before, let old = try before.entry() else {
            return try send(name, attributes, in: directory, before: nil)
        }
        // What a damaged or lost segment knew is nowhere: the file is read again.
        if attributes.isUnchanged(since: old.attributes, start: before.startTime),
            try before.isStored(old)
        {
            return try emit(.unchanged(old, in: path))
        }
        try send(name, attributes, in: directory, before: old)
    }

    private func enterDirectory(
        _ name: [UInt8], _ found: FileAttributes, _ attributes: Attributes,
        in directory: FileDescriptor, _ predecessor: PredecessorDirectory?,
        _ before: PredecessorEntry?
    ) throws {
        let identity = FileIdentity(found)
        if exclusion.directories.contains(identity) || exclusion.devices.contains(found.device) {
            return
        }
        owners.note(attributes)
        let opened = try source {
            try Self.openDirectory(name, in: directory, O_RDONLY | O_NOFOLLOW)
        }
        path.append(name)
        let xattrs = try directoryXattrs(attributes, opened, before)
        try emit(
            .beginDirectory(
                Entry(name: name, attributes: attributes.withoutCounts), xattrs: xattrs,
                path: path, isNew: before == nil))
        try push(opened, found, try predecessor?.below(name), isEntry: true)
    }

    private func push(
        _ directory: FileDescriptor, _ found: FileAttributes, _ predecessor: PredecessorDirectory?,
        isEntry: Bool
    ) throws {
        var names: [[UInt8]] = []
        let isSource =
            stack.isEmpty
            || exclusion.oneFileSystem && sources.contains(absolutePath(path))
        let sourceDevice = isSource ? found.device : stack.last!.sourceDevice
        if !(exclusion.oneFileSystem && found.device != sourceDevice) {
            do { names = try list(directory) } catch { try problem(path, error) }
        }
        stack.append(
            Frame(
                directory, found, names: names, predecessor, isEntry: isEntry,
                sourceDevice: sourceDevice))
        if stack.count > Self.openMax { stack[stack.count - 1 - Self.openMax].directory = nil }
    }

    private func list(_ directory: FileDescriptor) throws -> [[UInt8]] {
        if let tag = exclusion.tag(in: directory) { return [tag] }
        var names: [[UInt8]] = []
        try DirectoryReader(directory, label: FileBackup.shown(path)).forEach { name, _ in
            names.append(Array(name))
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        var kept: [[UInt8]] = []
        kept.reserveCapacity(names.count)
        // A directory that changes while it is listed may show a name twice.
        for name in names where name != kept.last {
            if name.withUnsafeBytes(isValidName) {
                kept.append(name)
            } else {
                // File systems that keep names in UTF-16 have some of more than 255 bytes.
                try problem(path + [name], SnapError(.unsupported, "has a name of over 255 bytes"))
            }
        }
        return kept
    }

    private func pop() throws {
        let frame = stack.removeLast()
        if frame.isEntry {
            try emit(.endDirectory)
            path.removeLast()
        }
        guard let parent = stack.last, parent.directory == nil else { return }
        let opened = try FileDescriptor.open(
            "..", at: frame.directory, O_RDONLY | O_DIRECTORY, label: FileBackup.shown(path))
        let found = try FileAttributes(of: opened, label: FileBackup.shown(path))
        guard found.device == parent.device, found.inode == parent.inode else {
            throw SnapError(
                .io, "\(FileBackup.shown(path)): a directory above it was moved during the backup")
        }
        parent.directory = opened
    }

    // MARK: Entries

    /// Sends what is not a directory and not unchanged.
    private func send(
        _ name: [UInt8], _ attributes: Attributes, in directory: FileDescriptor, before: Entry?
    ) throws {
        var entry = Entry(name: name, attributes: attributes)
        let xattrs = try source { try SourceXattrs.run(of: name, in: directory) }
        guard attributes.isRegular else {
            if attributes.isSymlink {
                entry.target = try source { try Self.linkTarget(name, in: directory) }
                entry.attributes.size = UInt64(entry.target.count)
            }
            return try emit(.entry(entry, xattrs: xattrs, path: path + [name], before: before))
        }
        let file = try source { try Self.openFile(name, in: directory) }
        let fetched = fetches ? Int(min(attributes.size, UInt64(Self.fetchMax))) : 0
        if fetched > 0 { posix_fadvise(file.number, 0, fetched, POSIX_FADV_WILLNEED) }
        try emit(
            .file(entry, file, xattrs: xattrs, path: path + [name], before: before), cost: fetched)
    }

    /// The extended attributes of a directory, from the predecessor where its ctime is the same.
    private func directoryXattrs(
        _ attributes: Attributes, _ directory: FileDescriptor, _ before: PredecessorEntry?
    ) throws -> [UInt8] {
        if let before {
            let old = before.attributes
            // A ctime as recent as the predecessor itself proves nothing.
            if old.ctime == attributes.ctime, old.inode == attributes.inode, old.isDirectory,
                !old.isRacy(before.startTime), let run = try before.xattrRun()
            {
                return run
            }
        }
        return try xattrs(of: directory)
    }

    /// Those of the directory at `path`; none, and a problem, where they cannot be read.
    private func xattrs(of directory: FileDescriptor) throws -> [UInt8] {
        do { return try SourceXattrs.run(of: directory) } catch {
            try problem(path, error)
            return []
        }
    }

    private static func openDirectory(
        _ name: [UInt8], in directory: FileDescriptor, _ flags: Int32
    ) throws -> FileDescriptor {
        try name.withUnsafeBytes {
            try withTerminated($0) {
                try FileDescriptor.open(name: $0, at: directory, flags | O_DIRECTORY)
            }
        }
    }

    private static func openFile(
        _ name: [UInt8], in directory: FileDescriptor
    ) throws -> FileDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        // O_NOATIME, which the overlay hides: only the owner and root may.
        let quiet: Int32 = 0o1000000
        return try name.withUnsafeBytes {
            try withTerminated($0) { path in
                do {
                    return try FileDescriptor.open(name: path, at: directory, flags | quiet)
                } catch let error as SnapError where error.code == EPERM {
                    return try FileDescriptor.open(name: path, at: directory, flags)
                }
            }
        }
    }

    private static func linkTarget(_ name: [UInt8], in directory: FileDescriptor) throws -> [UInt8]
    {
        var target = [UInt8](repeating: 0, count: 65536)
        let count = try name.withUnsafeBytes {
            try withTerminated($0) { path in
                try target.withUnsafeMutableBytes { out in
                    try systemCall("reading the symbolic link") {
                        readlinkat(
                            directory.number, path,
                            out.baseAddress!.assumingMemoryBound(to: CChar.self), out.count)
                    }
                }
            }
        }
        return Array(target[..<count])
    }
}

/// A failure of the source: the entry is reported and the backup goes on.
struct SourceError: Error {
    var cause: any Error

    /// Whether the entry is not there, or no longer.
    var isAbsence: Bool { (cause as? SnapError)?.code == ENOENT }
}

/// Turns the errors of body into failures of the source.
func source<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw SourceError(cause: error) }
}
