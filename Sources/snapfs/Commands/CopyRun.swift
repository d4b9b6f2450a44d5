// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapCopy
import SnapFormat
import SnapRepository

/// One run of `copy`, and what it tells.
final class CopyRun {
    private let from: RepositoryAccess
    private let to: RepositoryAccess
    /// Snapshots of the destination that are new or have new notes.
    private var written: [[UInt8]] = []
    /// Snapshots of the destination that still have what was erased at the source.
    private var unerased: [[UInt8]] = []
    private let output: Output
    private let isDryRun: Bool
    private let copy: RepositoryCopy
    private let progress: Progress
    private var summary = Summary()

    /// Copied, or to be copied, is what `copied` counts.
    private struct Summary: Encodable {
        var messageType = "summary"
        var dryRun = false
        var copied: UInt64 = 0
        var there: UInt64 = 0
        var skipped: UInt64 = 0
        var damaged: UInt64 = 0
        var bytesRead: UInt64 = 0
        var dataAdded: UInt64 = 0
        var dataAddedPacked: UInt64 = 0
        var totalDuration = 0.0
    }

    private struct Line: Encodable {
        var messageType = "snapshot"
        let id: String
        let time: String
        let action: String
        var copy: String?
        var notes: Int?
        var bytesRead: UInt64?
        var dataAdded: UInt64?
        var dataAddedPacked: UInt64?
        var error: String?

        init(_ manifest: Manifest, _ action: String) {
            id = manifest.hexID
            time = Format.time(manifest.time.seconds)
            self.action = action
        }
    }

    init(
        _ from: RepositoryAccess, _ to: RepositoryAccess, _ output: Output, _ command: CopyCommand
    ) throws {
        self.from = from
        self.to = to
        self.output = output
        isDryRun = command.dryRun
        let progress = Progress(output, counting: .entries)
        self.progress = progress
        var options = RepositoryCopy.Options()
        options.checkpointInterval = command.checkpointInterval.seconds
        options.threads = Processors.count(in: 2...16)
        options.host = Origin.hostName
        options.isInterrupted = { Interruption.requested }
        options.advance = { entries, bytes in
            progress.add(items: Int(clamping: entries), bytes: Int(clamping: bytes))
        }
        do {
            copy = try RepositoryCopy(
                from: from.repository, try from.catalog(), to: to.repository, try to.catalog(),
                options)
        } catch {
            progress.finish()
            throw error
        }
    }

    /// `unreadable` are the snapshots that are, or may be, to be copied and cannot be read.
    func run(_ chosen: [Manifest], unreadable: Int) throws {
        defer { progress.finish() }
        summary.dryRun = isDryRun
        if isDryRun {
            for manifest in chosen { try show(manifest, copy.plan(manifest)) }
        } else {
            let new = chosen.filter { copy.plan($0) == .copy }
            progress.expect(
                items: new.reduce(0) { $0.addingSaturated($1.root.attributes.count) },
                bytes: new.reduce(0) { $0.addingSaturated($1.totals.bytes) })
            try recording(record) {
                for manifest in chosen { try show(manifest, try copy.copy(manifest)) }
            }
        }
        summary.damaged += UInt64(unreadable)
        try finish()
    }

    /// What was written is in the log of the destination.
    private func record() throws {
        if written.isEmpty { return }
        try to.audit(
            "copy", snapshots: written, counts: [("bytes_added", summary.dataAddedPacked)],
            remarks: ["from repository \(from.repository.hexID)"])
    }

    // MARK: Snapshots

    private func show(_ manifest: Manifest, _ plan: RepositoryCopy.Plan) throws {
        switch plan {
        case .copy:
            summary.copied += 1
            try show(Line(manifest, "would-copy"), "would be copied")
        case .there(let there):
            try noteErasure(manifest, there)
            summary.there += 1
            try show(Line(manifest, "there"), "is there", isDetail: true)
        case .forgotten: try skip(manifest, "forgotten", "was forgotten there")
        }
    }

