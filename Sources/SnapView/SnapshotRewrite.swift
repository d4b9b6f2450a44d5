// SPDX-License-Identifier: MIT
//
// Writes the tree of a snapshot again without what cannot be read. Everything else is reused as it
// is; a directory of which something is left out gets a new node, and so do those above it.

import SnapBase
import SnapFormat
import SnapRepository

/// What a tree lost.
struct TreeLosses: Sendable {
    private(set) var problems: [SourceProblem] = []
    private(set) var count = 0

    mutating func add(_ path: [UInt8], _ message: String) {
        count += 1
        if problems.count < Manifest.problemsMax {
            problems.append(SourceProblem(path: path, message: message))
        }
    }
}

/// Walks one tree; used by one thread, once.
struct SnapshotRewrite {
    private struct Frame {
        var node: DirectoryNode
        var next = 0
        /// How many components lead to the directory that the node belongs to.
        var depth: Int
        /// Whether the directory ends with this node.
        var isFirst: Bool
    }

    private let objects: ObjectCheck
    private let lists: ListCheck
    private let observer: CheckObserver
    /// nil to look only.
    private var writer: SnapshotWriter?
    private var root: Entry
    private var stack: [Frame] = []
    private var components: [[UInt8]] = []
    private(set) var losses = TreeLosses()

    /// Reads the root; throws a finding where it cannot be read.
    init(_ manifest: Manifest, _ objects: ObjectCheck, _ observer: CheckObserver) throws {
        self.objects = objects
        lists = ListCheck(objects)
        self.observer = observer
        root = manifest.root
        root = try withReadableXattrs(root)
        try enter(root, isRoot: true)
    }

    /// Sends what can be read below the root to the writer, if there is one, and returns the root.
    mutating func run(_ writer: SnapshotWriter?) throws -> Entry {
        self.writer = writer
        while let frame = stack.last {
            guard frame.next < frame.node.count else {
                stack.removeLast()
                if frame.isFirst && !stack.isEmpty { try writer?.endDirectory() }
                continue
            }
            stack[stack.count - 1].next += 1
            components.removeSubrange(frame.depth...)
            if frame.node.level > 0 {
                try enterChild(of: frame)
            } else {
                try take(frame.node, frame.next)
            }
        }
        return root
    }

    /// Begins a directory; one without entries needs no node.
    private mutating func enter(_ entry: Entry, isRoot: Bool = false) throws {
        guard case .directory(let id) = entry.content else {
            if !isRoot { try writer?.reuse(entry) }
            return
        }
        let node = try load(id, NodeCounts(entry))
        if !isRoot { try writer?.beginDirectory(entry, xattrs: []) }
        stack.append(Frame(node: node, depth: components.count, isFirst: true))
    }

    private mutating func enterChild(of frame: Frame) throws {
        do {
            let child = try load(
                frame.node.child(at: frame.next).id, NodeCounts(childOf: frame.node, frame.next))
            try child.requireChild(of: frame.node, frame.next)
            stack.append(Frame(node: child, depth: frame.depth, isFirst: false))
        } catch let error as SnapError where error.isFinding {
            let count = frame.node.child(at: frame.next).entries
            lose("\(count) entries of this directory are left out: \(error.message)")
        }
    }

    private func load(_ id: ObjectID, _ said: NodeCounts) throws -> DirectoryNode {
        try observer.throwIfInterrupted()
        let node = try RepairBase.insisting {
            try DirectoryNode(try objects.verified(id, .directory))
        }
        try NodeCounts(node).require(said, of: id)
        return node
    }

    private mutating func take(_ node: DirectoryNode, _ index: Int) throws {
        components.append(node.name(at: index))
        do {
            let entry = try node.entry(at: index)
            try RepairBase.insisting { try requireContent(entry) }
            let whole = try withReadableXattrs(entry)
            if entry.attributes.isDirectory {
                try enter(whole)
            } else {
                try writer?.reuse(whole)
            }
        } catch let error as SnapError where error.isFinding {
            lose("left out: \(error.message)")
        }
    }

    private func requireContent(_ entry: Entry) throws {
        let size = entry.attributes.size
        switch entry.content {
        case .none, .inline, .directory: break
        case .chunk(let id): try objects.require(id, length: size)
        case .extents(let extents):
            var start: UInt64 = 0
            for extent in extents {
                try objects.require(extent, from: start)
                start = extent.end
            }
        case .list(let id): try lists.check(id, size: size)
        }
    }

    /// Attributes that are lost are no reason to lose what has them.
    private mutating func withReadableXattrs(_ entry: Entry) throws -> Entry {
        guard case .object(let id, let length) = entry.xattrs else { return entry }
        do {
            try RepairBase.insisting {
                try objects.require(id, length: UInt64(length), exactly: true)
            }
            return entry
        } catch let error as SnapError where error.isFinding {
            var entry = entry
            entry.xattrs = .none
            lose("without its extended attributes: \(error.message)")
            return entry
        }
    }

    private mutating func lose(_ message: String) {
        losses.add(absolutePath(components), message)
    }
}
