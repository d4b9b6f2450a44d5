// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// What a policy keeps, and what it may not do.
struct PolicyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Keep the newest so many snapshots of each group.", valueName: "n"))
    var keepLast: UInt64?

    @Option(
        help: ArgumentHelp(
            "Keep the first snapshot of each of the newest so many hours that have one.",
            valueName: "n"))
    var keepHourly: UInt64?

    @Option(help: ArgumentHelp("The same with days.", valueName: "n"))
    var keepDaily: UInt64?

    @Option(help: ArgumentHelp("The same with weeks, from Monday on.", valueName: "n"))
    var keepWeekly: UInt64?

    @Option(help: ArgumentHelp("The same with months.", valueName: "n"))
    var keepMonthly: UInt64?

    @Option(help: ArgumentHelp("The same with years.", valueName: "n"))
    var keepYearly: UInt64?

    @Option(
        help: ArgumentHelp(
            "Keep all that were made within this time before the newest one, such as 2y5m7d3h.",
            valueName: "duration"))
    var keepWithin: SpanArgument?

    @Option(
        name: .customLong("keep-tag"),
        help: ArgumentHelp("Keep all with this tag (repeatable).", valueName: "tag"))
    var keepTags: [LabelArgument] = []

    @Option(
        help: ArgumentHelp(
            "Apply the policy to each group by itself: host, paths, tags and job, separated by "
                + "commas, or none.", valueName: "what"))
    var groupBy = GroupingArgument(RetentionGrouping())

    @Option(
        help: ArgumentHelp(
            "Refuse to leave fewer snapshots in a group of which some would go.", valueName: "n"))
    var minKeep: UInt64 = 3

    @Option(
        help: ArgumentHelp(
            "Refuse to forget more than this part of the snapshots.", valueName: "percent"))
    var maxRemovePercent: Double = 100

    @Flag(
        help:
            "Believe the times of snapshots, even where the clock seems to have jumped.")
    var acceptClock = false

    func validate() throws {
        guard (0...100).contains(maxRemovePercent) else {
            throw ValidationError("--max-remove-percent must be between 0 and 100.")
        }
    }

    /// Whether a rule was given, be it one that keeps nothing.
    var isGiven: Bool {
        [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
            .contains { $0 != nil } || keepWithin != nil || !keepTags.isEmpty
    }

    var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.last = keepLast ?? 0
        policy.periods = [
            .hourly: keepHourly ?? 0, .daily: keepDaily ?? 0, .weekly: keepWeekly ?? 0,
            .monthly: keepMonthly ?? 0, .yearly: keepYearly ?? 0,
        ]
        policy.within = keepWithin?.span
        policy.tags = Set(keepTags.map(\.text))
        return policy
    }

    var limits: ForgetPlan.Limits {
        var limits = ForgetPlan.Limits()
        limits.keepMin = minKeep
        limits.removedPercentMax = maxRemovePercent
        limits.acceptsClock = acceptClock
        return limits
    }
}

/// `host,paths`: by what snapshots are grouped.
struct GroupingArgument: ExpressibleByArgument, Equatable {
    let grouping: RetentionGrouping

    init(_ grouping: RetentionGrouping) { self.grouping = grouping }

    init?(argument: String) {
        if argument == "none" {
            grouping = RetentionGrouping([])
            return
        }
        var parts: Set<RetentionGrouping.Part> = []
        for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let part = RetentionGrouping.Part(rawValue: String(word)) else { return nil }
            parts.insert(part)
        }
        grouping = RetentionGrouping(parts)
    }

    var defaultValueDescription: String { "host,paths" }
}
