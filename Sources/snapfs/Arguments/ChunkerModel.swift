// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// The repository whose cuts a new one repeats, and what opens it.
struct ChunkerModel: ParsableArguments {
    @Option(
        name: .customLong("copy-chunker-from"),
        help: ArgumentHelp(
            "Cut files just as this repository does, so that what is copied from it and what is "
                + "backed up is stored once.", valueName: "directory"))
    private var directory: BytesArgument?

    @OptionGroup private var credential: SourceCredential

    func validate() throws {
        if credential.options.isGiven && directory == nil {
            throw ValidationError("The --from options go with --copy-chunker-from.")
        }
    }

    /// The repository, if one is named.
    func open(_ global: GlobalOptions, _ output: Output) throws -> Repository? {
        guard let path = try directory?.bytes.requireText("the repository to cut like") else {
            return nil
        }
        let source = credential.options.source(for: Text.escaped(path))
        return try RepositoryAccess.open(path, cache: try global.cacheDirectory(), output) {
            try source.read(output)
        }.repository
    }
}
