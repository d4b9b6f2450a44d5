// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository

struct KeyRotateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Seal new files under new secrets.",
        usage: "snapfs key rotate [<options>]",
        discussion: """
            Begins a new generation of secrets. All keys go on as they are; nobody else's \
            password is needed. Packs of older generations stay readable with the older secrets \
            until a collection moves what they hold.
            """)

    @OptionGroup var global: GlobalOptions

    private struct Message: Encodable {
        var messageType = "rotated"
        let generation: UInt32
    }

    func perform(_ output: Output) throws {
        let repository = try RepositoryAccess.openRepository(global, output)
        let generation = try KeyAdministration(repository).rotate()
        try repository.audit("key rotate", counts: [("generation", UInt64(generation))])
        if output.json { try output.json(Message(generation: generation)) }
        try output.note("new files are sealed under generation \(generation)")
    }
}
