// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository

struct KeyAddCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add a password or a key file.",
        usage: "snapfs key add [--label <label>] [<options>]",
        discussion: """
            The repository is opened with a key that it has; the new password is asked for twice \
            unless an option or SNAPFS_NEW_PASSWORD gives it.
            """)

    @Option(
        help: "What to call the new key, such as whose it is.", transform: LabelArgument.read)
    var label: LabelArgument?

    @OptionGroup var new: NewKeyOptions
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let (key, repository) = try new.read(global, output) {
            try RepositoryAccess.openRepository(global, output)
        }
        let holder = try key.use(in: repository) {
            let keys = KeyAdministration(repository)
            return try keys.add(
                key.credential, label: try label?.text ?? keys.freeLabel(new.label))
        }
        try repository.audit("key add", remarks: [holder.shown])
        if output.json { try output.json(KeyMessage("key_added", holder)) }
        try output.note("added key \(holder.shown)")
    }
}
