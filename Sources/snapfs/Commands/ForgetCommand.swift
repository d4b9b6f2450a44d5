// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct ForgetCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Give up snapshots, by name or by a policy.",
        usage: """
            snapfs forget [<options>] <snapshot> ...
            snapfs forget [<options>] --keep-daily <n> ...
            """,
        discussion: """
            A forgotten snapshot is no longer listed; 'snapfs prune' takes its data away, and \
            until then 'snapfs unforget' brings it back.

            A policy looks at each group of snapshots by itself and keeps what any of its rules \
            keeps: of a period always its first snapshot. The newest snapshot of a group, \
            snapshots that are held and those of the future stay, too. Periods are those of UTC.
            """)

    @Argument(help: ArgumentHelp("The snapshots to forget.", valueName: "snapshot"))
    var snapshots: [SnapshotArgument] = []

    @OptionGroup var policy: PolicyOptions

    @Flag(
        name: [.customShort("n"), .long],
        help: "Say of every snapshot why it stays or goes; write nothing.")
    var dryRun = false

    @Flag(help: "Run prune afterwards, if something was forgotten.")
    var prune = false

    @OptionGroup var pruning: PruneOptions

    @Option(
        help: ArgumentHelp("Say why, for the record.", valueName: "text"),
        transform: LabelArgument.read)
    var reason: LabelArgument?

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if !snapshots.isEmpty && policy.isGiven {
            throw ValidationError("Give either snapshots or a policy.")
        }
        if snapshots.isEmpty && !policy.isGiven {
            throw ValidationError("Give the snapshots to forget, or a policy such as --keep-last.")
        }
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let (going, show) =
            try snapshots.isEmpty
            ? goingByPolicy(access, output) : named(access, output)
        let writes = !dryRun && !going.isEmpty
        if writes { try forget(going, access) }
        // What stays is told of even where nothing goes.
        if !dryRun { try show() }
        if writes { try record(going, access) }
        try output.note(
            Text(
                (dryRun ? "would forget " : "forgot ")
                    + Format.count(UInt64(going.count), "snapshot", "snapshots")))
        if prune && !going.isEmpty {
            if dryRun {
                try output.note("what prune would take then is not known before")
            } else {
                try PruneRun(access, output, pruning).run()
            }
        }
    }

    private func forget(_ going: [[UInt8]], _ access: RepositoryAccess) throws {
        let notes = try access.catalog().notes
        let ledger = try access.repository.ledger
        do {
            // By a policy such a snapshot never goes; who names it gives up what it may have held.
            try NoteBook.add(
                .release, to: going.filter { notes[$0].isUnclear }, origin: .current(),
                reason: "forgotten by its name although a note is damaged", ledger: ledger)
            try NoteBook.add(
                .forget, to: going, origin: .current(), reason: reason?.text, ledger: ledger)
        } catch {
            if let now = try? NoteBook(ledger) {
                try? record(going.filter { now[$0].isForgotten }, access)
            }
            throw error
        }
    }

    private func record(_ going: [[UInt8]], _ access: RepositoryAccess) throws {
        if going.isEmpty { return }
        try access.audit("forget", snapshots: going, remarks: reason.map { [$0.text] } ?? [])
    }

    /// What goes, and what tells of it once it is gone. A dry run has told the whole plan already,
    /// before what would refuse it.
    private typealias Choice = (going: [[UInt8]], show: () throws -> Void)

    // MARK: By name

    private func named(_ access: RepositoryAccess, _ output: Output) throws -> Choice {
        let ids = try access.ids(snapshots, filter, .exact)
        let catalog = try access.catalog()
        let now = Timestamp.now().seconds
        let known = ids.filter {
            let notes = catalog.notes[$0]
            return !notes.isUnclear || notes.hasHold(at: catalog.trustedTime(now: now))
        }
        let held = Set(catalog.held(known, now: now))
        let show = {
            for id in ids {
                try ForgetMessage(id: id, isHeld: held.contains(id)).show(output)
            }
        }
        if dryRun { try show() }
        try catalog.requireReleased(known, now: now)
        return (ids, show)
    }

    // MARK: By policy

    private func goingByPolicy(
        _ access: RepositoryAccess, _ output: Output
    ) throws -> Choice {
        let manifests = try access.manifests(filter)
        let plan = try ForgetPlan(
            policy.policy, manifests, notes: try access.catalog().notes,
            grouping: policy.groupBy.grouping, limits: policy.limits,
            now: Timestamp.now().seconds)
        if dryRun { try show(plan, output) }
        if let refusal = plan.refusal {
            throw dryRun
                ? refusal
                : SnapError(
                    refusal.kind,
                    refusal.message + "; nothing was forgotten, --dry-run shows the whole plan")
        }
        return (plan.going.map(\.id), { try show(plan, output) })
    }

    private func show(_ plan: ForgetPlan, _ output: Output) throws {
        for group in plan.groups {
            let title = group.key.title { Text.escaped($0) } ?? "all snapshots"
            if output.json {
                for verdict in group.verdicts {
                    try output.json(ForgetMessage(verdict, group: title))
                }
                continue
            }
            let shown = group.verdicts.filter { dryRun || !$0.stays || output.level == .verbose }
            if shown.isEmpty { continue }
            try output.note(Text(title))
            for verdict in shown { try ForgetMessage(verdict, group: title).show(output) }
        }
    }
}

/// What becomes of one snapshot, as a line or as JSON.
struct ForgetMessage: Encodable {
    var messageType = "snapshot"
    let id: String
    let time: String?
    let action: String
    let reasons: [String]
    let group: String?

    init(_ verdict: RetentionPolicy.Verdict, group: String) {
        id = verdict.manifest.hexID
        time = Format.time(verdict.manifest.time.seconds)
        action = verdict.stays ? "keep" : "forget"
        reasons = verdict.reasons.map(Self.words)
        self.group = group
    }

    /// One that was named: it goes unless it is held.
    init(id: [UInt8], isHeld: Bool) {
        self.id = Hex.encode(id)
        time = nil
        action = isHeld ? "keep" : "forget"
        reasons = isHeld ? [Self.words(.held)] : []
        group = nil
    }

    func show(_ output: Output) throws {
        if output.json { return try output.json(self) }
        let parts = [
            action == "keep" ? "  keep  " : "  forget", String(id.prefix(8)), time ?? "",
            reasons.joined(separator: ", "),
        ]
        try output.note(Text(parts.filter { !$0.isEmpty }.joined(separator: "  ")))
    }

    private static func words(_ reason: RetentionPolicy.Reason) -> String {
        switch reason {
        case .held: "held"
        case .inTheFuture: "made later than now"
        case .newest: "the newest"
        case .last: "one of the last"
        case .within: "within the time to keep"
        case .first(let period): "the first of its \(period.noun)"
        case .tag(let tag): "tag \(Text.escaped(tag.utf8))"
        case .unclear: "its notes cannot be read"
        }
    }
}
