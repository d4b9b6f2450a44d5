// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase

struct UnmountCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "umount", abstract: "Unmount what snapfs has mounted.",
        usage: "snapfs umount [<options>] <mountpoint>")

    @Argument(help: ArgumentHelp("Where it is mounted.", valueName: "mountpoint"))
    var mountPoint: BytesArgument

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        throw SnapError(.unsupported, "umount does not work yet")
    }
}
