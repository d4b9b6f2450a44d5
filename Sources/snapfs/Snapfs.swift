// SPDX-License-Identifier: MIT
//
// The program: parses the command line, runs one command, turns its error into a message and an
// exit status. Nothing below this target prints, exits or reads the environment.

import ArgumentParser
import Glibc
import SnapBase

@main
struct Snapfs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapfs",
        abstract: "Keep every version of a server's data and mount the history.",
        discussion: """
            A repository holds encrypted, deduplicated snapshots of file trees and streams. \
            'snapfs mount' shows all of them as read-only files. A snapshot is named by a prefix \
            of its id, by 'latest' or by a time; SNAPSHOT:PATH names something inside it. \
            See snapfs(1).
            """,
        version: Version.program,
        groupedSubcommands: [
            CommandGroup(
                name: "Make snapshots", subcommands: [InitCommand.self, BackupCommand.self]),
            CommandGroup(
                name: "Look at snapshots",
                subcommands: [
                    SnapshotsCommand.self, ListCommand.self, FindCommand.self, LogCommand.self,
                    DiffCommand.self, CatCommand.self, StatsCommand.self,
                ]),
            CommandGroup(
                name: "Get data back",
                subcommands: [MountCommand.self, UnmountCommand.self, RestoreCommand.self]),
            CommandGroup(
                name: "Look after the repository",
                subcommands: [
                    ForgetCommand.self, UnforgetCommand.self, HoldCommand.self, TagCommand.self,
                    PruneCommand.self, CheckCommand.self, ScrubCommand.self, RepairCommand.self,
                    CopyCommand.self, EraseCommand.self, KeyCommand.self, AuditCommand.self,
                ]),
            CommandGroup(name: "Other", subcommands: [VersionCommand.self]),
        ])

    static func main() {
        Output.reserveDescriptors()
        Signals.install()
        let arguments = CommandLineArguments.current()
        do {
            try CommandNames.require(arguments)
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch {
            Exit.end(error, json: CommandLineArguments.wantJSON(arguments))
        }
        Exit.done()
    }
}

/// A command with the global options. It implements `perform`; output is flushed on every way out.
protocol Command: ParsableCommand {
    var global: GlobalOptions { get }
    /// Whether it only says what it would do.
    var dryRun: Bool { get }
    func perform(_ output: Output) throws
}

extension Command {
    var dryRun: Bool { false }

    func run() throws {
        let output = Output(global, isDryRun: dryRun)
        do { try perform(output) } catch {
            try? output.flush()
            throw error
        }
        try output.flush()
    }
}
