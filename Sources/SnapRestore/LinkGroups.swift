// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// The groups of hard links that are being restored: the first name of each is made from the
/// content, the others are linked to it. Thread-safe.
///
/// A thread waits only for a file that another one is working on. Small files are claimed by
/// workers, which take them in the order of the walk; large ones by the walk alone: nobody waits
/// for what comes later.
final class LinkGroups: @unchecked Sendable {
    // Sendable: `groups` is used inside monitor.locked.

    /// Members agree in type and size too, or they are none.
    struct Key: Hashable, Sendable {
        private let group: UInt64
        private let size: UInt64
        private let type: UInt16

        init(_ attributes: Attributes) {
            group = attributes.linkGroup
            size = attributes.size
            type = attributes.mode & 0o170000
        }
    }

    /// The name that others are linked to.
    struct First: Sendable {
        let directory: TargetDirectory
        let name: [UInt8]
        let identity: FileIdentity
    }

    private enum State {
        case beingMade
        /// `left`: further names that may come.
        case made(First, left: UInt32)
    }

    private let monitor = Monitor()
    private var groups: [Key: State] = [:]

    /// The first name of a group; nil when the caller is to make it, and then to call `finish`.
    func claim(_ key: Key) -> First? {
        monitor.locked {
            while true {
                switch groups[key] {
                case nil:
                    groups[key] = .beingMade
                    return nil
                case .beingMade: monitor.wait()
                case .made(let first, let left):
                    groups[key] = left > 1 ? .made(first, left: left - 1) : nil
                    return first
                }
            }
        }
    }

    /// Ends a claim: with the name made, of `links` in all; nil where there is none to link to.
    func finish(_ key: Key, _ first: First?, links: UInt32) {
        monitor.locked {
            groups[key] = first.flatMap { links > 1 ? .made($0, left: links - 1) : nil }
            monitor.wakeAll()
        }
    }
}
