// SPDX-License-Identifier: MIT
//
// What a check found, and how it tells the one who waits for it.

import Glibc
import SnapBase
import SnapFormat

/// Something that is not as it was written.
package struct CheckFinding: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        /// A file of the store.
        case file(String)
        /// A path of a snapshot that cannot be had back whole.
        case entry(snapshot: [UInt8], path: [UInt8])
    }

    package var place: Place
    package var message: String

    package init(_ place: Place, _ message: String) {
        self.place = place
        self.message = message
    }
}

/// Findings in the order in which they were made.
package struct CheckFindings: Sendable {
    /// So many of files and of paths in snapshots are kept; the others are counted.
    package static let filesMax = 1000
    package static let pathsMax = 100_000

    package private(set) var list: [CheckFinding] = []
    private var paths = 0
    package private(set) var count = 0
    /// Ids of snapshots and checkpoints that are touched by damage.
    package private(set) var snapshots: Set<[UInt8]> = []

    package init() {}

    /// Returns whether it is kept.
    @discardableResult
    package mutating func add(_ finding: CheckFinding) -> Bool {
        count += 1
        switch finding.place {
        case .file:
            if list.count - paths >= Self.filesMax { return false }
            list.append(finding)
        case .entry(let snapshot, _):
            snapshots.insert(snapshot)
            if paths >= Self.pathsMax { return false }
            paths += 1
            var finding = finding
            // Many have the same cause: one string for all of them.
            if let before = list.last?.message, before == finding.message {
                finding.message = before
            }
            list.append(finding)
        }
        return true
    }

    fileprivate mutating func add(snapshot: [UInt8]) { snapshots.insert(snapshot) }

    /// Counts what others have not kept.
    fileprivate mutating func add(leftOutOf others: CheckFindings) {
        count += others.count - others.list.count
        snapshots.formUnion(others.snapshots)
    }
}

/// The result of a check. Used by one thread.
package final class CheckReport {
    private var all = CheckFindings()
    package var findings: [CheckFinding] { all.list }
    package var findingCount: Int { all.count }
    package var damagedSnapshots: Set<[UInt8]> { all.snapshots }
    /// What is no damage but worth a word, such as leftovers of interrupted backups.
    package private(set) var notes: [String] = []

    package var snapshots = 0
    package var packs = 0
    package var objects = 0
    /// Directory nodes that were read.
    package var directories = 0
    /// Bytes of packs that were read, and of the objects in them.
    package var packBytes: UInt64 = 0
    package var objectBytes: UInt64 = 0

    private let observer: CheckObserver

    package init(_ observer: CheckObserver) { self.observer = observer }

    package func add(_ finding: CheckFinding) {
        if all.add(finding) { observer.found(finding) }
    }

    package func add(_ findings: CheckFindings) {
        findings.list.forEach(add)
        all.add(leftOutOf: findings)
    }

    /// A snapshot that cannot be read at all.
    package func noteDamaged(_ snapshot: [UInt8]) { all.add(snapshot: snapshot) }

    package func note(_ text: String) { notes.append(text) }
}

/// What a check calls while it runs, from any thread.
package struct CheckObserver: Sendable {
    /// More to do: items and bytes.
    package var expect: @Sendable (Int, UInt64) -> Void = { _, _ in }
    /// Done: items and bytes.
    package var done: @Sendable (Int, Int) -> Void = { _, _ in }
    /// Each finding that is kept, at once.
    package var found: @Sendable (CheckFinding) -> Void = { _ in }
    package var isInterrupted: @Sendable () -> Bool = { false }

    package init() {}

    package func throwIfInterrupted() throws {
        if isInterrupted() { throw SnapError(.interrupted, "interrupted") }
    }
}

extension SnapError {
    /// Whether it says something of the data; any other error says that checking is not possible.
    package var isFinding: Bool {
        switch kind {
        case .damaged, .unsupported: true
        // A medium that cannot be read has lost the data.
        case .io: code == EIO
        default: false
        }
    }
}
