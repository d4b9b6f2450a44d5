// SPDX-License-Identifier: MIT

import ArgumentParser

/// The repository that heals another one, and what opens it.
struct HealingSource: ParsableArguments {
    @Option(
        name: .customLong("from"),
        help: ArgumentHelp(
            "The directory of the repository to take from what is lost here. (SNAPFS_FROM_REPO)",
            valueName: "directory"))
    private var directory: BytesArgument?

    @Option(
        name: .customLong("from-password-file"),
        help: ArgumentHelp(
            "Read its password from this file. (SNAPFS_FROM_PASSWORD_FILE)", valueName: "file"))
    private var passwordFile: BytesArgument?

    @Option(
        name: .customLong("from-password-command"),
        help: ArgumentHelp(
            "Read its password from the output of this command. (SNAPFS_FROM_PASSWORD_COMMAND)",
            valueName: "command"))
    private var passwordCommand: BytesArgument?

    @Option(
        name: .customLong("from-key-file"),
        help: ArgumentHelp("Open it with this key file. (SNAPFS_FROM_KEY_FILE)", valueName: "file"))
    private var keyFile: BytesArgument?

    func validate() throws {
        if [passwordFile, passwordCommand, keyFile].compactMap({ $0 }).count > 1 {
            throw ValidationError(
                "Give only one of --from-password-file, --from-password-command and "
                    + "--from-key-file.")
        }
    }

    func repository() throws -> [UInt8] {
        let variable = ChunkerModel.environmentPrefix + "REPO"
        if let path = directory?.bytes ?? Environment.bytes(variable) {
            return try path.requireText("the repository to repair from")
        }
        throw ValidationError(
            "nothing to repair: name 'index', 'packs' or 'snapshots', or another repository with "
                + "--from or SNAPFS_FROM_REPO")
    }

    func credentialSource() throws -> CredentialSource {
        .first(
            keyFile: keyFile?.bytes, passwordFile: passwordFile?.bytes,
            passwordCommand: passwordCommand?.bytes, environment: ChunkerModel.environmentPrefix,
            for: Text.escaped(try repository()))
    }
}
