// SPDX-License-Identifier: MIT
//
// Whether two entries are the same for a user. Contents are compared by their ids and never read:
// equal ids are equal bytes, and the same bytes cut differently count as changed.

import SnapFormat

extension TreeChange.Kind {
    /// How an entry became another one; nil where both are the same.
    package init?(from old: Entry, to new: Entry) {
        if old.attributes.kind != new.attributes.kind {
            self = .type
        } else if !old.hasContent(of: new) {
            self = .content
        } else if !old.hasMetadata(of: new) {
            self = .metadata
        } else {
            return nil
        }
    }
}

extension Entry {
    /// Whether an entry of the same type holds the same; for a directory all that is below it.
    func hasContent(of other: Entry) -> Bool {
        switch attributes.kind {
        case .regular: attributes.size == other.attributes.size && content == other.content
        case .directory: content == other.content
        case .symlink: target == other.target
        case .characterDevice, .blockDevice: attributes.count == other.attributes.count
        default: true
        }
    }

    /// What restoring would set; not what only a backup looks at, such as the inode number.
    func hasMetadata(of other: Entry) -> Bool {
        let (x, y) = (attributes, other.attributes)
        return x.mode == y.mode && x.uid == y.uid && x.gid == y.gid && x.mtime == y.mtime
            && xattrs == other.xattrs
    }
}
