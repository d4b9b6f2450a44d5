// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

extension Catalog {
    /// Those of the snapshots that a hold keeps, in their order. `now` in Unix seconds.
    package func held(_ snapshots: [[UInt8]], now: Int64) -> [[UInt8]] {
        // A clock may end a hold too late, never too early.
        let now = trustedTime(now: now)
        return snapshots.filter { notes[$0].isHeld(at: now) }
    }

    /// Throws `.refused`, with the names, where some of the snapshots are held.
    package func requireReleased(_ snapshots: [[UInt8]], now: Int64) throws {
        let held = held(snapshots, now: now)
        if held.isEmpty { return }
        let names = shownInShort(held.map { Hex.encode($0.prefix(4)) })
        throw SnapError(
            .refused,
            held.count == 1
                ? "snapshot \(names) is held; release it with 'snapfs hold --release' first"
                : "\(held.count) snapshots are held: \(names); release them with "
                    + "'snapfs hold --release' first")
    }
}
