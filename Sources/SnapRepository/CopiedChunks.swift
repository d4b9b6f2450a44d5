// SPDX-License-Identifier: MIT

import SnapBase

/// Which chunks of another repository were copied lately, and what their ids are here. It only
/// spares reading a chunk again, so it may forget, and whoever uses an id of it looks whether the
/// object is still there. Thread-safe.
package final class CopiedChunks: Sendable {
    package struct Copy: Sendable {
        package let id: ObjectID
        package let count: Int
    }

    /// Chunks that are remembered: some 20 MB, and 128 GiB of large files.
    private static let countMax = 128 << 10

    private let copies = LRUCache<ObjectID, Copy>(costMax: countMax)

    package init() {}

    package func note(_ origin: ObjectID, as id: ObjectID, count: Int) {
        copies.insert(origin, Copy(id: id, count: count), cost: 1)
    }

    package func copy(of origin: ObjectID) -> Copy? { copies.value(origin) }
}
