// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct RepairPacksCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "packs", abstract: "Save what can be read out of damaged packs.",
        usage: "snapfs repair packs [<options>] [<pack> ...]",
        discussion: "Without names every pack is read, as 'check --read-data' does.")

    @Argument(
        help: ArgumentHelp("The beginnings of names of packs.", valueName: "pack"),
        transform: LabelArgument.read)
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

    var dryRun: Bool { repair.dryRun }

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

    /// Lost objects that are named in words; JSON has more of them.
    private static let lostShown = 10

    private func show(_ report: PackRepairReport, _ output: Output) throws {
        if output.json {
            return try output.json(
                Summary(
                    damaged: report.damaged, salvaged: report.salvaged,
                    elsewhere: report.elsewhere, numLost: report.lostCount,
                    lost: report.lost.map(\.hex), dryRun: repair.dryRun))
        }
        if report.damaged.isEmpty { return try output.note("no pack needs repair") }
        let shown = report.lost.prefix(Self.lostShown)
        for id in shown { try output.line(Text("lost: object \(id.hex)")) }
        let more = UInt64(report.lostCount - shown.count)
        if more > 0 {
            try output.line(Text("lost: \(Format.count(more, "more object", "more objects"))"))
        }
        try output.note(
            Text(
                repair.verb("save ", "saved ")
                    + Format.count(UInt64(report.salvaged), "object", "objects") + " out of "
                    + Format.count(UInt64(report.damaged.count), "pack", "packs") + "; "
                    + "\(report.elsewhere) more are in other packs, too"))
    }
}
