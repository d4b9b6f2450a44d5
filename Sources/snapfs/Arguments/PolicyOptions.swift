// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// What a policy keeps, and what it may not do.
struct PolicyOptions: ParsableArguments {
    // Unconditional, here and below: a number below 0 looks like an option.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Keep the newest so many snapshots of each group.", valueName: "n"),
        transform: CountArgument.read)
    var keepLast: CountArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Keep the first snapshot of each of the newest so many hours that have one.",
            valueName: "n"), transform: CountArgument.read)
    var keepHourly: CountArgument?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The same with days.", valueName: "n"),
        transform: CountArgument.read)
    var keepDaily: CountArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The same with weeks, from Monday on.", valueName: "n"),
        transform: CountArgument.read)
    var keepWeekly: CountArgument?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The same with months.", valueName: "n"),
        transform: CountArgument.read)
    var keepMonthly: CountArgument?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The same with years.", valueName: "n"),
        transform: CountArgument.read)
    var keepYearly: CountArgument?

    @Option(
        help: ArgumentHelp(
            "Keep all that were made within this time before the newest one, such as 2w or "
                + "2y5m7d3h.", valueName: "duration"), transform: SpanArgument.read)
    var keepWithin: SpanArgument?

    @Option(
        name: .customLong("keep-tag"),
        help: ArgumentHelp("Keep all with this tag (repeatable).", valueName: "tag"),
        transform: TagArgument.read)
    var keepTags: [TagArgument] = []

    @Option(
        help: ArgumentHelp(
            "Apply the policy to each group by itself: host, paths, tags and job, separated by "
                + "commas, or none. (default: host,paths)", valueName: "what"),
        transform: GroupingArgument.read)
    var groupBy = GroupingArgument(RetentionGrouping())

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Refuse to leave fewer snapshots in a group of which some would go. (default: 3)",
            valueName: "n"), transform: CountArgument.read)
    var minKeep = CountArgument(3)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Refuse to forget more than this part of the snapshots. (default: 100)",
            valueName: "percent"), transform: ShareOfHundredArgument.read)
    var maxRemovePercent = ShareOfHundredArgument(100)

    @Flag(
        help:
            "Believe the times of snapshots, even where the clock seems to have jumped.")
    var acceptClock = false

    /// Whether a rule was given, be it one that keeps nothing.
    var isGiven: Bool {
        [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
            .contains { $0 != nil } || keepWithin != nil || !keepTags.isEmpty
    }

    var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.last = keepLast?.number ?? 0
        policy.periods = [
            .hourly: keepHourly?.number ?? 0, .daily: keepDaily?.number ?? 0,
            .weekly: keepWeekly?.number ?? 0,
            .monthly: keepMonthly?.number ?? 0, .yearly: keepYearly?.number ?? 0,
        ]
        policy.within = keepWithin?.span
        policy.tags = Set(keepTags.map(\.text))
        return policy
    }

    var limits: ForgetPlan.Limits {
        var limits = ForgetPlan.Limits()
        limits.keepMin = minKeep.number
        limits.removedPercentMax = maxRemovePercent.percent
        limits.acceptsClock = acceptClock
        return limits
    }
}

/// `host,paths`: by what snapshots are grouped.
struct GroupingArgument: FormedArgument, Equatable {
    let grouping: RetentionGrouping

    static let form = """
        it has to be some of host, paths, tags and job, such as host,job, or none
        """

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
}
