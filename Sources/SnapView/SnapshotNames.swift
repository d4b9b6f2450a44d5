// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

package enum SnapshotNames {
    /// The names of snapshots in a mount, in their order: the time in UTC, with eight digits of the
    /// id where the second is taken by an earlier one.
    package static func names(_ manifests: [Manifest]) -> [String] {
        var taken: Set<String> = []
        return manifests.map { manifest in
            let time = CivilTime(seconds: manifest.time.seconds).description
            let name =
                taken.contains(time) ? "\(time)-\(manifest.hexID.prefix(8))" : time
            taken.insert(name)
            return name
        }
    }
}
