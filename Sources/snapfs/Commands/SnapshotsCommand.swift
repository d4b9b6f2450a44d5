// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct SnapshotsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "snapshots", abstract: "List the snapshots, oldest first.",
        usage: "snapfs snapshots [<options>]")

    @Flag(help: "List those that are forgotten and not taken away yet.")
    var forgotten = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let manifests =
            try forgotten
            ? access.chosen(access.forgotten(), filter, thing: "forgotten snapshot")
            : access.manifests(filter)
        let rows = try listed(manifests, try access.catalog())
        if output.json {
            try output.json(rows.map { SnapshotMessage($0.manifest, hold: $0.hold) })
        } else {
            try show(rows, output)
        }
        try access.requireWholeManifests()
    }

    /// With the holds that have not ended.
    private func listed(_ manifests: [Manifest], _ catalog: Catalog) throws -> [Row] {
        let now = catalog.trustedTime(now: Timestamp.now().seconds)
        return manifests.map { manifest in
            let notes = catalog.notes[manifest.id]
            return Row(manifest: manifest, hold: notes.isHeld(at: now) ? notes.hold : nil)
        }
    }

    private struct Row {
        let manifest: Manifest
        let hold: SnapshotNotes.Hold?

        var heldWords: String {
            switch hold {
            case nil: ""
            case .until(let end): Format.time(end)
            case .forEver: "for ever"
            }
        }
    }

    private func show(_ rows: [Row], _ output: Output) throws {
        if !rows.isEmpty { for line in table(rows).lines() { try output.line(Text(line)) } }
        let incomplete = rows.filter { $0.manifest.problemCount > 0 }.count
        if incomplete > 0 {
            try output.note(
                Text("! \(incomplete) with sources that could not be read; --json names them"))
        }
        try output.note(
            Text(Format.count(UInt64(rows.count), "snapshot", "snapshots")))
    }

    /// Jobs and holds have a column where there are any.
    private func table(_ rows: [Row]) -> Table {
        let hasJobs = rows.contains { $0.manifest.job != nil }
        let hasHolds = rows.contains { $0.hold != nil }
        var table = Table(
            [("ID", .left), ("Time", .left), ("Host", .left)]
                + (hasJobs ? [("Job", .left)] : []) + [("Tags", .left)]
                + (hasHolds ? [("Held until", .left)] : [])
                + [("Size", .right), ("", .left), ("Paths", .left)])
        for row in rows {
            let manifest = row.manifest
            let name = [
                String(manifest.hexID.prefix(8)), Format.time(manifest.time.seconds),
                Text.escaped(manifest.host.utf8),
            ]
            let job = hasJobs ? [Text.escaped((manifest.job ?? "").utf8)] : []
            let tags = [Text.escaped(manifest.tags.joined(separator: ",").utf8)]
            let held = hasHolds ? [row.heldWords] : []
            let content = [
                Format.size(manifest.totals.bytes), manifest.problemCount > 0 ? "!" : "",
                manifest.paths.map { Text.escaped($0) }.joined(separator: " "),
            ]
            table.add(name + job + tags + held + content)
        }
        return table
    }
}

/// A snapshot as JSON.
struct SnapshotMessage: Encodable {
    struct Summary: Encodable {
        let files, directories, others, totalBytes: UInt64
        let filesNew, filesChanged, filesUnmodified: UInt64
        let bytesRead, dataAdded, dataAddedPacked: UInt64
    }

    struct Problem: Encodable {
        let path: String
        let pathB64: String?
        let message: String
    }

    let id, shortId, logicalId: String
    let parent: String?
    let time, endTime: String
    let hostname, username: String
    let job: String?
    let held: Bool
    /// When the hold ends, where it does by itself.
    let heldUntil: String?
    let paths: [String]
    /// Exact bytes, where one of the paths is not UTF-8.
    let pathsB64: [String]?
    let tags: [String]
    let programVersion: String
    let summary: Summary
    /// How many, and the first ones.
    let errorCount: UInt64
    let errors: [Problem]

    init(_ manifest: Manifest, hold: SnapshotNotes.Hold?) {
        id = manifest.hexID
        shortId = String(id.prefix(8))
        logicalId = Hex.encode(manifest.logicalID)
        parent = manifest.predecessor.map { Hex.encode($0) }
        time = Self.text(manifest.time)
        endTime = Self.text(manifest.endTime)
        (hostname, username, job) = (manifest.host, manifest.user, manifest.job)
        held = hold != nil
        heldUntil = if case .until(let end)? = hold { Format.time(end) } else { nil }
        let names = manifest.paths.map { JSONName($0) }
        paths = names.map(\.text)
        pathsB64 =
            names.allSatisfy { $0.base64 == nil }
            ? nil : manifest.paths.map { JSONName.base64($0) }
        tags = manifest.tags
        programVersion = manifest.program
        let totals = manifest.totals
        summary = Summary(
            files: totals.files, directories: totals.directories, others: totals.others,
            totalBytes: totals.bytes, filesNew: totals.filesNew,
            filesChanged: totals.filesChanged, filesUnmodified: totals.filesUnchanged,
            bytesRead: totals.bytesRead, dataAdded: totals.bytesAdded,
            dataAddedPacked: totals.bytesStored)
        errorCount = manifest.problemCount
        errors = manifest.problems.map { problem in
            let path = JSONName(problem.path)
            return Problem(path: path.text, pathB64: path.base64, message: problem.message)
        }
    }

    private static func text(_ time: Timestamp) -> String {
        Format.time(time.seconds, nanoseconds: time.nanoseconds)
    }
}
