// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What a policy would forget, group by group. Made before anything is written, so that a refusal
/// changes nothing.
package struct ForgetPlan: Sendable {
    /// What a policy may not do, however it was meant.
    package struct Limits: Sendable {
        /// No group ends up with fewer, if any of it goes.
        package var keepMin: UInt64 = 3
        /// Of all snapshots that the policy looks at.
        package var removedPercentMax: Double = 100
        /// Whether the times of snapshots are believed even where the clock seems to have jumped.
        package var acceptsClock = false

        package init() {}
    }

    package struct Group: Sendable {
        package var key: RetentionGrouping.Key
        /// Oldest first.
        package var verdicts: [RetentionPolicy.Verdict]

        package var going: [Manifest] { verdicts.filter { !$0.stays }.map(\.manifest) }
        package var kept: Int { verdicts.filter(\.stays).count }
    }

    package let groups: [Group]
    /// Why the plan must not be carried out.
    package let refusal: SnapError?

    package var going: [Manifest] { groups.flatMap(\.going) }

    /// Applies a policy to snapshots that are not forgotten. `now` in Unix seconds. Throws
    /// `.invalid` for a policy that keeps nothing.
    package init(
        _ policy: RetentionPolicy, _ manifests: [Manifest], notes: NoteBook,
        grouping: RetentionGrouping, limits: Limits, now: Int64
    ) throws {
        guard !policy.isEmpty else {
            throw SnapError(.invalid, "the policy keeps nothing, so nothing is forgotten by it")
        }
        groups = grouping.groups(manifests).map { key, manifests in
            Group(key: key, verdicts: policy.judge(manifests, notes: notes, now: now))
        }
        refusal = Self.refusal(groups, policy, limits, now)
    }

    private static func refusal(
        _ groups: [Group], _ policy: RetentionPolicy, _ limits: Limits, _ now: Int64
    ) -> SnapError? {
        let changed = groups.filter { !$0.going.isEmpty }
        let small = changed.filter { $0.kept < limits.keepMin }
        if !small.isEmpty { return tooFew(small, limits.keepMin) }
        if !limits.acceptsClock {
            for group in changed {
                if let error = jump(group, policy, now) { return error }
            }
        }
        let all = groups.reduce(0) { $0 + $1.verdicts.count }
        let going = groups.reduce(0) { $0 + $1.going.count }
        if Double(going) * 100 > Double(all) * limits.removedPercentMax {
            return SnapError(
                .refused,
                "the policy forgets \(going) of \(all) snapshots, more than --max-remove-percent "
                    + "allows")
        }
        return nil
    }

    /// Names the groups of which too few would be left, and both ways out.
    private static func tooFew(_ groups: [Group], _ keepMin: UInt64) -> SnapError {
        let figures = groups.map { "\($0.kept) of \($0.verdicts.count) of \(name($0))" }
        let fewest = groups.map(\.kept).min() ?? 0
        return SnapError(
            .refused,
            "the policy leaves fewer snapshots than --min-keep \(keepMin) asks for: "
                + "\(shownInShort(figures, separator: "; ")); keep more, such as by --keep-last "
                + "\(keepMin), or give --min-keep \(fewest) if that is meant")
    }

    /// Of the rules only that of a span goes by how far times lie apart.
    private static func jump(
        _ group: Group, _ policy: RetentionPolicy, _ now: Int64
    ) -> SnapError? {
        let times = group.verdicts.map(\.manifest.time.seconds)
        guard policy.within != nil, let jump = ClockJump.find(times, now: now),
            times.contains(jump.to),
            group.going.contains(where: { $0.time.seconds <= jump.from })
        else { return nil }
        return SnapError(
            .refused,
            "between \(CivilTime(seconds: jump.from)) and \(CivilTime(seconds: jump.to)) there is "
                + "no snapshot of \(name(group)): the clock may have jumped; if the times are "
                + "right, give --accept-clock")
    }

    private static func name(_ group: Group) -> String {
        group.key.title { String(decoding: $0, as: UTF8.self) } ?? "the repository"
    }
}
