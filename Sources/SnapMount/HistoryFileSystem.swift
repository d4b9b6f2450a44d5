// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapFuse
import SnapRepository
import SnapView

/// All snapshots of a repository under one mount point.
package final class HistoryFileSystem: MountedFileSystem {
    private let history: History
    private let report: @Sendable (String) -> Void
    private let push = PushAhead()
    private let paths = PathNodes()

    /// `accepts` chooses the snapshots to show; `report` hears what could not be read.
    package init(
        repository: Repository, caches: ViewCaches,
        accepts: @escaping @Sendable (Manifest) -> Bool,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        history = try History(
            repository: repository, caches: caches, accepts: accepts, report: report)
        self.report = report
    }

    /// Follows the repository for as long as the session runs.
    package func follow(_ session: MountSession) throws {
        push.start(session)
        let history = history
        try history.start { [weak session] in
            for node in history.tree().nodes.keys { try? session?.invalidateDirectory(node) }
        }
    }

    package func stop() {
        history.stop()
        push.stop()
    }

    /// Snapshots with and without them live side by side.
    package let hasExtendedAttributes = true

    /// Seconds that the kernel may keep what can change.
    static let lifetime = 1.0

    /// The snapshot that a node is in; nil for one above the snapshots or in history/.
    private func nodes(_ node: UInt64) throws -> SnapshotNodes? {
        if NodeNumber.isPath(node) { return nil }
        let slot = NodeNumber.slot(node)
        return slot == 0 ? nil : SnapshotNodes(view: try history.view(slot: slot), slot: slot)
    }

    private func entry(_ node: UInt64, _ tree: HistoryTree) throws -> NodeEntry {
        if let inside = try nodes(node) {
            var entry = inside.entry(try inside.place(node))
            // The name may go away with its snapshot; what it names never changes.
            entry.lifetime = Self.lifetime
            return entry
        }
        if let path = try path(node, tree) { return try paths.entry(node, path) }
        let attributes: NodeAttributes
        switch tree.nodes[node] {
        case .link(let target):
            var link = NodeAttributes(inode: node, mode: 0o120777, time: tree.time)
            link.size = UInt64(target.count)
            attributes = link
        case .directory, .paths:
            attributes = NodeAttributes(directory: node, mode: 0o555, time: tree.time)
        case nil: throw SnapError(.notFound, "the mount has no node \(node) any more")
        }
        return NodeEntry(node: node, attributes: attributes, lifetime: Self.lifetime)
    }

    /// The path of a node in history/; nil for any other node.
    private func path(_ node: UInt64, _ tree: HistoryTree) throws -> PathNodes.Path? {
        if case .paths = tree.nodes[node] { return PathNodes.Path(components: [], tree: tree) }
        if !NodeNumber.isPath(node) { return nil }
        let slot = NodeNumber.slot(node)
        do {
            let view = try history.view(slot: slot)
            return PathNodes.Path(
                components: try paths.components(node, view), tree: tree)
        } catch {
            // The path may be there all the same: the kernel is made to look it up again.
            if tree.names[slot] != nil { throw error }
            throw SnapError(.notFound, "the snapshot of node \(node) is gone")
        }
    }

    package func lookup(parent: UInt64, name: UnsafeRawBufferPointer) throws -> LookupResult {
        if let inside = try nodes(parent) {
            return try inside.lookup(name, in: try inside.place(parent))
        }
        let tree = history.tree()
        if let path = try path(parent, tree) { return try paths.lookup(name, in: parent, path) }
        guard case .directory(let entries) = tree.nodes[parent],
            let found = entries.first(where: { name.elementsEqual($0.name) })
        else { return .absent(lifetime: Self.lifetime) }
        return .entry(try entry(found.node, tree))
    }

    package func attributes(node: UInt64) throws -> (NodeAttributes, lifetime: Double) {
        if let inside = try nodes(node) {
            return (inside.entry(try inside.place(node)).attributes, Lifetime.forever)
        }
        let entry = try entry(node, history.tree())
        return (entry.attributes, Self.lifetime)
    }

    package func readLink(node: UInt64) throws -> [UInt8] {
        if let inside = try nodes(node) {
            return try inside.view.linkTarget(try inside.place(node))
        }
        guard case .link(let target) = history.tree().nodes[node] else {
            throw SnapError(.notFound, "the mount has no link \(node) any more")
        }
        return target
    }

    package func read(
        node: UInt64, offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        guard let inside = try nodes(node) else { return 0 }
        return try inside.read(try inside.place(node), at: offset, into: buffer, push)
    }

    package func readDirectory(
        node: UInt64, from cookie: UInt64, into reply: inout DirectoryReply
    ) throws {
        if let inside = try nodes(node) {
            return try inside.list(try inside.place(node), from: cookie, into: &reply)
        }
        let tree = history.tree()
        if let path = try path(node, tree) {
            return try paths.list(node, path, from: cookie, into: &reply) {
                try history.view(slot: $0)
            }
        }
        guard case .directory(let entries) = tree.nodes[node] else { return }
        if cookie < 1, !reply.addCurrent(inode: node, next: 1) { return }
        if cookie < 2, !reply.addParent(inode: HistoryTree.root, next: 2) { return }
        for (index, item) in entries.enumerated().dropFirst(Int(max(cookie, 2)) - 2) {
            let entry = try entry(item.node, tree)
            let added = try item.name.withUnsafeBytes {
                try reply.add(name: $0, entry: entry, next: UInt64(index) + 3)
            }
            if !added { return }
        }
    }

    package func extendedAttributeNames(node: UInt64) throws -> [UInt8] {
        guard !NodeNumber.isBare(node), let inside = try nodes(node) else { return [] }
        return try inside.xattrNames(try inside.place(node))
    }

    package func extendedAttribute(node: UInt64, name: UnsafeRawBufferPointer) throws -> [UInt8]? {
        guard !NodeNumber.isBare(node), let inside = try nodes(node) else { return nil }
        return try inside.xattr(try inside.place(node), name)
    }

    package func seek(node: UInt64, offset: Int, to target: SeekTarget) throws -> Int? {
        guard let inside = try nodes(node) else { return nil }
        return try inside.seek(try inside.place(node), from: offset, to: target)
    }

    package func statistics() throws -> Statistics {
        let totals = history.newestManifest?.totals ?? Totals()
        return Statistics(blocks: totals.bytes / 4096 + 1, files: totals.files)
    }

    package func failed(_ operation: StaticString, node: UInt64, _ error: SnapError) {
        report("\(operation): \(error.message)")
    }
}
