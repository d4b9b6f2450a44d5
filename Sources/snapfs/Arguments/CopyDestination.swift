// SPDX-License-Identifier: MIT

import ArgumentParser

/// The repository that snapshots are copied to, and what opens it.
struct CopyDestination: ParsableArguments {
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp(
            "The directory of the repository to copy to. (SNAPFS_TO_REPO)",
            valueName: "directory"))
    private var directory: BytesArgument?

    @Option(
        name: .customLong("to-password-file"),
        help: ArgumentHelp(
            "Read its password from this file. (SNAPFS_TO_PASSWORD_FILE)", valueName: "file"))
    private var passwordFile: BytesArgument?

    @Option(
        name: .customLong("to-password-command"),
        help: ArgumentHelp(
            "Read its password from the output of this command. (SNAPFS_TO_PASSWORD_COMMAND)",
            valueName: "command"))
    private var passwordCommand: BytesArgument?

    @Option(
        name: .customLong("to-key-file"),
        help: ArgumentHelp("Open it with this key file. (SNAPFS_TO_KEY_FILE)", valueName: "file"))
    private var keyFile: BytesArgument?

    func validate() throws { try credential.requireOne() }

    func repository() throws -> [UInt8] {
        if let path = directory?.bytes ?? Environment.bytes("SNAPFS_TO_REPO") {
            return try path.requireText("the repository to copy to")
        }
        throw ValidationError("no repository to copy to: give --to or set SNAPFS_TO_REPO")
    }

    func credentialSource() throws -> CredentialSource {
        credential.source(for: Text.escaped(try repository()))
    }

    private var credential: CredentialOptions {
        CredentialOptions(
            role: .to, passwordFile: passwordFile, passwordCommand: passwordCommand,
            keyFile: keyFile)
    }
}
