// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapCopy
import SnapFormat
import SnapRepository

struct RepairFromCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "from",
        abstract: "Take what is lost from a repository that has copies of the snapshots.",
        usage: "snapfs repair --from <directory> [<options>]",
        discussion: """
            It is the same whichever of the two was copied from the other. Without --read-data \
            only what is missing, cut or cannot be opened counts as lost.

            Exit status 13 means that damage remains; what could be healed is healed.
            """)

    @OptionGroup var source: HealingSource

    @Flag(help: "Read every byte of every pack before.")
    var readData = false

    @OptionGroup var repair: RepairOptions
    @OptionGroup var global: GlobalOptions

    var dryRun: Bool { repair.dryRun }

    func perform(_ output: Output) throws {
        let path = try source.repository()
        let credential = try source.credentialSource().reader(output)
        let access = try RepositoryAccess.open(global, output)
        let other = try RepositoryAccess.open(
            path, cache: try global.cacheDirectory(), output, credential: credential)
        let progress = Progress(output, counting: .packs)
        defer { progress.finish() }
        let report = try RepositoryHealing(
            access.repository, from: other.repository,
            observer: CheckObserver(output, progress, readData: readData),
            host: Origin.hostName, isDryRun: repair.dryRun
        ).run(readData: readData, threads: Processors.count(in: 1...16))
        progress.finish()
        if !repair.dryRun, report.objects > 0 || report.packs > 0 {
            try access.audit(
                "repair from", snapshots: report.whole.map { $0.id },
                counts: [
                    ("objects", UInt64(report.objects)), ("bytes", report.bytes),
                    ("packs", UInt64(report.packs)), ("saved", UInt64(report.salvaged)),
                ], remarks: ["from repository \(other.repository.hexID)"])
        }
        try HealingSummary(report: report, repair: repair, readData: readData).end(output)
    }
}

/// What a repair from another repository did, in words or as JSON lines.
private struct HealingSummary {
    private struct Message: Encodable {
        var messageType = "summary"
        let objects: Int
        let bytes: UInt64
        let damagedPacks, salvaged: Int
        let damagedSnapshots, healedSnapshots, notInOther, unreadableSnapshots: [String]
        let numHealed, numRemaining: Int
        let dryRun: Bool
    }

    let report: RepositoryHealing.Report
    let repair: RepairOptions
    let readData: Bool

    /// Shows it; throws where damage remains.
    func end(_ output: Output) throws {
        try listHealed(output)
        for finding in report.remaining.list {
            if case .entry = finding.place, !output.json { continue }
            try FindingLine.show(finding, output)
        }
        if !output.json { try FindingGroups(report.remaining.list).show(output) }
        for (id, error) in report.unreadable {
            try FindingLine.show(
                CheckFinding(.file(Manifest.storeName(id)), error.message), output)
        }
        try show(output)
        if report.remaining.count > 0 || !report.unreadable.isEmpty {
            let count = report.remaining.count + report.unreadable.count
            throw SnapError(
                .damaged,
                Format.count(UInt64(count), "place is", "places are")
                    + " still damaged; a backup of the same data stores again what was lost")
        }
    }

    private static let healedShown = 1000

    private func listHealed(_ output: Output) throws {
        let word = repair.verb("heal", "healed")
        let healed = report.healed.list
        for finding in output.json ? healed[...] : healed.prefix(Self.healedShown) {
            try FindingLine.show(finding, output, word: word, messageType: "healed")
        }
        let more = report.healed.count - Self.healedShown
        try FindingLine.showMore(more, output, word: word)
    }

    private func show(_ output: Output) throws {
        let whole = report.whole
        if output.json {
            return try output.json(
                Message(
                    objects: report.objects, bytes: report.bytes, damagedPacks: report.packs,
                    salvaged: report.salvaged, damagedSnapshots: report.damaged.map { $0.hexID },
                    healedSnapshots: whole.map { $0.hexID },
                    notInOther: report.unmatched.map { $0.hexID },
                    unreadableSnapshots: report.unreadable.map { Hex.encode($0.id) },
                    numHealed: report.healed.count, numRemaining: report.remaining.count,
                    dryRun: repair.dryRun))
        }
        guard report.isDamaged else {
            return try output.note(
                Text("nothing needs repair" + RepairOptions.remark(readData: readData)))
        }
        let more = report.remaining.count - report.remaining.list.count
        try FindingLine.showMore(more, output)
        for manifest in report.unmatched where report.remaining.snapshots.contains(manifest.id) {
            try output.line(
                Text("snapshot \(manifest.hexID.prefix(8)) is not in the other repository"))
        }
        if !report.unreadable.isEmpty {
            try output.note(
                Text(
                    "'snapfs copy' from the other repository brings back a snapshot whose record "
                        + "is damaged, if it is there"))
        }
        try output.note(
            Text(
                repair.verb("bring back ", "brought back ")
                    + Format.count(UInt64(report.objects), "object", "objects") + " of "
                    + Format.size(report.bytes) + ", "
                    + repair.verb("save ", "saved ") + "\(report.salvaged) out of "
                    + Format.count(UInt64(report.packs), "damaged pack", "damaged packs") + "; "
                    + "\(whole.count) of "
                    + Format.count(
                        UInt64(report.damaged.count), "damaged snapshot", "damaged snapshots")
                    + (repair.dryRun ? " would be whole again" : " whole again")))
    }
}
