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

    /// The windows that are being listed, by node.
    private struct Listing: Sendable {
        var generation: UInt64
        var window: UnionWindow
    }

    private let history = PathHistory()
    private let windows = LRUCache<UInt64, Listing>(costMax: 4 << 20)
    private static let versionsName = Array("@versions".utf8)

    private func trace(_ path: Path) throws -> PathTrace {
        let trace = try history.trace(path.components, in: path.tree.snapshots)
        // What is missing must not look as if it had never been there.
        for snapshot in path.tree.snapshots {
            guard let error = trace.failures[snapshot.number] else { continue }
            let name = path.tree.names[snapshot.number] ?? ""
            throw SnapError(
                .damaged,
                "history of a path that is not readable in snapshot \(name): \(error.message); "
                    + "see the other ones in snapshots/")
        }
        return trace
    }

    // MARK: Entries

    /// The directory that stands for a path, or for its versions.
    func entry(_ node: UInt64, _ path: Path) throws -> NodeEntry {
        if path.components.isEmpty || NodeNumber.isVersions(node) {
            return directory(node, SharedAccess(), path.tree)
        }
        let summary = try trace(path).summary(in: path.tree.snapshots)
        return directory(node, summary.access, path.tree)
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
            slot: slot, rank: state.rank, hasExtension: state.version.hasExtension)
        return NodeEntry(
            node: node, attributes: NodeAttributes(state.version.entry.attributes, node: node),
            lifetime: HistoryFileSystem.lifetime)
    }

    // MARK: Looking up

    func lookup(
        _ name: UnsafeRawBufferPointer, in node: UInt64, _ path: Path
    ) throws -> LookupResult {
        let trace = try trace(path)
        let found: NodeEntry?
        if NodeNumber.isVersions(node) {
            found = version(name, trace, path.tree)
        } else {
            let summary = try trace.summary(in: path.tree.snapshots)
            found =
                summary.wasDirectory || path.components.isEmpty
                ? try child(name, path, summary) : version(name, trace, path.tree)
        }
        return found.map(LookupResult.entry) ?? .absent(lifetime: HistoryFileSystem.lifetime)
    }

    private func version(
        _ name: UnsafeRawBufferPointer, _ trace: PathTrace, _ tree: HistoryTree
    ) -> NodeEntry? {
        guard
            let snapshot = tree.snapshots.first(where: {
                tree.names[$0.number].map { name.elementsEqual($0.utf8) } ?? false
            })
        else { return nil }
        for change in trace.changes(in: tree.snapshots) where change.isVersion {
            guard tree.snapshots[change.first].number == snapshot.number, let state = change.state
            else { continue }
            return entry(state, slot: snapshot.number)
        }
        return nil
    }

    private func child(
        _ name: UnsafeRawBufferPointer, _ path: Path, _ summary: PathTrace.Summary
    ) throws -> NodeEntry? {
        let name = Array(name)
        let tree = path.tree
        let trace = try trace(Path(components: path.components + [name], tree: tree))
        let below = try trace.summary(in: tree.snapshots)
        if let first = below.first, let state = trace[tree.snapshots[first].number] {
            let node = NodeNumber.path(slot: tree.snapshots[first].number, rank: state.rank)
            return directory(node, below.access, tree)
        }
        guard summary.wasOther, try name == versionsName(path) else { return nil }
        return try versions(path, summary)
    }

    // MARK: @versions

    /// The directory of what a path was besides a directory.
    private func versions(_ path: Path, _ summary: PathTrace.Summary) throws -> NodeEntry? {
        let tree = path.tree
        guard summary.wasOther, let first = summary.first,
            let state = try trace(path)[tree.snapshots[first].number]
        else { return nil }
        let node = NodeNumber.path(
            slot: tree.snapshots[first].number, rank: state.rank, versions: true)
        return directory(node, SharedAccess(), tree)
    }

    /// `@versions`, with one more @ for each such name that is taken; nil where all are.
    private func versionsName(_ path: Path) throws -> [UInt8]? {
        var name = Self.versionsName
        while name.count <= 255 {
            let child = Path(components: path.components + [name], tree: path.tree)
            if try trace(child).summary(in: path.tree.snapshots).first == nil { return name }
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
        let trace = try trace(path)
        if NodeNumber.isVersions(node) {
            return try listVersions(trace, path.tree, from: cookie, into: &reply, view)
        }
        let summary = try trace.summary(in: path.tree.snapshots)
        guard summary.wasDirectory || path.components.isEmpty else {
            return try listVersions(trace, path.tree, from: cookie, into: &reply, view)
        }
        if cookie < 3, let versions = try versions(path, summary),
            let name = try versionsName(path)
        {
            let added = try name.withUnsafeBytes {
                try reply.add(name: $0, entry: versions, next: 3)
            }
            if !added { return }
        }
        var last: [UInt8] = []
        if cookie > 3 {
            last = try view(NodeNumber.slot(cookie)).place(NodeNumber.rank(cookie)).name
        }
        try listNames(node, trace, path.tree, behind: last, into: &reply)
    }

    private func listNames(
        _ node: UInt64, _ trace: PathTrace, _ tree: HistoryTree, behind name: [UInt8],
        into reply: inout DirectoryReply
    ) throws {
        var last = name
        while true {
            let entries = try names(node, trace, tree, behind: last)
            guard let end = entries.last?.name else { return }
            for item in entries {
                let child = directory(
                    NodeNumber.path(slot: item.snapshot, rank: item.rank), item.access, tree)
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
    private func names(
        _ node: UInt64, _ trace: PathTrace, _ tree: HistoryTree, behind name: [UInt8]
    ) throws -> ArraySlice<UnionEntry> {
        if let listing = windows.value(node), listing.generation == tree.generation,
            let entries = listing.window.entries(behind: name)
        {
            return entries
        }
        let window = try trace.window(in: tree.snapshots, behind: name)
        windows.insert(
            node, Listing(generation: tree.generation, window: window), cost: window.memory)
        return window.entries[...]
    }

    private func listVersions(
        _ trace: PathTrace, _ tree: HistoryTree, from cookie: UInt64,
        into reply: inout DirectoryReply, _ view: (Int) throws -> SnapshotView
    ) throws {
        let last = cookie > 2 ? try view(Int(clamping: cookie - 2)).manifest : nil
        for change in trace.changes(in: tree.snapshots) where change.isVersion {
            let snapshot = tree.snapshots[change.first]
            if let last, !Manifest.isBefore(last, snapshot.view.manifest) { continue }
            guard let state = change.state, let name = tree.names[snapshot.number] else { continue }
            let entry = entry(state, slot: snapshot.number)
            let added = try Array(name.utf8).withUnsafeBytes {
                try reply.add(name: $0, entry: entry, next: UInt64(snapshot.number) + 2)
            }
            if !added { return }
        }
    }
}
