// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import Synchronization

/// What a running backup has done and met so far. Written by its source and its stages, read by
/// whoever shows it. Thread-safe.
package final class BackupProgress: Sendable {
    package struct Counts: Sendable {
        package var filesNew: UInt64 = 0
        package var filesChanged: UInt64 = 0
        package var filesUnchanged: UInt64 = 0
        package var directories: UInt64 = 0
        package var others: UInt64 = 0
        /// Bytes of content that were read, holes included, and that unchanged files stand for.
        package private(set) var bytesRead: UInt64 = 0
        package private(set) var bytesUnchanged: UInt64 = 0
        package var bytesStored: UInt64 = 0
        package init() {}

        /// What was read and what was not read again. Sparse files may have more than fits.
        package var bytes: UInt64 { bytesRead.addingSaturated(bytesUnchanged) }

        package mutating func addRead(_ count: UInt64) {
            bytesRead = bytesRead.addingSaturated(count)
        }

        package mutating func addUnchanged(_ count: UInt64) {
            bytesUnchanged = bytesUnchanged.addingSaturated(count)
        }
    }

    private struct State {
        var counts = Counts()
        var problems: [SourceProblem] = []
        var problemCount: UInt64 = 0
        var hasXattrs = false
        var users: [UInt32: String] = [:]
        var groups: [UInt32: String] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var counts: Counts { state.withLock { $0.counts } }

    package func update(_ change: (inout Counts) -> Void) { state.withLock { change(&$0.counts) } }

    /// Counts a file whose content was read: one that turns out to be as it was is not changed.
    package func file(_ entry: Entry, before: Entry?) {
        update {
            if before == nil {
                $0.filesNew += 1
            } else if before?.content == entry.content, before?.attributes == entry.attributes {
                $0.filesUnchanged += 1
            } else {
                $0.filesChanged += 1
            }
        }
    }

    func stored(_ bytes: Int) { update { $0.bytesStored += UInt64(bytes) } }

    /// Bytes of a problem's path and of its message that are kept, so that the most of them stay
    /// far below the largest manifest: directories nest deeper than any limit of paths.
    private static let textMax = 16 << 10

    /// Notes that something could not be stored as it is; the backup ends with exit status 3.
    package func problem(_ problem: SourceProblem) {
        state.withLock {
            $0.problemCount += 1
            if $0.problems.count < Manifest.problemsMax {
                $0.problems.append(
                    SourceProblem(
                        path: Array(problem.path.prefix(Self.textMax)),
                        message: String(
                            decoding: problem.message.utf8.prefix(Self.textMax), as: UTF8.self)))
            }
        }
    }

    /// Counts problems of which no more is known.
    package func problems(untold count: UInt64) {
        state.withLock { $0.problemCount = $0.problemCount.addingSaturated(count) }
    }

    package var problems: ([SourceProblem], UInt64) {
        state.withLock { ($0.problems, $0.problemCount) }
    }

    /// Some entry has extended attributes.
    package func noteXattrs() { state.withLock { $0.hasXattrs = true } }
    package var hasXattrs: Bool { state.withLock { $0.hasXattrs } }

    /// The names behind owner numbers at the source; at most some thousand are kept.
    package func note(users: [UInt32: String], groups: [UInt32: String]) {
        state.withLock {
            $0.users = users
            $0.groups = groups
        }
    }

    package var names: ([UInt32: String], [UInt32: String]) {
        state.withLock { ($0.users, $0.groups) }
    }

    /// The totals of the tree together with what the source counted.
    func complete(_ totals: Totals) -> Totals {
        let counts = counts
        var totals = totals
        totals.filesNew = counts.filesNew
        totals.filesChanged = counts.filesChanged
        totals.filesUnchanged = counts.filesUnchanged
        totals.bytesRead = counts.bytesRead
        totals.bytesStored = counts.bytesStored
        return totals
    }
}
