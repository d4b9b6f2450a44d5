// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// The repository whose cuts a new one repeats, and what opens it.
struct ChunkerModel: ParsableArguments {
    static let environmentPrefix = "SNAPFS_FROM_"

    @Option(
        name: .customLong("copy-chunker-from"),
        help: ArgumentHelp(
            "Cut files just as this repository does, so that what is copied from it and what is "
                + "backed up is stored once.", valueName: "directory"))
    private var directory: BytesArgument?

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

    func validate() throws {
        let sources = [passwordFile, passwordCommand, keyFile].compactMap { $0 }
        if sources.count > 1 {
            throw ValidationError(
                "Give only one of --from-password-file, --from-password-command and "
                    + "--from-key-file.")
        }
        if !sources.isEmpty && directory == nil {
            throw ValidationError("The --from options go with --copy-chunker-from.")
        }
    }

    /// The repository, if one is named.
    func open(_ global: GlobalOptions, _ output: Output) throws -> Repository? {
        guard let path = try directory?.bytes.requireText("the repository to cut like") else {
            return nil
        }
        let source = CredentialSource.first(
            keyFile: keyFile?.bytes, passwordFile: passwordFile?.bytes,
            passwordCommand: passwordCommand?.bytes, environment: Self.environmentPrefix,
            for: Text.escaped(path))
        return try RepositoryAccess.open(path, cache: try global.cacheDirectory(), output) {
            try source.read(output)
        }.repository
    }
}
