// SPDX-License-Identifier: MIT
//
// Which snapshots of a group a policy keeps. Pure: the same snapshots and the same clock give the
// same answer, so that a dry run tells what the real one does.

import SnapBase
import SnapFormat

/// What is kept of each group. Every rule keeps by itself; what none keeps is forgotten.
package struct RetentionPolicy: Sendable {
    /// The newest so many.
    package var last: UInt64 = 0
    /// The first snapshot of so many periods, counted from the newest one that has a snapshot.
    package var periods: [RetentionPeriod: UInt64] = [:]
    /// All that are not older than this before the newest one.
    package var within: RetentionSpan?
    /// All with one of these tags.
    package var tags: Set<String> = []

    package init() {}

    /// Whether it would keep nothing: then nothing may be forgotten by it.
    package var isEmpty: Bool {
        last == 0 && periods.values.allSatisfy { $0 == 0 } && (within?.isZero ?? true)
            && tags.isEmpty
    }

    /// Why a snapshot stays.
    package enum Reason: Sendable, Equatable {
        case held
        /// It was made later than now.
        case inTheFuture
        /// No group ends up without its newest one.
        case newest
        case last
        case within
        /// The first of its period.
        case first(RetentionPeriod)
        case tag(String)
        /// Its notes are not all known.
        case unclear
    }

    /// What becomes of one snapshot: without a reason to stay it goes.
    package struct Verdict: Sendable {
        package var manifest: Manifest
        package var reasons: [Reason]

        package var stays: Bool { !reasons.isEmpty }
    }

    /// Judges the snapshots of one group. `now` in Unix seconds. Returns them oldest first.
    package func judge(
        _ group: [Manifest], notes: NoteBook, now: Int64
    ) -> [Verdict] {
        var verdicts = group.sorted(by: Manifest.isBefore)
            .map { Verdict(manifest: $0, reasons: []) }
        // A clock may end a hold too late, never too early.
        let trusted = ClockJump.trusted(group, now: now)
        let past = verdicts.indices.filter { verdicts[$0].manifest.time.seconds <= now }
        for index in verdicts.indices {
            let manifest = verdicts[index].manifest
            let notes = notes[manifest.id]
            if notes.isUnclear { verdicts[index].reasons.append(.unclear) }
            if notes.hasHold(at: trusted) { verdicts[index].reasons.append(.held) }
            if manifest.time.seconds > now { verdicts[index].reasons.append(.inTheFuture) }
            for tag in manifest.tags where tags.contains(tag) {
                verdicts[index].reasons.append(.tag(tag))
            }
        }
        guard let newest = past.last else { return verdicts }
        verdicts[newest].reasons.append(.newest)
        for index in past.suffix(Int(clamping: last)) { verdicts[index].reasons.append(.last) }
        if let within, !within.isZero {
            let start = within.before(verdicts[newest].manifest.time.seconds)
            for index in past where verdicts[index].manifest.time.seconds > start {
                verdicts[index].reasons.append(.within)
            }
        }
        for period in RetentionPeriod.allCases {
            for index in first(of: period, verdicts, past) {
                verdicts[index].reasons.append(.first(period))
            }
        }
        return verdicts
    }

    /// The first snapshot of each of the newest periods that have one.
    private func first(
        of period: RetentionPeriod, _ verdicts: [Verdict], _ past: [Int]
    ) -> [Int] {
        var found: [Int] = []
        var number: Int64?
        for index in past {
            let its = period.number(of: verdicts[index].manifest.time.seconds)
            if its != number { found.append(index) }
            number = its
        }
        return found.suffix(Int(clamping: periods[period] ?? 0))
    }
}
