// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat

struct BackupCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Make a snapshot of file trees, a stream or the output of a command.",
        usage: """
            snapfs backup [<options>] <path> ...
            snapfs backup [<options>] --stdin [--stdin-filename <name>]
            snapfs backup [<options>] [--stdin-filename <name>] --command -- <command> ...
            """,
        discussion: """
            Files that have not changed since the newest snapshot of the same host and paths are \
            not read again. An interrupted backup goes on where it was when it is run again.

            Exit status 3 means that the snapshot is written but some of the sources could not be \
            read; each is named on standard error.
            """)

    @OptionGroup var sources: BackupSources
    @OptionGroup var exclusions: BackupExclusions
    @OptionGroup var description: BackupDescription

    @Flag(name: [.customShort("n"), .long], help: "Say what would be read; write nothing.")
    var dryRun = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Save the state of a long backup every so many seconds, for it to go on from there. "
                + "(default: 60)", valueName: "seconds"), transform: SecondsArgument.read)
    var checkpointInterval = SecondsArgument(60)

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let source = try sources.source()
        if dryRun, case .paths = source {
        } else if dryRun {
            throw ValidationError("--dry-run goes with paths.")
        }
        try BackupRun(RepositoryAccess.open(global, output), output, self).run(source)
    }
}

/// What is backed up.
struct BackupSources: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "What to back up: files and directories; with --command, the command and its "
                + "arguments.", valueName: "path"))
    private var operands: [BytesArgument] = []

    @Option(
        name: .customLong("files-from"),
        help: ArgumentHelp(
            "Also back up the paths in this file, one per line or separated by NUL; - is standard "
                + "input (repeatable).", valueName: "file"))
    private var lists: [BytesArgument] = []

    @Flag(help: "Back up standard input as one file.")
    private var stdin = false

    @Option(
        help: ArgumentHelp(
            "The name of the file that a stream becomes (default: stdin).", valueName: "name"))
    private var stdinFilename: BytesArgument?

    @Flag(help: "Back up the output of the command after --; if it fails, nothing is kept.")
    private var command = false

    /// What to read; `name` is the path of a stream in the snapshot.
    enum Source: Equatable {
        case paths([[UInt8]])
        case standardInput(name: [UInt8])
        case command(words: [[UInt8]], name: [UInt8])
    }

    func validate() throws {
        let hasPaths = !lists.isEmpty || !operands.isEmpty && !command
        if (stdin ? 1 : 0) + (command ? 1 : 0) + (hasPaths ? 1 : 0) != 1 {
            throw ValidationError("Give paths to back up, or --stdin, or --command -- COMMAND.")
        }
        if command && operands.isEmpty {
            throw ValidationError("Give the command after --command --.")
        }
        if stdinFilename != nil && !stdin && !command {
            throw ValidationError("--stdin-filename goes with --stdin or --command.")
        }
        if let name = stdinFilename?.bytes, !Self.isFilename(name) {
            throw ValidationError(
                "--stdin-filename must be a path of names of at most 255 bytes, without . and ..")
        }
    }

    /// Reads the files of --files-from.
    func source() throws -> Source {
        let name = stdinFilename?.bytes ?? Array("stdin".utf8)
        if stdin { return .standardInput(name: name) }
        if command { return .command(words: operands.map(\.bytes), name: name) }
        let named = operands.map(\.bytes)
        let listed = try lists.flatMap { try PathList.paths(from: $0.bytes) }
        guard !(named + listed).isEmpty else {
            throw SnapError(.invalid, "--files-from names no path to back up")
        }
        return .paths(named + listed)
    }

    private static func isFilename(_ path: [UInt8]) -> Bool {
        let slash = UInt8(ascii: "/")
        let names = path.split(separator: slash)
        let dots = [Array(".".utf8), Array("..".utf8)]
        return path.last != slash
            && names.allSatisfy { $0.count <= 255 && !dots.contains(Array($0)) }
    }
}

/// What is left out of the named trees.
struct BackupExclusions: ParsableArguments {
    @Option(
        name: [.customShort("e"), .customLong("exclude")],
        help: ArgumentHelp(
            "Leave out what matches this pattern (repeatable).", valueName: "pattern"))
    private var given: [BytesArgument] = []

    @Option(
        name: .customLong("exclude-from"),
        help: ArgumentHelp(
            "Leave out what matches a pattern of this file, one per line (repeatable).",
            valueName: "file"))
    private var files: [BytesArgument] = []

    @Option(
        name: .customLong("exclude-if-present"),
        help: ArgumentHelp(
            "Leave out the contents of directories that hold this name, or name:header for a file "
                + "that begins with header (repeatable).", valueName: "name[:header]"))
    private var ifPresent: [BytesArgument] = []

    @Flag(
        name: .customLong("exclude-caches"),
        help: "Leave out the contents of directories marked by a CACHEDIR.TAG file.")
    var caches = false

    @Option(
        name: .customLong("exclude-larger-than"),
        help: ArgumentHelp("Leave out files larger than this, such as 10M.", valueName: "size"),
        transform: SizeArgument.read)
    var largerThan: SizeArgument?

    @Flag(
        name: [.customShort("x"), .customLong("one-file-system")],
        help: "Do not descend into other file systems; their mount points are kept, empty.")
    var oneFileSystem = false

    func validate() throws {
        guard marks.allSatisfy({ $0.name.withUnsafeBytes(isValidName) }) else {
            throw ValidationError("--exclude-if-present takes one name, without a slash.")
        }
    }

    /// What --exclude-if-present names.
    var marks: [(name: [UInt8], header: [UInt8])] {
        ifPresent.map { argument in
            let parts = argument.bytes.split(
                separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            return (Array(parts[0]), parts.count > 1 ? Array(parts[1]) : [])
        }
    }

    /// The patterns of --exclude and of the files of --exclude-from, in this order.
    func patterns() throws -> [[UInt8]] {
        try given.map(\.bytes) + files.flatMap { try PathList.patterns(from: $0.bytes) }
    }
}

/// What is written beside the data.
struct BackupDescription: ParsableArguments {
    @Option(
        name: .customLong("tag"), help: ArgumentHelp("Give a tag (repeatable).", valueName: "tag"),
        transform: TagArgument.read)
    var tags: [TagArgument] = []

    @Option(
        name: [.customShort("H"), .customLong("host")],
        help: ArgumentHelp("The host's name (default: this host's).", valueName: "name"),
        transform: LabelArgument.read)
    var host: LabelArgument?

    @Option(
        help: ArgumentHelp(
            "The name of the job that this backup belongs to; a part of what makes it the same "
                + "backup, run after run.", valueName: "name"),
        transform: LabelArgument.read)
    var job: LabelArgument?

    @Option(
        help: ArgumentHelp(
            "Keep the snapshot until this time whatever a policy says, such as 2027-01-01.",
            valueName: "time"), transform: TimeArgument.read)
    var holdUntil: TimeArgument?

    func validate() throws { try holdUntil?.requireFuture() }

    @Option(
        help: ArgumentHelp(
            "The time of the snapshot, such as 2026-11-21T02:00:00Z (default: now).",
            valueName: "time"), transform: TimeArgument.read)
    var time: TimeArgument?
}
