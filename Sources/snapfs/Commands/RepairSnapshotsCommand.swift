// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

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

    var dryRun: Bool { repair.dryRun }

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
        func record() throws {
            if changed.isEmpty || repair.dryRun { return }
            try access.audit("repair snapshots", snapshots: changed)
        }
        try recording(record) {
            try run.run(readData: readData, threads: Processors.count(in: 1...16)) { snapshot in
                damaged += 1
                if snapshot.isLoss { losses += 1 }
                switch snapshot.outcome {
                case .replaced: replaced += 1
                case .forgotten: forgotten += 1
                case .mendedNotes: break
                case .kept: return try show(snapshot, output)
                }
                changed.append(snapshot.id)
                try show(snapshot, output)
            }
        }
        progress.finish()
        if output.json {
            try output.json(
                Summary(
                    damaged: damaged, replaced: replaced, forgotten: forgotten,
                    dryRun: repair.dryRun))
        } else if damaged == 0 {
            try output.note(
                Text("no snapshot needs repair" + RepairOptions.remark(readData: readData)))
        } else if replaced + forgotten > 0 && !repair.dryRun {
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
        try FindingLine.showMore(more, output, word: "lost")
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
        case .mendedNotes(let isHeld):
            let hold = isHeld ? "it counts as held; 'snapfs hold --release \(id)' ends that" : nil
            if output.json { return try json("mended_notes", nil, hold, output) }
            let verb = isDryRun ? "would be" : "are"
            let tail = hold.map { ": " + $0 } ?? ""
            try output.line(Text("damaged notes of snapshot \(id) \(verb) replaced\(tail)"))
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
