// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository

struct KeyRemoveCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a key.",
        usage: "snapfs key remove [<options>] <key>",
        discussion: """
            The last key cannot be removed. What the owner of a removed key could read before, he \
            can read for ever if he kept a copy; 'snapfs key rotate' keeps from him what is \
            written from then on.
            """)

    @Argument(
        help: "Its id, the first digits of it, or its label.", transform: LabelArgument.read)
    var key: LabelArgument

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let repository = try RepositoryAccess.openRepository(global, output)
        let keys = KeyAdministration(repository)
        let found = try keys.list().key(key.text)
        try keys.remove(found.name)
        try repository.audit("key remove", remarks: [found.holder?.shown ?? key.text])
        if output.json {
            try output.json(
                KeyMessage("key_removed", id: found.name, label: found.holder?.label))
        }
        if found.isInUse {
            output.warning("warning: this was the key in use; the others open the repository")
        }
        guard let holder = found.holder else {
            return try output.note("removed a slot that was in no keyring")
        }
        try output.note("removed key \(holder.shown)")
        try output.note(
            "Run 'snapfs key rotate' too, unless its owner may read what comes; see snapfs(1).")
    }
}
