// SPDX-License-Identifier: MIT

import SnapFormat

/// Walks a snapshot below a directory in preorder, which is the order of ranks: entries by name, a
/// directory before what is in it. The stack is its own: depth costs memory only. Not thread-safe.
package struct TreeIterator {
    private struct Frame {
        var node: DirectoryNode
        /// The next record of it.
        var next: Int
        /// Rank of the first entry below the node.
        var start: UInt64
        /// How many components lead to the directory that the node belongs to.
        var depth: Int
    }

    private let view: SnapshotView
    private var stack: [Frame] = []
    /// The directory that was returned last, unless it is skipped.
    private var pending: Place?
    /// The names that lead from the root of the snapshot to the entry that was returned last.
    package private(set) var components: [[UInt8]]

    /// Begins below `directory`, whose names from the root are `components`. Anything but a
    /// directory has nothing below it.
    package init(_ view: SnapshotView, below directory: Place, components: [[UInt8]] = []) {
        self.view = view
        self.components = components
        pending = directory
    }

    /// The path of the entry that was returned last, from the root, with a slash in front.
    package var path: [UInt8] { absolutePath(components) }

    /// The next entry; nil after the last. Throws what reading its directory throws.
    package mutating func next() throws -> Place? {
        if let directory = pending {
            pending = nil
            if let node = try view.firstNode(directory) {
                stack.append(
                    Frame(node: node, next: 0, start: directory.rank + 1, depth: components.count))
            }
        }
        while let frame = stack.last {
            guard frame.next < frame.node.count else {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            let rank = frame.start + frame.node.rank(at: frame.next)
            if frame.node.level > 0 {
                let child = try view.childNode(frame.node, frame.next)
                stack.append(Frame(node: child, next: 0, start: rank, depth: frame.depth))
                continue
            }
            let place = Place(leaf: frame.node, index: frame.next, rank: rank)
            components.removeSubrange(frame.depth...)
            components.append(place.name)
            if place.attributes.isDirectory { pending = place }
            return place
        }
        return nil
    }

    /// Leaves out what is below the entry that was returned last.
    package mutating func skip() { pending = nil }
}

/// Components with a slash before each; the root, which has none, is "/".
package func absolutePath(_ components: some Collection<[UInt8]>) -> [UInt8] {
    if components.isEmpty { return [0x2f] }
    var path: [UInt8] = []
    path.reserveCapacity(components.reduce(0) { $0 + $1.count + 1 })
    for component in components {
        path.append(0x2f)
        path += component
    }
    return path
}

/// The components of a path; empty ones and "." are left out.
package func pathComponents(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: 0x2f).map(Array.init).filter { $0 != [0x2e] }
}
