// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

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

    var dryRun: Bool { repair.dryRun }

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
