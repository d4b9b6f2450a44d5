// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a node of a directory counts, and what its parent says of it.
struct NodeCounts: Equatable {
    private var entries, bytes: UInt64

    /// What a node has.
    init(_ node: DirectoryNode) {
        (entries, bytes) = (node.entriesBelow, node.bytesBelow)
    }

    /// What an entry says of its directory.
    init(_ directory: Entry) {
        (entries, bytes) = (directory.attributes.count, directory.attributes.size)
    }

    /// What an index node says of a child.
    init(childOf parent: DirectoryNode, _ index: Int) {
        entries = parent.rank(at: index + 1) - parent.rank(at: index)
        bytes = parent.childBytes(at: index)
    }

    /// Throws unless this is what a parent says of the node.
    func require(_ said: NodeCounts, of id: ObjectID) throws {
        guard self == said else {
            throw SnapError(
                .damaged, "directory \(id.hex.prefix(16)): is not what its parent counts")
        }
    }
}

extension DirectoryNode {
    /// Throws unless the node has the level, the first name and the number of entries that its
    /// parent says.
    func requireChild(of parent: DirectoryNode, _ index: Int) throws {
        let (id, said) = parent.child(at: index)
        guard level + 1 == parent.level, count > 0, entries == said,
            hasName(at: 0, of: parent, at: index)
        else {
            throw SnapError(
                .damaged, "directory \(id.hex.prefix(16)): is not what its parent says")
        }
    }
}
