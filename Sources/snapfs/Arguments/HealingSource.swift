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

    @OptionGroup private var credential: SourceCredential

    func repository() throws -> [UInt8] {
        if let path = directory?.bytes ?? Environment.bytes("SNAPFS_FROM_REPO") {
            return try path.requireText("the repository to repair from")
        }
        throw ValidationError(
            "name what to repair: 'index', 'packs' or 'snapshots', or another repository with "
                + "--from or SNAPFS_FROM_REPO")
    }

    func credentialSource() throws -> CredentialSource {
        credential.options.source(for: Text.escaped(try repository()))
    }
}
