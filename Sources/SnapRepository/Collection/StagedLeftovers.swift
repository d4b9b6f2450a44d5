// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// Files below tmp/ that a killed program never named. Nobody reads them; they only take room.
package enum StagedLeftovers {
    /// Where no session is there whose files they could be, removes packs, which nobody writes
    /// without one, and what else has not changed for as long as a session may be silent. Returns
    /// how many. What cannot be removed is left for the next time.
    package static func remove(
        from repository: Repository, _ watch: SessionWatch
    ) throws -> Int {
        let staged = try repository.store.list("tmp")
        // After the files: a program announces itself before it writes.
        let sessions = try repository.store.list(SessionRecord.directory)
        guard !staged.isEmpty, sessions.isEmpty else { return 0 }
        var count = 0
        for file in staged where !file.name.contains(".") {
            let path = "tmp/\(file.name)"
            guard
                try isPack(path, repository.store)
                    || watch.isStale("tmp-\(file.name)", "\(file.size)")
            else { continue }
            try repository.store.delete(path)
            count += 1
        }
        return count
    }

    private static func isPack(_ path: String, _ store: any Store) throws -> Bool {
        do {
            let file = try store.open(path)
            guard file.size >= ContainerHeader.size else { return false }
            var head = [UInt8](repeating: 0, count: ContainerHeader.size)
            try head.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
            return try ContainerHeader(head, name: path).kind.isPack
        } catch let error as SnapError where error.isFinding || error.kind == .notFound {
            return false
        }
    }
}
