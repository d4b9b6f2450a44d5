// SPDX-License-Identifier: MIT

import ArgumentParser

/// What opens the repository that something is taken from.
struct SourceCredential: ParsableArguments {
    @Option(
        name: .customLong("from-password-file"),
        help: ArgumentHelp(
            "Read the password of that repository from this file. (SNAPFS_FROM_PASSWORD_FILE)",
            valueName: "file"))
    private var passwordFile: BytesArgument?

    @Option(
        name: .customLong("from-password-command"),
        help: ArgumentHelp(
            "Read it from the output of this command. (SNAPFS_FROM_PASSWORD_COMMAND)",
            valueName: "command"))
    private var passwordCommand: BytesArgument?

    @Option(
        name: .customLong("from-key-file"),
        help: ArgumentHelp(
            "Open that repository with this key file. (SNAPFS_FROM_KEY_FILE)", valueName: "file"))
    private var keyFile: BytesArgument?

    func validate() throws { try options.requireOne() }

    var options: CredentialOptions {
        CredentialOptions(
            role: .from, passwordFile: passwordFile, passwordCommand: passwordCommand,
            keyFile: keyFile)
    }
}
