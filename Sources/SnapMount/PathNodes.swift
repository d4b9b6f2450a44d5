// SPDX-License-Identifier: MIT
//
// history/ in a mount of all snapshots: each path that is in one of them, file first. A path that
// was ever a directory is the directory of all names that were ever in it; any other one is a
// directory of its versions, each a node of its snapshot like those below snapshots/. What a path
// was besides a directory is in its `@versions`. A path is numbered by the first snapshot that has
// it, so new snapshots change no number, and a number says where to look for the names.

import SnapBase
import SnapFormat
import SnapFuse
import SnapView

/// Answers for the paths of history/. Thread-safe.
final class PathNodes: Sendable {
    /// A path, and the snapshots that tell of it.
    struct Path {
        let components: [[UInt8]]
        let tree: HistoryTree
    }

    /// What a path is in a state of the tree.
    private final class Known: Sendable {
        let generation: UInt64
        let summary: PathTrace.Summary
        /// What it was besides a directory, oldest first.
        let versions: [PathChange]
        /// Which of them began in the snapshot of a slot.
        let positions: [Int: Int]

        init(_ trace: PathTrace, _ tree: HistoryTree) throws {
            generation = tree.generation
            summary = try trace.summary(in: tree.snapshots)
            versions =
                summary.wasOther ? trace.changes(in: tree.snapshots).filter(\.isVersion) : []
            // A snapshot begins one version of a path.
            positions = Dictionary(
                uniqueKeysWithValues: versions.enumerated().map {
                    (tree.snapshots[$1.first].number, $0)
                })
        }

        var memory: Int { 300 + 150 * versions.count }
    }

    /// Names that are being listed.
    private struct Listing: Sendable {
        var generation: UInt64
        var window: UnionWindow
    }

    private let history = PathHistory()
    private let known = LRUCache<[UInt8], Known>(costMax: 4 << 20)
    private let windows = LRUCache<[UInt8], Listing>(costMax: 4 << 20)
    private let paths = LRUCache<UInt64, [[UInt8]]>(costMax: 2 << 20)
    private static let versionsName = Array("@versions".utf8)
    /// Names behind one that is asked for in a directory that is being listed, and how many
    /// answers of snapshots they may come to.
    private static let aheadMax = 64
    private static let aheadStepsMax = 1 << 17

    /// The names that lead to a node of a snapshot.
    func components(_ node: UInt64, _ view: SnapshotView) throws -> [[UInt8]] {
        if let components = paths.value(node) { return components }
        let components = try view.components(NodeNumber.rank(node))
        paths.insert(node, components, cost: components.reduce(100) { $0 + $1.count + 32 })
        return components
    }

    private func known(_ path: Path) throws -> Known {
        let key = absolutePath(path.components)
        if let known = known.value(key), known.generation == path.tree.generation { return known }
        let made = try Known(try trace(path), path.tree)
        known.insert(key, made, cost: made.memory + key.count)
        return made
    }

    private func trace(_ path: Path) throws -> PathTrace {
        let trace = try history.trace(
            path.components, in: path.tree.snapshots, ahead: ahead(path))
        // What is missing must not look as if it had never been there.
        guard trace.failures.isEmpty else { throw failure(trace, path) }
        return trace
    }

    /// The names that follow a path where its directory is being listed.
    private func ahead(_ path: Path) -> [[UInt8]] {
        guard let name = path.components.last, !history.isKnown(path.components),
            let listing = windows.value(absolutePath(path.components.dropLast())),
            let following = listing.window.entries(behind: name)
        else { return [] }
        let count = Self.aheadStepsMax / max(1, path.tree.snapshots.count)
        return following.prefix(min(count, Self.aheadMax)).map(\.name)
    }

    private func failure(_ trace: PathTrace, _ path: Path) -> SnapError {
        for snapshot in path.tree.snapshots {
            guard let error = trace.failures[snapshot.number] else { continue }
            let name = path.tree.names[snapshot.number] ?? ""
            return SnapError(
                .damaged,
                "history/: snapshot \(name): \(error.message); "
                    + "the other snapshots are in snapshots/")
        }
        return SnapError(.damaged, "history/: a snapshot cannot be read")
    }

    // MARK: Entries

    /// The directory that stands for a path, or for its versions.
    func entry(_ node: UInt64, _ path: Path) throws -> NodeEntry {
        let access =
            NodeNumber.isVersions(node) ? SharedAccess() : try known(path).summary.access
        return directory(node, access, path.tree)
    }

    private func directory(
        _ node: UInt64, _ access: SharedAccess, _ tree: HistoryTree
    ) -> NodeEntry {
        let inode = NodeNumber.isPath(node) ? NodeNumber.inode(path: node) : node
        var attributes = NodeAttributes(directory: inode, mode: access.mode, time: tree.time)
        attributes.uid = access.uid
        attributes.gid = access.gid
        return NodeEntry(
            node: node, attributes: attributes, lifetime: HistoryFileSystem.lifetime)
    }

    /// A version: the node that it is in its snapshot.
    private func entry(_ state: PathState, slot: Int) -> NodeEntry {
        let node = NodeNumber.number(
            slot: slot, rank: state.rank, isBare: state.version.entry.xattrs == .none)
        return NodeEntry(
            node: node, attributes: NodeAttributes(state.version.entry.attributes, node: node),
            lifetime: HistoryFileSystem.lifetime)
    }

    // MARK: Looking up

