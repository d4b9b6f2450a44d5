// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct KeyListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys.", usage: "snapfs key list [<options>]")

    @OptionGroup var global: GlobalOptions

    private struct Message: Encodable {
        var messageType = "key"
        let id: String
        let label, kind, created: String?
        let inUse, opens: Bool
    }

    private struct Summary: Encodable {
        var messageType = "summary"
        let keys: Int
        let generation, keyring: UInt32
    }

    func perform(_ output: Output) throws {
        let repository = try RepositoryAccess.openRepository(global, output)
        let list = try KeyAdministration(repository).list()
        if output.json {
            for key in list.keys { try output.json(Self.message(key)) }
            let count = list.keys.count { $0.opens }
            return try output.json(
                Summary(keys: count, generation: list.generation, keyring: list.keyring))
        }
        try Self.show(list, output)
    }

    private static func message(_ key: KeyList.Key) -> Message {
        Message(
            id: key.hexName, label: key.holder?.label, kind: key.kind.map(name),
            created: key.holder.map { Format.time($0.created) }, inUse: key.isInUse,
            opens: key.opens)
    }

    private static func name(_ kind: Slot.Kind) -> String {
        switch kind {
        case .password: "password"
        case .keyFile: "key file"
        }
    }

    private static func show(_ list: KeyList, _ output: Output) throws {
        var table = Table([
            ("", .left), ("ID", .left), ("Kind", .left), ("Created", .left), ("Label", .left),
        ])
        for key in list.keys {
            table.add([
                key.isInUse ? "*" : key.opens ? "" : "!", String(key.hexName.prefix(8)),
                key.kind.map(name) ?? "unusable",
                key.holder.map { Format.time($0.created) } ?? "",
                key.holder.map { Text.escaped($0.label.utf8) } ?? "(in no keyring)",
            ])
        }
        for line in table.lines() { try output.line(Text(line)) }
        try output.note("* opened the repository just now; generation \(list.generation)")
        if list.keys.contains(where: { !$0.opens }) {
            try output.note("! opens nothing: its slot is damaged or missing, or was left over")
        }
    }
}
