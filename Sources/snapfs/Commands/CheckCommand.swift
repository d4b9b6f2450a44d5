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
            snapshot are whole and that every pack they need is there. Exit status 13 means that \
            damage was found.
            """)

    @Flag(help: "Read every byte of every pack, too.")
    var readData = false

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let progress = Progress(output, counting: readData ? .packs : .objects)
        defer { progress.finish() }
        let check = RepositoryCheck(
            access.repository, observer: Self.observer(output, progress, readData: readData))
        let report = try check.run(readData: readData, threads: Processors.count(in: 1...16))
        progress.finish()
        try CheckSummary(report, seconds: progress.seconds).end(output)
    }

    private static func observer(
        _ output: Output, _ progress: Progress, readData: Bool
    ) -> CheckObserver {
        var observer = CheckObserver()
        observer.isInterrupted = { Interruption.requested }
        observer.found = { try? CheckSummary.show($0, output) }
        if readData {
            observer.expect = { progress.expect(items: UInt64($0), bytes: $1) }
        }
        observer.done = { items, bytes in progress.add(items: items, bytes: bytes) }
        return observer
    }
}

/// What a check found, in words or as JSON lines.
private struct CheckSummary {
    private struct Damage: Encodable {
        var messageType = "damage"
        let file: String?
        let snapshot: String?
        let path: String?
        let pathB64: String?
        let message: String
    }

    private struct Summary: Encodable {
        var messageType = "summary"
        let numErrors: Int
        let damagedSnapshots: [String]
        let snapshots, packs, objects, directories: Int
        let packBytes, objectBytes: UInt64
        let notes: [String]
        let totalDuration: Double
    }

    private let report: CheckReport
    private let seconds: Double

    init(_ report: CheckReport, seconds: Double) {
        self.report = report
        self.seconds = seconds
    }

    /// Prints one finding.
    static func show(_ finding: CheckFinding, _ output: Output) throws {
        switch finding.place {
        case .file(let file):
            if output.json {
                return try output.json(
                    Damage(
                        file: file, snapshot: nil, path: nil, pathB64: nil,
                        message: finding.message))
            }
            let name = finding.message.hasPrefix(file) ? "" : "\(file): "
            try output.line(Text("damaged: \(name)\(finding.message)"))
        case .entry(let snapshot, let path):
            let id = Hex.encode(snapshot)
            if output.json {
                let name = JSONName(path)
                return try output.json(
                    Damage(
                        file: nil, snapshot: id, path: name.text, pathB64: name.base64,
                        message: finding.message))
            }
            try output.line(
                "damaged: snapshot \(id.prefix(8)) \(name: path): \(finding.message)")
        }
    }

    /// Prints the summary; throws `.damaged` after damage.
    func end(_ output: Output) throws {
        if output.json {
            try output.json(message)
        } else {
            let more = report.findingCount - report.findings.count
            if more > 0 { try output.line(Text("damaged: \(more) more places")) }
            for note in report.notes { try output.note(Text("note: \(note)")) }
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
            objectBytes: report.objectBytes, notes: report.notes, totalDuration: seconds)
    }
}
