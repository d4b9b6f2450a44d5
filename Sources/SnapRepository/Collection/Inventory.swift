// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a collection does with packs and index. One thread uses it. See `PackInventory` for that of
/// a repository; the simulator has one of its own.
package protocol Inventory: AnyObject {
    /// The packs that are on the store now.
    func listPacks() throws -> [PackName]
    /// Lists the index anew: from now on it is made of the segments that count by this end of a
    /// collection, and nothing is marked. Throws `.damaged` where a part of it cannot be read.
    func refresh(_ end: CollectionEnd?) throws
    /// The segments of the last refresh, and those that were there and did not count.
    var segments: [ObjectID] { get }
    var uncounted: [ObjectID] { get }
    /// The sessions that wrote those of the last refresh.
    var writers: [[UInt8]] { get }
    /// Marks everything that these snapshots need. Throws `.damaged` where that cannot be known.
    func mark(_ snapshots: [Manifest]) throws
    /// Of `packs`, those that are to go: what is marked in them can be copied. With `thorough`
    /// nothing stays that is not marked.
    func condemn(_ packs: [PackName], thorough: Bool) throws -> [PackName]
    /// Copies what is marked and lies in condemned packs only, and writes a segment of all that
    /// counts but these packs, durably. Returns the segments that hold the whole index then.
    func evacuate(_ condemned: [PackName]) throws -> [ObjectID]
    /// Deletes segments and packs; absent ones are no error.
    func delete(segments: [ObjectID]) throws
    func delete(packs: [PackName]) throws
}

/// How a collector knows that another process has ended.
package protocol Liveness: AnyObject {
    /// Whether a session shows no life any more, by what was seen of it now and earlier: the number
    /// of its newest heartbeat, 0 before the first.
    func isDead(_ session: SessionRecord, heartbeat: UInt32) throws -> Bool
    /// The same of one whose announcement cannot be read.
    func isDead(unreadable session: [UInt8], heartbeat: UInt32) throws -> Bool
}
