// SPDX-License-Identifier: MIT
//
// Where a new password or key file comes from, for the commands that add one.

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository

struct NewKeyOptions: ParsableArguments {
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

    @OptionGroup private var newKeyFile: NewKeyFile

    func validate() throws { try options.requireOne() }

    private var options: CredentialOptions {
        CredentialOptions(
            role: .new, passwordFile: newPasswordFile, passwordCommand: newPasswordCommand,
            keyFile: newKeyFile.argument)
    }

    var label: String { newKeyFile.label }

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

    /// Obtains the new key of the repository that the options name; `open` is called where it may
    /// run a command or ask on the terminal for the old one. A key file is written only after that.
    func read<R>(
        _ global: GlobalOptions, _ output: Output, open: () throws -> R
    ) throws -> (key: NewKey, opened: R) {
        if let path = try newKeyFile.path() {
            let opened = try open()
            return (.file(path, .keyFile(try KeyFile.make(path, for: global.repository()))), opened)
        }
        let password = try options.source([.password]).reader(output, confirm: true)
        let opened = try open()
        return (.password(try .init(try password())), opened)
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
