// SPDX-License-Identifier: MIT

import SnapBase

/// Which entries are restored, by patterns on their paths below the start. As in restic: with
/// includes only what matches and what lies below it; otherwise everything but what an exclude
/// matches.
struct Selection: Sendable {
    var includes: [PathPattern]
    var excludes: [PathPattern]

    /// Whether no path has to be looked at.
    var isEverything: Bool { includes.isEmpty && excludes.isEmpty }

    /// Of several patterns that match, the last one decides.
    func selects(_ path: [[UInt8]]) -> Bool {
        if !includes.isEmpty {
            return includes.last { $0.matches(path) }.map { !$0.negated } ?? false
        }
        return excludes.last { $0.matches(path) }.map { $0.negated } ?? true
    }

    /// Whether something below a directory may be selected.
    func mayDescend(_ path: [[UInt8]]) -> Bool {
        if includes.isEmpty { return selects(path) }
        return selects(path) || includes.contains { !$0.negated && $0.couldMatchBelow(path) }
    }
}
