// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

struct CheckCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check that every snapshot can be restored.",
        usage: "snapfs check [<options>]",
        discussion: """
            Without --read-data: that the index, the directories and the file lists of every \
            snapshot are whole and that every pack they need is there. With \
            --read-data-subset, runs go round the repository: each reads the part that was not \
            read for longest. Exit status 13 means that damage was found.
            """)

    @Flag(help: "Read every byte of every pack, too.")
    var readData = false

    @Option(
        help: ArgumentHelp(
            "Read this part of the packs: 1/30, 5% or 2G; the next run reads the next part.",
            valueName: "part"), transform: ShareArgument.read)
    var readDataSubset: ShareArgument?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if readData && readDataSubset != nil {
            throw ValidationError("Give only one of --read-data and --read-data-subset.")
        }
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output, verifiesAudit: true)
        let readsData = readData || readDataSubset != nil
        let progress = Progress(output, counting: readsData ? .packs : .objects)
        defer { progress.finish() }
        let check = RepositoryCheck(
            access.repository, observer: CheckObserver(output, progress, readData: readsData))
        let rotation = rotation(access, output)
        let report = try check.run(
            readData: readsData, rotation: rotation, threads: Processors.count(in: 1...16))
        progress.finish()
        try CheckSummary(report, rotation, readData: readsData, seconds: progress.seconds)
            .end(output)
    }

    private func rotation(_ access: RepositoryAccess, _ output: Output) -> ReadRotation? {
        guard let share = readDataSubset?.share else { return nil }
        let day = Int(Origin.current().time / 86_400)
        let rotation = ReadRotation(share, cache: access.repository.cache, day: day)
        if !rotation.remembers {
            output.warning(
                Text(
                    "warning: without a cache it is not remembered what was read; a part is chosen "
                        + "by the day"))
        }
        return rotation
    }
}

/// What a check found, in words or as JSON lines.
private struct CheckSummary {
    private struct Summary: Encodable {
        var messageType = "summary"
        let numErrors: Int
        let damagedSnapshots: [String]
        let snapshots, packs, objects, directories: Int
        let packBytes, objectBytes: UInt64
        let round: UInt32?
        let roundBytes, roundTotal: UInt64?
        let readData: Bool
        let notes, nextSteps: [String]
        let totalDuration: Double
    }

    private let report: CheckReport
    private let rotation: ReadRotation?
    private let readData: Bool
    private let steps: [String]
    private let seconds: Double

    init(_ report: CheckReport, _ rotation: ReadRotation?, readData: Bool, seconds: Double) {
        self.report = report
        self.rotation = rotation
        self.readData = readData
        steps = DamageAdvice.steps(report.findings, readData: readData)
        self.seconds = seconds
    }

    /// Prints the summary; throws `.damaged` after damage.
    func end(_ output: Output) throws {
        if output.json {
            try output.json(message)
        } else {
            try FindingGroups(report.findings).show(output)
            let more = report.findingCount - report.findings.count
            try FindingLine.showMore(more, output)
            for note in report.notes { try output.note(Text("note: \(note)")) }
            try showRound(output)
            try DamageAdvice.show(steps, output)
        }
        guard report.findingCount == 0 else {
            throw SnapError(
                .damaged,
                "damage found in "
                    + Format.count(UInt64(report.findingCount), "place", "places") + "; "
                    + Format.count(
                        UInt64(report.damagedSnapshots.count), "snapshot is", "snapshots are")
                    + " affected")
        }
        try output.note(Text("no damage found in \(what)"))
        if !readData {
            try output.note("contents were not read: 'snapfs check --read-data' reads them, too")
        }
    }

    private func showRound(_ output: Output) throws {
        guard let round = rotation?.progress, round.total > 0 else { return }
        let percent = round.read >= round.total ? 100 : min(99, round.read * 100 / round.total)
        try output.note(
            Text(
                "read in this round: \(Format.size(round.read)) of \(Format.size(round.total)) "
                    + "(\(percent) %)"))
    }

    private var what: String {
        let counted = [
            Format.count(UInt64(report.snapshots), "snapshot", "snapshots"),
            Format.count(UInt64(report.packs), "pack", "packs"),
        ].joined(separator: ", ")
        guard report.packBytes > 0 else { return counted }
        let data = report.objectBytes
        return "\(counted): \(Format.size(data)) of data, \(Format.size(report.packBytes)) packed, "
            + "in \(Format.elapsed(seconds)) (\(Format.rate(bytes: data, seconds: seconds)))"
    }

    private var message: Summary {
        Summary(
            numErrors: report.findingCount,
            damagedSnapshots: report.damagedSnapshots.map { Hex.encode($0) }.sorted(),
            snapshots: report.snapshots, packs: report.packs, objects: report.objects,
            directories: report.directories, packBytes: report.packBytes,
            objectBytes: report.objectBytes, round: rotation?.round,
            roundBytes: rotation?.progress.read, roundTotal: rotation?.progress.total,
            readData: readData, notes: report.notes, nextSteps: steps, totalDuration: seconds)
    }
}
