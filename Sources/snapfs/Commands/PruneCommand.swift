// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct PruneCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Take away what only forgotten snapshots need.",
        usage: "snapfs prune [<options>]",
        discussion: """
            Runs beside backups, mounts and other prunes; nobody waits for it. Where a backup that \
            began before may still build on what is to go, it says so and ends; a later prune goes \
            on from there. It may be interrupted at any time.
            """)

    @Flag(name: [.customShort("n"), .long], help: "Say what would go; write nothing.")
    var dryRun = false

    @OptionGroup var options: PruneOptions
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let run = try PruneRun(RepositoryAccess.open(global, output), output, options)
        if dryRun { try run.plan() } else { try run.run() }
    }
}

struct PruneOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How much of the packs that stay may be unneeded: a part such as 5%, a size such as "
                + "2G, 0 or unlimited (default: 5%).", valueName: "limit"),
        transform: UnusedArgument.read)
    var maxUnused = UnusedArgument(.part(0.05))
}
