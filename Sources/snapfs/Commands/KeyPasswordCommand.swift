// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository

struct KeyPasswordCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "passwd",
        abstract: "Change the password or key file in use.",
        usage: "snapfs key passwd [<options>]",
        discussion: """
            Puts a new password, or a new key file, in the place of what opens the repository \
            now. Other keys stay as they are.
            """)

    @OptionGroup var new: NewKeyOptions
    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let (key, repository) = try new.read(global, output) {
            try RepositoryAccess.openRepository(global, output)
        }
        let holder = try key.use(in: repository) {
            try KeyAdministration(repository).replaceKeyInUse(by: key.credential)
        }
        try repository.audit("key passwd", remarks: [holder.shown])
        if output.json { try output.json(KeyMessage("key_changed", holder)) }
        try output.note("changed; the key is \(holder.shown) now")
    }
}
