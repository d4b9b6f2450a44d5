// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// The newest audit record that this machine has seen, kept in the cache in the name of an empty
/// file: a repository that has another one in its place, or none, is an older copy of itself or was
/// changed. Used by one thread.
struct SeenAudit {
    private let cache: (any Store)?
    private(set) var newest: AuditRecord.Seen?
    private var names: [String] = []

    private static let directory = "seen"

    init(cache: (any Store)?) {
        self.cache = cache
        names = ((try? cache?.list(Self.directory)) ?? []).map(\.name)
        for name in names {
            let parts = name.split(separator: ".")
            guard parts.count == 2, let number = AuditRecord.parse(String(parts[0])),
                let digest = ObjectID(hex: String(parts[1])), number > newest?.number ?? 0
            else { continue }
            newest = AuditRecord.Seen(number, digest)
        }
    }

    /// Remembers a record in place of what was remembered. Without a cache nothing is.
    mutating func remember(_ seen: AuditRecord.Seen) {
        if newest == seen { return }
        let record = AuditRecord.storeName(seen.number).split(separator: "/")[1]
        let name = "\(record).\(seen.digest.hex)"
        do { try cache?.create("\(Self.directory)/\(name)", []) } catch {
            guard (error as? SnapError)?.kind == .exists else { return }
        }
        for old in names where old != name { try? cache?.delete("\(Self.directory)/\(old)") }
        (names, newest) = ([name], seen)
    }
}
