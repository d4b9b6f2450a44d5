// SPDX-License-Identifier: MIT
//
// Node numbers are computed, not stored: the slot of a snapshot in the upper bits, the preorder
// rank of an entry in the lower 40. Slot 0 is the virtual tree above the snapshots. So FORGET is a
// no-op, and the memory of a mount does not depend on how much of it was visited. A bit above tells
// that an entry has no extended attributes: programs that copy ask each file three times for them,
// and this answer needs no look at the entry.

import SnapFormat
import SnapFuse
import SnapView

enum NodeNumber {
    private static let rankBits: UInt64 = 40
    /// Slots stay below 2^21, numbers below 2^61.
    static let slotMax = 1 << 21

    private static let bareBit: UInt64 = 1 << 62

    /// The number without the bit, which serves as inode number.
    static func number(slot: Int, rank: UInt64) -> UInt64 { UInt64(slot) << rankBits | rank }

    static func number(slot: Int, place: Place) -> UInt64 {
        let number = number(slot: slot, rank: place.rank)
        return place.leaf.hasExtension(at: place.index) ? number : number | bareBit
    }

    /// Whether an entry is known to have no extended attributes.
    static func isBare(_ node: UInt64) -> Bool { node & bareBit != 0 }

    static func slot(_ node: UInt64) -> Int { Int((node & ~bareBit) >> rankBits) }

    static func rank(_ node: UInt64) -> UInt64 { node & ((1 << rankBits) - 1) }

    /// st_ino: hard links of one snapshot share one, everything else has its node's. Below 2^62, so
    /// that overlayfs can add its bits.
    static func inode(_ node: UInt64, _ attributes: Attributes) -> UInt64 {
        attributes.linkGroup == 0 ? node & ~bareBit : 1 << 61 | attributes.linkGroup
    }
}

extension NodeAttributes {
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
