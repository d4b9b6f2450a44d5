// SPDX-License-Identifier: MIT

import SnapFormat
import SnapRepository

/// What a backup did, in words or as the last JSON line.
struct BackupSummary {
    struct Message: Encodable {
        var messageType = "summary"
        let dryRun: Bool
        let filesNew, filesChanged, filesUnmodified: UInt64
        let totalFilesProcessed, totalDirectories, totalBytesProcessed: UInt64
        let bytesRead, dataAdded, dataAddedPacked: UInt64
        let errors: UInt64
        let totalDuration: Double
        let snapshotId: String?
    }

    private let counts: BackupProgress.Counts
    private let problems: UInt64
    private let manifest: Manifest?
    private let seconds: Double

    /// `manifest` is nil after a dry run.
    init(_ progress: BackupProgress, _ manifest: Manifest?, seconds: Double) {
        counts = progress.counts
        problems = progress.problems.1
        self.manifest = manifest
        self.seconds = seconds
    }

    private var files: UInt64 { counts.filesNew + counts.filesChanged + counts.filesUnchanged }
    private var bytes: UInt64 { manifest?.totals.bytes ?? counts.bytes }

    func print(_ output: Output) throws {
        if output.json { return try output.json(message) }
        let parts = [
            "\(counts.filesNew) new", "\(counts.filesChanged) changed",
            "\(counts.filesUnchanged) unchanged",
        ]
        try output.note(
            Text(
                "files: \(parts.joined(separator: ", ")); \(Format.size(bytes)) in "
                    + Format.count(files, "file", "files")))
        guard let manifest else {
            return try output.note(
                Text(
                    "dry run: \(Format.size(counts.bytesRead)) would be read, "
                        + "nothing was written"))
        }
        let totals = manifest.totals
        try output.note(
            Text(
                "read \(Format.size(totals.bytesRead)), added \(Format.size(totals.bytesAdded)), "
                    + "stored \(Format.size(totals.bytesStored)) (ratio "
                    + "\(Format.ratio(totals.bytesAdded, totals.bytesStored))) in "
                    + Format.elapsed(seconds)))
        if problems > 0 {
            try output.note("\(Format.count(problems, "problem", "problems")), see above")
        }
        try output.note("snapshot \(manifest.hexID.prefix(8)) saved")
    }

    private var message: Message {
        let totals = manifest?.totals ?? Totals()
        return Message(
            dryRun: manifest == nil, filesNew: counts.filesNew, filesChanged: counts.filesChanged,
            filesUnmodified: counts.filesUnchanged, totalFilesProcessed: files,
            totalDirectories: counts.directories, totalBytesProcessed: bytes,
            bytesRead: counts.bytesRead, dataAdded: totals.bytesAdded,
            dataAddedPacked: totals.bytesStored, errors: problems, totalDuration: seconds,
            snapshotId: manifest?.hexID)
    }
}
