// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Make the best of damage; writes new files, changes and deletes none.",
        discussion: """
            In this order: 'repair index' where the index is damaged or missing; 'repair --from' \
            where another repository has copies of the snapshots, otherwise 'repair packs' where \
            packs are damaged; a backup of the same data, which stores again what was lost; \
            'repair snapshots' for what is still missing then; 'prune'.
            """,
        subcommands: [
            RepairIndexCommand.self, RepairPacksCommand.self, RepairSnapshotsCommand.self,
            RepairFromCommand.self,
        ], defaultSubcommand: RepairFromCommand.self)
}

struct RepairOptions: ParsableArguments {
    @Flag(name: [.customShort("n"), .long], help: "Say what would be done; write nothing.")
    var dryRun = false

    /// "would do" or "did", as the case may be.
    func verb(_ would: String, _ did: String) -> String { dryRun ? "would \(would)" : did }
}

struct RepairIndexCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "index", abstract: "Make the index again from the tables of the packs.",
        usage: "snapfs repair index [<options>]")

    @OptionGroup var repair: RepairOptions
    @OptionGroup var global: GlobalOptions

    private struct Summary: Encodable {
        var messageType = "summary"
        let damaged, kept, unreadablePacks: [String]
        let packs, objects, segments: Int
        let dryRun: Bool
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let progress = Progress(output, counting: .packs)
        defer { progress.finish() }
        let observer = CheckObserver(output, progress)
        let report = try IndexRepair(access.repository, observer: observer)
            .run(host: Origin.hostName, isDryRun: repair.dryRun)
        progress.finish()
        if report.segments > 0 && !repair.dryRun {
            try access.audit(
                "repair index",
                counts: [("segments", UInt64(report.segments)), ("packs", UInt64(report.packs))])
        }
        for (name, error) in report.damaged + report.unreadable {
            try FindingLine.show(CheckFinding(.file(name), error.message), output)
        }
        for name in report.kept {
            try output.note(
                Text("\(name) stays: it may know of packs whose own tables cannot be read"))
        }
        try show(report, output)
        guard report.unreadable.isEmpty else {
            throw SnapError(
                .damaged,
                Format.count(UInt64(report.unreadable.count), "pack is", "packs are")
                    + " left out, whose own tables cannot be read")
        }
    }

    private func show(_ report: IndexRepairReport, _ output: Output) throws {
        if output.json {
            return try output.json(
                Summary(
                    damaged: report.damaged.map(\.name), kept: report.kept,
                    unreadablePacks: report.unreadable.map(\.name), packs: report.packs,
                    objects: report.objects, segments: report.segments, dryRun: repair.dryRun))
        }
        if report.segments == 0 { return try output.note("the index needs no repair") }
        try output.note(
            Text(
                repair.verb("write ", "wrote ")
                    + Format.count(UInt64(report.segments), "segment", "segments") + ": "
                    + Format.count(UInt64(report.objects), "object", "objects") + " in "
                    + Format.count(UInt64(report.packs), "pack", "packs")
                    + " that no other segment names"))
    }
}

struct RepairPacksCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "packs", abstract: "Save what can be read out of damaged packs.",
        usage: "snapfs repair packs [<options>] [<pack> ...]",
        discussion: "Without names every pack is read, as 'check --read-data' does.")

    @Argument(help: ArgumentHelp("The beginnings of names of packs.", valueName: "pack"))
    var packs: [LabelArgument] = []

    @OptionGroup var repair: RepairOptions
    @OptionGroup var global: GlobalOptions

    private struct Summary: Encodable {
        var messageType = "summary"
        let damaged: [String]
        let salvaged, elsewhere, numLost: Int
        let lost: [String]
        let dryRun: Bool
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let progress = Progress(output, counting: .packs)
        defer { progress.finish() }
        let observer = CheckObserver(output, progress)
        let report = try PackRepair(access.repository, observer: observer).run(
            names: packs.map(\.text), host: Origin.hostName,
            threads: Processors.count(in: 1...16), isDryRun: repair.dryRun)
        progress.finish()
        if !report.damaged.isEmpty && !repair.dryRun {
            try access.audit(
                "repair packs",
                counts: [
                    ("packs", UInt64(report.damaged.count)),
                    ("saved", UInt64(report.salvaged)), ("lost", UInt64(report.lostCount)),
                ])
        }
        try show(report, output)
        guard report.lostCount == 0 else {
            throw SnapError(
                .damaged,
                Format.count(UInt64(report.lostCount), "object is", "objects are")
                    + " lost; a backup of the same data stores them again, 'snapfs check' tells "
                    + "what needs them")
        }
    }

    private func show(_ report: PackRepairReport, _ output: Output) throws {
        if output.json {
            return try output.json(
                Summary(
                    damaged: report.damaged, salvaged: report.salvaged,
                    elsewhere: report.elsewhere, numLost: report.lostCount,
                    lost: report.lost.map(\.hex), dryRun: repair.dryRun))
        }
        if report.damaged.isEmpty { return try output.note("no pack needs repair") }
        for id in report.lost { try output.line(Text("lost: object \(id.hex)")) }
        let more = report.lostCount - report.lost.count
        if more > 0 { try output.line(Text("lost: \(more) more objects")) }
        try output.note(
            Text(
                repair.verb("save ", "saved ")
                    + Format.count(UInt64(report.salvaged), "object", "objects") + " out of "
                    + Format.count(UInt64(report.damaged.count), "pack", "packs") + "; "
                    + "\(report.elsewhere) more are in other packs, too"))
    }
}

