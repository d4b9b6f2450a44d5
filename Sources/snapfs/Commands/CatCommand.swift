// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct CatCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Print the contents of files in snapshots.",
        usage: "snapfs cat [<options>] <snapshot:path> ...")

    @Argument(
        help: ArgumentHelp("The files to print, in this order.", valueName: "snapshot:path"))
    var files: [SnapshotArgument]

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard files.allSatisfy({ $0.path?.isEmpty == false }) else {
            throw ValidationError("Name a file in a snapshot: SNAPSHOT:PATH.")
        }
    }

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "cat does not work yet")
    }
}
