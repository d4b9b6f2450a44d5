// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// The ids that a running backup has on their way into packs and no segment names yet. Thread-safe.
final class SessionIndex: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private var ids: Set<ObjectID> = []

    func contains(_ id: ObjectID) -> Bool { monitor.locked { ids.contains(id) } }

    /// False where it is there already.
    func insert(_ id: ObjectID) -> Bool { monitor.locked { ids.insert(id).inserted } }

    /// A segment names these now.
    func remove(_ packs: [FinishedPack]) {
        monitor.locked {
            for pack in packs { for object in pack.objects { ids.remove(object.id) } }
        }
    }
}
