// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// Files below tmp/ that a killed program never named. Nobody reads them; they only take room.
package enum StagedLeftovers {
    /// Removes those that have not changed for as long as a session may be silent, where no session
    /// is there whose files they could be. Returns how many. What cannot be removed is left for the
    /// next time.
    package static func remove(
        from repository: Repository, _ watch: SessionWatch
    ) throws -> Int {
        let staged = try repository.store.list("tmp")
        // After the files: a program announces itself before it writes.
        let sessions = try repository.store.list(SessionRecord.directory)
        guard !staged.isEmpty, sessions.isEmpty else { return 0 }
        var count = 0
        for file in staged where !file.name.contains(".") {
            guard watch.isStale("tmp-\(file.name)", "\(file.size)") else { continue }
            try repository.store.delete("tmp/\(file.name)")
            count += 1
        }
        return count
    }
}
