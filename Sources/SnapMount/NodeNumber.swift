// SPDX-License-Identifier: MIT
//
// Node numbers are computed, not stored: the slot of a snapshot in the upper bits, the preorder
// rank of an entry in the lower 40. Slot 0 is the virtual tree above the snapshots. So FORGET is a
// no-op, and the memory of a mount does not depend on how much of it was visited. A bit above tells
// that an entry has no extended attributes: programs that copy ask each file three times for them,
// and this answer needs no look at the entry. Another one makes the number that of a path in
// history/: the path that the entry has in its snapshot.

import SnapBase
import SnapFormat
import SnapFuse
import SnapView

enum NodeNumber {
    private static let rankBits: UInt64 = 40
    /// Slots stay below 2^20, numbers below 2^60.
    static let slotMax = 1 << 20

    private static let versionsBit: UInt64 = 1 << 61
    private static let bareBit: UInt64 = 1 << 62
    private static let pathBit: UInt64 = 1 << 63
    private static let numberMask: UInt64 = (1 << 60) - 1

    /// The number without the bits, which serves as inode number.
    static func number(slot: Int, rank: UInt64) -> UInt64 { UInt64(slot) << rankBits | rank }

    static func number(slot: Int, place: Place) -> UInt64 {
        number(
            slot: slot, rank: place.rank,
            isBare: !place.leaf.hasExtension(at: place.index))
    }

    static func number(slot: Int, rank: UInt64, isBare: Bool) -> UInt64 {
        number(slot: slot, rank: rank) | (isBare ? bareBit : 0)
    }

    /// The path of an entry, or the versions of what was there besides directories.
    static func path(slot: Int, rank: UInt64, versions: Bool = false) -> UInt64 {
        pathBit | (versions ? versionsBit : 0) | number(slot: slot, rank: rank)
    }

    static func isPath(_ node: UInt64) -> Bool { node & pathBit != 0 }

    /// Whether the number of a path is that of its versions.
    static func isVersions(_ node: UInt64) -> Bool { node & versionsBit != 0 }

    /// Whether an entry is known to have no extended attributes.
    static func isBare(_ node: UInt64) -> Bool { node & bareBit != 0 }

    static func slot(_ node: UInt64) -> Int { Int((node & numberMask) >> rankBits) }

    static func rank(_ node: UInt64) -> UInt64 { node & ((1 << rankBits) - 1) }

    /// st_ino: hard links of one snapshot share one, everything else has its node's. Below 2^62, so
    /// that overlayfs can add its bits. The same group in another snapshot has another number: a
    /// program that copies both must not link a file to its other version.
    static func inode(_ node: UInt64, _ attributes: Attributes) -> UInt64 {
        if attributes.linkGroup == 0 { return node & numberMask }
        return mixed(UInt64(slot(node)), attributes.linkGroup)
    }

    /// st_ino of a path. A directory has another one than its `@versions`.
    static func inode(path node: UInt64) -> UInt64 {
        mixed((node & numberMask) << 1 | (isVersions(node) ? 1 : 0), 0)
    }

    /// Spread over the numbers from 2^61 to 2^62: groups are keyed hashes, so two meet by accident
    /// only.
    private static func mixed(_ value: UInt64, _ group: UInt64) -> UInt64 {
        1 << 61 | (group &+ value &* 0x9e37_79b9_7f4a_7c15) & (1 << 61 - 1)
    }
}

extension NodeAttributes {
    /// A directory or link of the mount's own.
    init(inode: UInt64, mode: UInt32, time: Timestamp) {
        self.init()
        self.inode = inode
        self.mode = mode
        mtimeSeconds = time.seconds
        mtimeNanoseconds = time.nanoseconds
        ctimeSeconds = time.seconds
        ctimeNanoseconds = time.nanoseconds
    }

    init(directory inode: UInt64, mode: UInt16, time: Timestamp) {
        self.init(inode: inode, mode: 0o040000 | UInt32(mode), time: time)
        links = 2
    }

    /// What stat(2) answers for an entry of a snapshot.
    init(_ attributes: Attributes, node: UInt64) {
        self.init()
        inode = NodeNumber.inode(node, attributes)
        mode = UInt32(attributes.mode)
        links = attributes.links
        uid = attributes.uid
        gid = attributes.gid
        blocks = attributes.allocated / 512
        // A directory's own size is not kept; what it took of the disk is the nearest there is.
        size = attributes.isDirectory ? attributes.allocated : attributes.size
        if attributes.kind == .characterDevice || attributes.kind == .blockDevice {
            device = attributes.count
        }
        mtimeSeconds = attributes.mtime.seconds
        mtimeNanoseconds = attributes.mtime.nanoseconds
        ctimeSeconds = attributes.ctime.seconds
        ctimeNanoseconds = attributes.ctime.nanoseconds
    }
}
