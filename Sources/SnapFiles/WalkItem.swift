// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What the walk finds, in the order of the tree.
enum WalkItem: Sendable {
    case beginDirectory(Entry, xattrs: [UInt8], path: [[UInt8]], isNew: Bool)
    case endDirectory
    /// Just as the predecessor has it; with the path of its directory.
    case unchanged(Entry, in: [[UInt8]])
    /// Anything that has no content to be read.
    case entry(Entry, xattrs: [UInt8], path: [[UInt8]], before: Entry?)
    /// A file, open and on its way into the page cache; `before` is the predecessor's entry.
    case file(Entry, FileDescriptor, xattrs: [UInt8], path: [[UInt8]], before: Entry?)
    /// Something that could not be read; the walk goes on.
    case problem(path: [[UInt8]], SnapError)
    /// The predecessor is damaged; the walk does without what it cannot show.
    case damage(SnapError)
    /// The walk ended; with the entry of "/" and the owners' names, or because of an error.
    case end(Result<(root: Entry, owners: OwnerNames), SnapError>)
}