struct RepairSnapshotsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "snapshots",
        abstract:
            "Write damaged snapshots again without what is lost, and forget the damaged ones.",
        usage: "snapfs repair snapshots [<options>]",
        discussion: """
            What is left out is printed and stored in the new snapshot, which has the tag \
            'repaired'. Without --read-data only what is missing counts as lost.
            """)

    @Flag(help: "Read every byte of every pack before.")
    var readData = false

    @OptionGroup var repair: RepairOptions
    @OptionGroup var global: GlobalOptions

    private struct Summary: Encodable {
        var messageType = "summary"
        let damaged, replaced, forgotten: Int
        let dryRun: Bool
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let progress = Progress(output, counting: .packs)
        defer { progress.finish() }
        let run = SnapshotRepair(
            access.repository,
            observer: CheckObserver(output, progress, readData: readData),
            origin: .current(), program: "snapfs \(Version.program)",
            isDryRun: repair.dryRun)
        var (damaged, replaced, forgotten, losses) = (0, 0, 0, 0)
        var changed: [[UInt8]] = []
        try run.run(readData: readData, threads: Processors.count(in: 1...16)) { snapshot in
            damaged += 1
            if snapshot.isLoss { losses += 1 }
            switch snapshot.outcome {
            case .replaced: replaced += 1
            case .forgotten: forgotten += 1
            case .kept: return try show(snapshot, output)
            }
            changed.append(snapshot.id)
            try show(snapshot, output)
        }
        progress.finish()
        if !changed.isEmpty && !repair.dryRun {
            try access.audit("repair snapshots", snapshots: changed)
        }
        if output.json {
            try output.json(
                Summary(
                    damaged: damaged, replaced: replaced, forgotten: forgotten,
                    dryRun: repair.dryRun))
        } else if damaged == 0 {
            try output.note("no snapshot needs repair")
        } else if !repair.dryRun {
            try output.note(
                "'snapfs prune' takes the damaged ones away; until then 'check' names them")
        }
        guard losses == 0 else {
            throw SnapError(
                .damaged,
                Format.count(UInt64(losses), "snapshot has", "snapshots have")
                    + " lost something that cannot be read")
        }
    }

    private func show(_ snapshot: RepairedSnapshot, _ output: Output) throws {
        try RepairedLine(snapshot: snapshot, isDryRun: repair.dryRun).show(output)
    }
}

/// What became of one damaged snapshot, in words or as a JSON line.
private struct RepairedLine {
    private struct Message: Encodable {
        var messageType = "repaired"
        let snapshot: String
        let replacement: String?
        let outcome: String
        let reason: String?
        let numLost: Int
        let dryRun: Bool
    }

    let snapshot: RepairedSnapshot
    let isDryRun: Bool

    func show(_ output: Output) throws {
        for problem in snapshot.lost {
            try FindingLine.show(
                CheckFinding(
                    .entry(snapshot: snapshot.id, path: problem.path), problem.message), output,
                word: "lost", messageType: "lost")
        }
        let more = snapshot.lostCount - snapshot.lost.count
        if more > 0, !output.json { try output.line(Text("lost: \(more) more places")) }
        let id = Hex.encode(snapshot.id.prefix(4))
        switch snapshot.outcome {
        case .replaced(let new):
            if output.json { return try json("replaced", new, nil, output) }
            let name = new.map { Hex.encode($0.prefix(4)) } ?? "a new one"
            let verb = isDryRun ? "would be" : "is"
            try output.line(Text("snapshot \(id) \(verb) replaced by \(name)"))
        case .forgotten(let reason):
            if output.json { return try json("forgotten", nil, reason, output) }
            let verb = isDryRun ? "would be" : "is"
            try output.line(Text("snapshot \(id) \(verb) forgotten: \(reason)"))
        case .kept(let reason):
            if output.json { return try json("kept", nil, reason, output) }
            try output.line(Text("snapshot \(id) is left as it is: \(reason)"))
        }
    }

    private func json(
        _ outcome: String, _ new: [UInt8]?, _ reason: String?, _ output: Output
    ) throws {
        try output.json(
            Message(
                snapshot: Hex.encode(snapshot.id), replacement: new.map { Hex.encode($0) },
                outcome: outcome, reason: reason, numLost: snapshot.lostCount, dryRun: isDryRun))
    }
}
