// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Marks what snapshots need. Of the contents of files only the index is asked; nodes are read,
/// each once, however many snapshots share it. Used by one thread.
final class TreeMarker {
    private let objects: ObjectReader
    private let live: LiveSet
    private let isInterrupted: () throws -> Void
    /// Nodes that are marked and not read yet: trees may be deeper than a stack.
    private var nodes: [Node] = []

    private enum Node {
        case directory(ObjectID)
        case list(ObjectID, start: UInt64)
    }

    /// `poll` is called now and then, and may throw.
    init(_ objects: ObjectReader, _ live: LiveSet, poll: @escaping () throws -> Void) {
        self.objects = objects
        self.live = live
        isInterrupted = poll
    }

    /// Throws `.damaged` where a node cannot be read or an object is not in the index.
    func mark(_ manifest: Manifest) throws {
        nodes = []
        try within("snapshot \(manifest.hexID.prefix(8))") {
            try mark(manifest.root)
            while let node = nodes.popLast() {
                try isInterrupted()
                switch node {
                case .directory(let id): try readDirectory(id)
                case .list(let id, let start): try readList(id, start)
                }
            }
        }
    }

    private func mark(_ entry: Entry) throws {
        if case .object(let id, _) = entry.xattrs { _ = try live.mark(id) }
        switch entry.content {
        case .none, .inline: break
        case .chunk(let id): _ = try live.mark(id)
        case .extents(let extents):
            for extent in extents { if let id = extent.id { _ = try live.mark(id) } }
        case .list(let id): try mark(.list(id, start: 0), id)
        case .directory(let id): try mark(.directory(id), id)
        }
    }

    private func mark(_ node: Node, _ id: ObjectID) throws {
        if try live.mark(id) { nodes.append(node) }
    }

    private func readDirectory(_ id: ObjectID) throws {
        let node = try DirectoryNode(try objects.bytes(id))
        for index in 0..<node.count {
            if node.level == 0 {
                try mark(try node.entry(at: index))
            } else {
                let child = node.child(at: index).id
                try mark(.directory(child), child)
            }
        }
    }

    private func readList(_ id: ObjectID, _ start: UInt64) throws {
        let node = try ListNode(try objects.bytes(id), from: start)
        var start = start
        for extent in node.extents {
            if let child = extent.id {
                if node.level > 0 {
                    try mark(.list(child, start: start), child)
                } else {
                    _ = try live.mark(child)
                }
            }
            start = extent.end
        }
    }
}
