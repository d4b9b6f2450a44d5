// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

/// What opens the repository: one file per command below it.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "List, add, remove and change what opens the repository.",
        discussion: """
            A repository opens with any of its keys: passwords, key files and recovery keys. \
            See snapfs(1) for what removing a key does not undo.
            """,
        subcommands: [
            KeyListCommand.self, KeyAddCommand.self, KeyRemoveCommand.self,
            KeyPasswordCommand.self, KeyExportCommand.self, KeyRotateCommand.self,
        ])
}

/// What a command has done to a key, as JSON.
struct KeyMessage: Encodable {
    let messageType: String
    let id: String
    let label: String?

    init(_ messageType: String, _ holder: Holder) {
        self.init(messageType, id: holder.slotName, label: holder.label)
    }

    init(_ messageType: String, id: [UInt8], label: String?) {
        self.messageType = messageType
        self.id = Hex.encode(id)
        self.label = label
    }
}

extension Holder {
    /// How people see which one it is: the first digits of its id, and its label.
    var shown: String {
        "\(Hex.encode(slotName.prefix(4))) (\(Text.escaped(label.utf8)))"
    }
}
