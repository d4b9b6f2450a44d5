// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc
import SnapBase
import SnapFormat
import SnapRestore

struct RestoreCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Write files of a snapshot to a directory.",
        usage: "snapfs restore [<options>] <snapshot[:path]> --target <directory>",
        discussion: """
            With a path, what lies below it is restored right into the target; without one, the \
            source paths are kept whole below the target. Nothing is written through a symbolic \
            link or outside the target.
            """)

    /// What becomes of a file that is there already.
    enum Overwrite: String, ExpressibleByArgument, CaseIterable {
        case always
        case ifChanged = "if-changed"
        case ifNewer = "if-newer"
        case never
    }

    @Argument(
        help: ArgumentHelp(
            "The snapshot and what to restore of it.", valueName: "snapshot[:path]"))
    var source: SnapshotArgument

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where to write; created if absent.", valueName: "directory"))
    var target: BytesArgument

    @Option(
        name: [.customShort("i"), .customLong("include")],
        help: ArgumentHelp("Only what matches this pattern (repeatable).", valueName: "pattern"))
    var includes: [BytesArgument] = []

    @Option(
        name: [.customShort("e"), .customLong("exclude")],
        help: ArgumentHelp(
            "Nothing that matches this pattern (repeatable).", valueName: "pattern"))
    var excludes: [BytesArgument] = []

    @Flag(help: "Delete what is in the target but not in the snapshot.")
    var delete = false

    @Option(
        help: ArgumentHelp(
            "Whether files that exist are written again.", valueName: "when"))
    var overwrite = Overwrite.always

    @Flag(name: [.customShort("n"), .long], help: "Say what would be done, write nothing.")
    var dryRun = false

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if !includes.isEmpty && !excludes.isEmpty {
            throw ValidationError("Give either --include or --exclude.")
        }
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let found = try access.find(source, filter)
        guard found.place.attributes.isDirectory || includes.isEmpty && excludes.isEmpty else {
            throw SnapError(
                .invalid,
                "--include and --exclude choose from a directory, which "
                    + "\(Text.escaped(found.path)) is not: leave them out")
        }
        let pin = dryRun ? nil : try access.pin(found.view.manifest)
        defer { withExtendedLifetime(pin) {} }
        try output.note(Text("from snapshot \(found.view.manifest.inWords)"))
        let progress = Progress(output)
        defer { progress.finish() }
        let restore = Restore(
            found.view, start: found.place, components: found.components, target: target.bytes,
            options: try options(output, progress))
        let isThere = target.bytes.withCString { Glibc.access($0, F_OK) } == 0 || errno != ENOENT
        if includes.isEmpty && excludes.isEmpty {
            progress.expect(items: restore.expected.entries, bytes: restore.expected.bytes)
        }
        let summary = try restore.run()
        progress.finish()
        try show(summary, of: found.view.manifest, seconds: progress.seconds, output)
        try Self.requireWhole(summary)
        do { try requireMatch(summary, found) } catch {
            // Only if it is empty.
            if !isThere && !dryRun { target.bytes.withCString { _ = rmdir($0) } }
            throw error
        }
    }

    /// A pattern that takes nothing is a mistake that only an error shows. A directory that is
    /// named is restored whatever the patterns say.
    private func requireMatch(_ summary: Restore.Summary, _ found: SnapshotPath) throws {
        let own: UInt64 = found.components.isEmpty ? 0 : 1
        guard !includes.isEmpty, summary.entries <= own else { return }
        let patterns = includes.map { "--include " + Text.escaped($0.bytes) }
        throw SnapError(
            .notFound,
            "nothing in snapshot \(found.view.manifest.hexID.prefix(8)) matches "
                + "\(patterns.joined(separator: " ")); 'snapfs ls -R' shows what is there")
    }

    private static func requireWhole(_ summary: Restore.Summary) throws {
        if summary.problems == 0 { return }
        let problems = Format.count(summary.problems, "entry is", "entries are")
        throw SnapError(
            summary.isDamaged ? .damaged : .io,
            "\(problems) not restored as in the snapshot"
                + (summary.isDamaged ? "; run 'snapfs check --read-data'" : ""))
    }

    private func options(_ output: Output, _ progress: Progress) throws -> Restore.Options {
        var options = Restore.Options()
        options.overwrite =
            switch overwrite {
            case .always: .always
            case .ifChanged: .ifChanged
            case .ifNewer: .ifNewer
            case .never: .never
            }
        options.includes = try includes.map { try PathPattern($0.bytes) }
        options.excludes = try excludes.map { try PathPattern($0.bytes) }
        options.delete = delete
        options.guarded = try global.ownDirectories()
        options.dryRun = dryRun
        options.isInterrupted = { Interruption.requested }
        options.report = { output.warning("\(name: $0): \($1.message)") }
        if (dryRun || output.level == .verbose) && !output.json {
            let isPlan = dryRun
            options.visit = { action, path in
                let word = isPlan ? Self.planned(action) : action.rawValue
                try? output.line("\(word)  \(name: path)")
            }
        }
        options.progress = { progress.add(items: $0, bytes: $1) }
        return options
    }

    /// What a dry run calls an action.
    private static func planned(_ action: Restore.Action) -> String {
        switch action {
        case .restored: "would restore"
        case .updated: "would update"
        case .unchanged: "unchanged"
        case .kept: "would keep"
        case .deleted: "would delete"
        }
    }

    private struct Message: Encodable {
        var messageType = "summary"
        var dryRun: Bool?
        let snapshot, time, host: String
        let totalFiles, filesRestored, filesSkipped, filesDeleted: UInt64
        let totalBytes, bytesRestored, bytesSkipped: UInt64
        let errors: UInt64
        let secondsElapsed: Double
    }

    private func show(
        _ summary: Restore.Summary, of manifest: Manifest, seconds: Double, _ output: Output
    ) throws {
        if output.json {
            return try output.json(
                Message(
                    dryRun: dryRun ? true : nil, snapshot: manifest.hexID,
                    time: Format.time(manifest.time.seconds), host: manifest.host,
                    totalFiles: summary.entries, filesRestored: summary.entriesRestored,
                    filesSkipped: summary.entriesSkipped, filesDeleted: summary.entriesDeleted,
                    totalBytes: summary.bytes, bytesRestored: summary.bytesRestored,
                    bytesSkipped: summary.bytesSkipped, errors: summary.problems,
                    secondsElapsed: seconds))
        }
        var parts = [
            Format.count(summary.entriesRestored, "file or directory", "files and directories")
                + ", " + Format.size(summary.bytesRestored)
        ]
        if summary.entriesSkipped > 0 { parts.append("\(summary.entriesSkipped) unchanged") }
        if summary.entriesDeleted > 0 {
            parts.append("\(summary.entriesDeleted) \(dryRun ? "to delete" : "deleted")")
        }
        if summary.problems > 0 {
            parts.append("\(summary.problems) \(dryRun ? "would fail" : "failed")")
        }
        let verb = dryRun ? "would restore" : "restored"
        try output.note(
            Text("\(verb) \(parts.joined(separator: ", ")) in \(Format.elapsed(seconds))"))
    }
}
