// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct CheckCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check that every snapshot can be restored.",
        usage: "snapfs check [<options>]",
        discussion: """
            Without --read-data: that the index, the directories and the file lists of every \
            snapshot are whole and that every pack they need is there. Exit status 13 means that \
            damage was found.
            """)

    @Flag(help: "Read every byte of every pack, too.")
    var readData = false

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "check does not work yet")
    }
}