    private func show(_ manifest: Manifest, _ outcome: RepositoryCopy.Outcome) throws {
        switch outcome {
        case .copied(let made, let bytesRead):
            var line = Line(manifest, "copied")
            line.copy = made.hexID
            line.bytesRead = bytesRead
            line.dataAdded = made.totals.bytesAdded
            line.dataAddedPacked = made.totals.bytesStored
            summary.copied += 1
            written.append(made.id)
            summary.bytesRead = summary.bytesRead.addingSaturated(bytesRead)
            summary.dataAdded += made.totals.bytesAdded
            summary.dataAddedPacked += made.totals.bytesStored
            try show(
                line,
                "copied as \(made.hexID.prefix(8)), read \(Format.size(bytesRead)), "
                    + "stored \(Format.size(made.totals.bytesStored))")
        case .there(let there, let notes):
            var line = Line(manifest, notes == 0 ? "there" : "updated")
            line.copy = there.hexID
            line.notes = notes
            if notes > 0 { written.append(there.id) }
            try noteErasure(manifest, there)
            summary.there += 1
            try show(
                line,
                notes == 0
                    ? "is there as \(there.hexID.prefix(8))"
                    : "is there as \(there.hexID.prefix(8)); brought over "
                        + Format.count(UInt64(notes), "note", "notes"), isDetail: notes == 0)
        case .forgotten: try skip(manifest, "forgotten", "was forgotten there")
        case .gone: try skip(manifest, "gone", "was forgotten meanwhile, and is being collected")
        case .damaged(let error):
            var line = Line(manifest, "damaged")
            line.error = error.message
            summary.damaged += 1
            if output.json { return try output.json(line) }
            let name = line.id.prefix(8)
            output.warning("snapshot \(name) is damaged and was not copied: \(error.message)")
        }
    }

    private func noteErasure(_ manifest: Manifest, _ there: Manifest) throws {
        if try copy.isUnerased(there, of: manifest) { unerased.append(there.id) }
    }

    private func skip(_ manifest: Manifest, _ action: String, _ words: String) throws {
        summary.skipped += 1
        try show(Line(manifest, action), words)
    }

    private func show(_ line: Line, _ words: String, isDetail: Bool = false) throws {
        if output.json { return try output.json(line) }
        let text = Text("\(line.id.prefix(8))  \(line.time)  \(words)")
        if isDetail { try output.detail(text) } else { try output.note(text) }
    }

    // MARK: End

    private func finish() throws {
        progress.finish()
        summary.totalDuration = progress.seconds
        if copy.absentPacks > 0 {
            let packs = Format.count(UInt64(copy.absentPacks), "pack is", "packs are")
            output.warning(
                Text(
                    "warning: \(packs) missing or cut short at the destination; 'snapfs check' "
                        + "says which snapshots there are damaged"))
        }
        warnOfUnerased()
        if output.json {
            try output.json(summary)
        } else {
            try output.note(Text(words))
        }
        if summary.damaged > 0 {
            throw ToldError(
                status: .damaged,
                message: Format.count(summary.damaged, "snapshot is", "snapshots are")
                    + " damaged and not copied")
        }
    }

    private func warnOfUnerased() {
        if unerased.isEmpty { return }
        let names = shownInShort(unerased.map { Hex.encode($0.prefix(4)) })
        let many = unerased.count > 1
        output.warning(
            Text(
                "warning: \(Format.count(UInt64(unerased.count), "snapshot", "snapshots")) at the "
                    + "destination still \(many ? "have" : "has") what was erased here: \(names); "
                    + "run 'snapfs erase' with the same paths, then 'snapfs prune', there"))
    }

    private var words: String {
        var parts = [
            (isDryRun ? "would copy " : "copied ")
                + Format.count(summary.copied, "snapshot", "snapshots"),
            "\(summary.there) there already",
        ]
        if summary.skipped > 0 { parts.append("\(summary.skipped) skipped") }
        if summary.damaged > 0 { parts.append("\(summary.damaged) damaged") }
        if !isDryRun {
            parts.append(
                "read \(Format.size(summary.bytesRead)), added \(Format.size(summary.dataAdded)), "
                    + "stored \(Format.size(summary.dataAddedPacked)) in "
                    + Format.elapsed(progress.seconds))
        }
        return parts.joined(separator: "; ")
    }
}
