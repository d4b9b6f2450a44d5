// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Who may look into a directory that stands for many: only who may look into each of them, so that
/// what one of them kept from somebody is not shown through another.
package struct SharedAccess: Sendable, Equatable {
    package private(set) var uid: UInt32 = 0
    package private(set) var gid: UInt32 = 0
    /// Permission bits, none of them for writing.
    package private(set) var mode: UInt16 = 0o555
    private var isEmpty = true

    package init() {}

    /// Takes one more directory in. With `hasList` its mode is only a part of what it grants.
    mutating func add(_ attributes: Attributes, hasList: Bool) {
        // What a list grants and refuses besides is left to the owner.
        let bits = attributes.mode & (hasList ? 0o500 : 0o555)
        if isEmpty {
            (uid, gid, mode) = (attributes.uid, attributes.gid, bits)
            isEmpty = false
        } else if (uid, gid) == (attributes.uid, attributes.gid) {
            mode &= bits
        } else {
            // Of different owners, only what each grants to everybody is granted by all.
            mode = Self.toEverybody(mode) & Self.toEverybody(bits)
        }
    }

    private static func toEverybody(_ mode: UInt16) -> UInt16 {
        (mode >> 6 & mode >> 3 & mode & 0o7) * 0o111
    }

    /// Whether an access control list is among extended attributes.
    static func hasList(_ attributes: [ExtendedAttribute]) -> Bool {
        attributes.contains { $0.name.starts(with: "system.posix_acl_".utf8) }
    }
}

extension PathTrace {
    /// What a path is in all of the snapshots together.
    package struct Summary: Sendable {
        /// The first snapshot that has it, by number, and what it is there.
        package var first: (number: Int, state: PathState)?
        package var wasDirectory = false
        package var wasOther = false
        /// Of its directories.
        package var access = SharedAccess()
    }

    /// Throws where an access control list cannot be read.
    package func summary(in snapshots: [NumberedView]) throws -> Summary {
        var summary = Summary()
        var last: PathVersion?
        for snapshot in snapshots {
            guard let state = self[snapshot.number] else { continue }
            if summary.first == nil { summary.first = (snapshot.number, state) }
            let version = state.version
            if version === last { continue }
            last = version
            if version.isDirectory {
                summary.wasDirectory = true
                let xattrs = try snapshot.view.xattrs(of: version.entry)
                summary.access.add(
                    version.entry.attributes, hasList: SharedAccess.hasList(xattrs))
            } else {
                summary.wasOther = true
            }
        }
        return summary
    }
}
