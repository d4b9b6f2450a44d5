// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Whether a store lists all that it has. What a listing leaves out a collection would not mark, so
/// whatever else tells of a snapshot or a note is asked for by its name before anything goes.
struct WholeListing<L: Ledger> {
    private let ledger: L
    /// What the last lists lacked.
    private var lacked: Set<String> = []

    init(_ ledger: L) { self.ledger = ledger }

    /// Whether none of the names that lists did not show is there. It may have been created since:
    /// then list again. Throws `.io` for a name that the lists before lacked, too.
    mutating func isWhole(without names: Set<String>) throws -> Bool {
        let found = Set(try names.sorted().filter { try isThere($0) })
        if let name = found.intersection(lacked).min() {
            throw SnapError(
                .io,
                "the store does not list \(name), which is there: nothing can be collected while "
                    + "its lists are not whole")
        }
        lacked = found
        return found.isEmpty
    }

    private func isThere(_ name: String) throws -> Bool {
        do { return try ledger.readIfThere(name) != nil } catch let error as SnapError
            where error.isFinding
        { return true }
    }
}
