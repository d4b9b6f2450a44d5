// SPDX-License-Identifier: MIT
//
// Where a new password or key file comes from, for the commands that add one.

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct NewKeyOptions: ParsableArguments {
    static let passwordVariable = "SNAPFS_NEW_PASSWORD"

    @Option(
        help: ArgumentHelp(
            "Read the new password from this file. (SNAPFS_NEW_PASSWORD: the new password itself)",
            valueName: "file"))
    private var newPasswordFile: BytesArgument?

    @Option(
        help: ArgumentHelp(
            "Run this command, without a shell, and read the new password from its output.",
            valueName: "command"))
    private var newPasswordCommand: BytesArgument?

    @Option(
        help: ArgumentHelp(
            "Generate a 256-bit key, write it to this new file with mode 0600 and use it in place "
                + "of a password.", valueName: "file"))
    private var newKeyFile: BytesArgument?

    func validate() throws {
        guard [newPasswordFile, newPasswordCommand, newKeyFile].compactMap({ $0 }).count <= 1 else {
            throw ValidationError(
                "Give only one of --new-password-file, --new-password-command and --new-key-file.")
        }
    }

    /// What the new key is called unless the user names it.
    var label: String { newKeyFile == nil ? "password" : "key file" }

    /// A new key that is not in the repository yet.
    enum NewKey {
        case password(SnapFormat.Credential)
        case file([UInt8], SnapFormat.Credential)

        var credential: SnapFormat.Credential {
            switch self {
            case .password(let credential), .file(_, let credential): credential
            }
        }
    }

    /// Where the new password is, if no key file is to be made. To be asked before any command
    /// runs, which has the environment wiped.
    private var source: CredentialSource {
        if let path = newPasswordFile?.bytes { return .passwordFile(path) }
        if let line = newPasswordCommand?.bytes { return .passwordCommand(line) }
        return Environment.bytes(Self.passwordVariable) == nil
            ? .terminal() : .passwordVariable(Self.passwordVariable)
    }

    /// Obtains the new key; `open` is called where it may run a command or ask on the terminal for
    /// the old one. A key file is written only after that.
    func read<R>(
        _ output: Output, open: () throws -> R
    ) throws -> (key: NewKey, opened: R) {
        if let path = newKeyFile?.bytes {
            let path = try path.requireText("the new key file")
            let opened = try open()
            return (.file(path, .keyFile(try KeyFile.make(path))), opened)
        }
        guard case .passwordVariable = source else {
            let opened = try open()
            return (.password(try password(output)), opened)
        }
        let new = try password(output)
        return (.password(new), try open())
    }

    private func password(_ output: Output) throws -> SnapFormat.Credential {
        guard source == .terminal() else { return try .init(try source.read(output)) }
        return .password(
            try PasswordPrompt.ask(
                confirm: true,
                otherwise: "no new password: give --new-password-file, --new-password-command or "
                    + "--new-key-file, or set \(Self.passwordVariable)"))
    }
}

extension NewKeyOptions.NewKey {
    /// Runs body, which gives the key to a repository. A key file that opens nothing then is
    /// removed again, as it would only be mistaken for one that does.
    func use<R>(in repository: Repository, _ body: () throws -> R) throws -> R {
        do { return try body() } catch {
            if case .file(let path, let credential) = self {
                do { _ = try Repository.open(repository.store, credential) } catch let failure
                    as SnapError where failure.kind == .wrongKey
                {
                    KeyFile.remove(path)
                }
            }
            throw error
        }
    }
}
