// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository

struct KeyExportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Add a recovery key and print it.",
        usage: "snapfs key export [--output <file>] [<options>]",
        discussion: """
            A recovery key is a new key file as text, to be printed and put in a safe. Whoever \
            has it and the repository reads all data. Typed into a file, it opens the repository \
            by --key-file.
            """)

    @Option(
        help: ArgumentHelp(
            "Write it to this new file, with mode 0600, in place of standard output.",
            valueName: "file"))
    var output: BytesArgument?

    @Option(help: "What to call the key.", transform: LabelArgument.read)
    var label: LabelArgument?

    @OptionGroup var global: GlobalOptions

    private struct Message: Encodable {
        var messageType = "recovery_key"
        let id, label, repository: String
        /// nil where they are in a file.
        let lines: [String]?
    }

    func perform(_ terminal: Output) throws {
        let repository = try RepositoryAccess.openRepository(global, terminal)
        let keys = KeyAdministration(repository)
        let key = try Secret(randomCount: 32)
        let lines = RecoveryKey.lines(key)
        let label = try label?.text ?? keys.freeLabel("recovery")
        let sheet = sheet(lines, label, repository)
        if let path = try output?.bytes.requireText("the new file") {
            try Array((sheet.joined(separator: "\n") + "\n").utf8).withUnsafeBytes {
                try KeyFile.create(path, $0, for: global.repository())
            }
            let holder = try NewKeyOptions.NewKey.file(path, .keyFile(key)).use(in: repository) {
                try keys.add(.keyFile(key), label: label)
            }
            try repository.audit("key export", remarks: [holder.shown])
            if terminal.json { try terminal.json(message(holder, nil, repository)) }
            return try terminal.note("wrote recovery key \(holder.shown) to \(name: path)")
        }
        let holder = try keys.add(.keyFile(key), label: label)
        do {
            // First: no key is shown that the log does not know.
            try repository.audit("key export", remarks: [holder.shown])
            if terminal.json {
                try terminal.json(message(holder, lines, repository))
            } else {
                for line in sheet { try terminal.line(Text(line)) }
            }
            try terminal.flush()
        } catch {
            withdraw(holder, keys, repository, terminal)
            throw SnapError.wrap(error).within("the recovery key was not shown")
        }
    }

    /// Removes a key that was not shown in full, and says what became of it.
    private func withdraw(
        _ holder: Holder, _ keys: KeyAdministration, _ repository: Repository, _ terminal: Output
    ) {
        let what = "recovery key \(holder.shown), which was not shown in full,"
        do { try keys.remove(holder.slotName) } catch {
            let cause = SnapError.wrap(error).message
            return terminal.warning(
                Text(
                    "warning: \(what) may stay in the repository, see 'snapfs key list': \(cause)"))
        }
        terminal.warning(Text("\(what) is removed again"))
        do {
            try repository.audit("key remove", remarks: [holder.shown])
        } catch { terminal.warning(Text("warning: \(SnapError.wrap(error).message)")) }
    }

    private func message(
        _ holder: Holder, _ lines: [String]?, _ repository: Repository
    ) -> Message {
        Message(
            id: Hex.encode(holder.slotName), label: holder.label, repository: repository.hexID,
            lines: lines)
    }

    /// A page that is a key file as it is: all but the key is comment.
    private func sheet(_ lines: [String], _ label: String, _ repository: Repository) -> [String] {
        let time = Format.time(Timestamp.now().seconds)
        let comment = [
            "snapfs recovery key '\(Text.escaped(label.utf8))', made \(time)",
            "for the repository \(repository.hexID)",
            "at \(Text.escaped(repository.location.utf8))",
            "",
            "Whoever has this page and the repository reads all of its data. To open the",
            "repository, type the four lines into a file and name it:",
            "",
            "    snapfs --repo DIRECTORY --key-file FILE snapshots",
            "",
            "Case, blanks and hyphens do not matter; of I, L, 1 and O, 0 either will do.",
            "A line that is mistyped is found and named.",
        ].map { $0.isEmpty ? "#" : "# \($0)" }
        return comment + [""] + lines
    }
}