    func lookup(
        _ name: UnsafeRawBufferPointer, in node: UInt64, _ path: Path
    ) throws -> LookupResult {
        let isUnion = try isUnion(node, path)
        let found = isUnion ? try child(Array(name), path) : try version(Array(name), path)
        return found.map(LookupResult.entry) ?? .absent(lifetime: HistoryFileSystem.lifetime)
    }

    /// Whether a node holds names, not versions.
    private func isUnion(_ node: UInt64, _ path: Path) throws -> Bool {
        if NodeNumber.isVersions(node) { return false }
        return try path.components.isEmpty || known(path).summary.wasDirectory
    }

    private func version(_ name: [UInt8], _ path: Path) throws -> NodeEntry? {
        let known = try known(path)
        guard let slot = path.tree.slots[name], let position = known.positions[slot],
            let state = known.versions[position].state
        else { return nil }
        return entry(state, slot: slot)
    }

    private func child(_ name: [UInt8], _ path: Path) throws -> NodeEntry? {
        let below = Path(components: path.components + [name], tree: path.tree)
        let summary = try known(below).summary
        if let first = summary.first {
            let node = NodeNumber.path(slot: first.number, rank: first.state.rank)
            return directory(node, summary.access, path.tree)
        }
        return try name == versionsName(path) ? versions(path) : nil
    }

    // MARK: @versions

    /// The directory of what a path was besides a directory; nil where it never was anything else.
    private func versions(_ path: Path) throws -> NodeEntry? {
        let summary = try known(path).summary
        guard summary.wasOther, let first = summary.first else { return nil }
        let node = NodeNumber.path(slot: first.number, rank: first.state.rank, versions: true)
        return directory(node, SharedAccess(), path.tree)
    }

    /// `@versions`, with one more @ for each such name that is taken; nil where all are.
    private func versionsName(_ path: Path) throws -> [UInt8]? {
        var name = Self.versionsName
        while name.count <= 255 {
            let child = Path(components: path.components + [name], tree: path.tree)
            if try known(child).summary.first == nil { return name }
            name.insert(UInt8(ascii: "@"), at: 0)
        }
        return nil
    }

    // MARK: Listing

    /// Cookies: 1 after ".", 2 after "..", 3 after `@versions`; behind a name the number of its
    /// entry in the first snapshot that has it, behind a version the slot of its snapshot and 2.
    /// Both are good for the life of the mount: `view` knows the snapshots that are gone, too.
    func list(
        _ node: UInt64, _ path: Path, from cookie: UInt64, into reply: inout DirectoryReply,
        view: (Int) throws -> SnapshotView
    ) throws {
        let inode = NodeNumber.isPath(node) ? NodeNumber.inode(path: node) : node
        if cookie < 1, !reply.addCurrent(inode: inode, next: 1) { return }
        if cookie < 2, !reply.addParent(inode: HistoryTree.root, next: 2) { return }
        guard try isUnion(node, path) else {
            return try listVersions(path, from: cookie, into: &reply, view)
        }
        if cookie < 3, let versions = try versions(path), let name = try versionsName(path) {
            let added = try name.withUnsafeBytes {
                try reply.add(name: $0, entry: versions, next: 3)
            }
            if !added { return }
        }
        var last: [UInt8] = []
        if cookie > 3 {
            last = try view(NodeNumber.slot(cookie)).place(NodeNumber.rank(cookie)).name
        }
        try listNames(path, behind: last, into: &reply)
    }

    private func listNames(
        _ path: Path, behind name: [UInt8], into reply: inout DirectoryReply
    ) throws {
        var last = name
        while true {
            let entries = try names(path, behind: last)
            guard let end = entries.last?.name else { return }
            for item in entries {
                let child = directory(
                    NodeNumber.path(slot: item.snapshot, rank: item.rank), item.access, path.tree)
                let added = try item.name.withUnsafeBytes {
                    try reply.add(
                        name: $0, entry: child,
                        next: NodeNumber.number(slot: item.snapshot, rank: item.rank))
                }
                if !added { return }
            }
            last = end
        }
    }

    /// Some of the names behind one; none where no names follow.
    private func names(_ path: Path, behind name: [UInt8]) throws -> ArraySlice<UnionEntry> {
        let key = absolutePath(path.components)
        let generation = path.tree.generation
        if let listing = windows.value(key), listing.generation == generation,
            let entries = listing.window.entries(behind: name)
        {
            return entries
        }
        let window = try trace(path).window(in: path.tree.snapshots, behind: name)
        windows.insert(
            key, Listing(generation: generation, window: window), cost: window.memory + key.count)
        return window.entries[...]
    }

    private func listVersions(
        _ path: Path, from cookie: UInt64, into reply: inout DirectoryReply,
        _ view: (Int) throws -> SnapshotView
    ) throws {
        let tree = path.tree
        let known = try known(path)
        let first =
            cookie > 2
            ? next(known, tree, behind: try view(Int(clamping: cookie - 2)).manifest) : 0
        for change in known.versions[first...] {
            let slot = tree.snapshots[change.first].number
            guard let state = change.state, let name = tree.names[slot] else { continue }
            let entry = entry(state, slot: slot)
            let added = try Array(name.utf8).withUnsafeBytes {
                try reply.add(name: $0, entry: entry, next: UInt64(slot) + 2)
            }
            if !added { return }
        }
    }

    /// Index of the first version that began after a snapshot, which may be gone.
    private func next(_ known: Known, _ tree: HistoryTree, behind manifest: Manifest) -> Int {
        var (low, high) = (0, known.versions.count)
        while low < high {
            let middle = (low + high) / 2
            let other = tree.snapshots[known.versions[middle].first].view.manifest
            if Manifest.isBefore(manifest, other) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
