// SPDX-License-Identifier: MIT
//
// The options of every command and the environment behind them. An option beats the environment.

import ArgumentParser
import Glibc
import SnapBase

struct GlobalOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The repository's directory. (SNAPFS_REPO)", valueName: "directory"))
    private var repo: BytesArgument?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Read the password from this file. (SNAPFS_PASSWORD_FILE)", valueName: "file"))
    private var passwordFile: BytesArgument?

    @Option(
        help: ArgumentHelp(
            "Run this command, without a shell, and read the password from its output. "
                + "(SNAPFS_PASSWORD_COMMAND)", valueName: "command"))
    private var passwordCommand: BytesArgument?

    @Option(
        help: ArgumentHelp(
            "Open the repository with this key file, or the recovery key in it. (SNAPFS_KEY_FILE)",
            valueName: "file"))
    private var keyFile: BytesArgument?

    @Option(
        help: ArgumentHelp(
            "Where to keep the cache. (SNAPFS_CACHE_DIR; default: ~/.cache/snapfs)",
            valueName: "directory"))
    private var cacheDir: BytesArgument?

    @Flag(help: "Print JSON lines.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing but results and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Print more.")
    var verbose = false

    @Flag(help: "Draw no progress line.")
    var noProgress = false

    func validate() throws {
        try credential.requireOne()
        if quiet && verbose { throw ValidationError("Give only one of --quiet and --verbose.") }
    }

    /// Where the repository is. A usage error if nothing says so.
    func repository() throws -> [UInt8] {
        if let path = repo?.bytes ?? Environment.bytes("SNAPFS_REPO") {
            return try path.requireText("the repository")
        }
        throw ValidationError("no repository: give --repo or set SNAPFS_REPO")
    }

    /// Where the cache is: the option, SNAPFS_CACHE_DIR, $XDG_CACHE_HOME/snapfs, ~/.cache/snapfs.
    func cacheDirectory() throws -> [UInt8] {
        try cachePath().requireText("the cache")
    }

    private func cachePath() throws -> [UInt8] {
        if let path = cacheDir?.bytes ?? Environment.bytes("SNAPFS_CACHE_DIR") { return path }
        let slash = UInt8(ascii: "/")
        // The XDG specification has relative paths ignored.
        if let base = Environment.bytes("XDG_CACHE_HOME"), base.first == slash {
            return base + Array("/snapfs".utf8)
        }
        if let home = Environment.bytes("HOME") { return home + Array("/.cache/snapfs".utf8) }
        throw ValidationError("no cache directory: give --cache-dir or set HOME")
    }

    /// The repository and the cache, as far as they are there: what is neither backed up nor
    /// restored to.
    func ownDirectories() throws -> Set<FileIdentity> {
        let paths = [try repository(), try cacheDirectory()]
        return Set(try paths.compactMap { try DirectoryPosition($0).identity })
    }

    /// Whether an option, not the environment, names a key file.
    var givesKeyFile: Bool { keyFile != nil }

    /// Whether an option says where a password is.
    var givesPassword: Bool { passwordFile != nil || passwordCommand != nil }

    /// Where the secret comes from. Options first; then, in this order, SNAPFS_KEY_FILE,
    /// SNAPFS_PASSWORD_FILE, SNAPFS_PASSWORD_COMMAND, SNAPFS_PASSWORD; at last the terminal.
    var credentialSource: CredentialSource { credential.source() }

    /// The same for the password of a new repository, which no key file is.
    var newPasswordSource: CredentialSource {
        credential.source([.passwordFile, .passwordCommand, .password])
    }

    private var credential: CredentialOptions {
        CredentialOptions(
            role: .own, passwordFile: passwordFile, passwordCommand: passwordCommand,
            keyFile: keyFile)
    }
}

extension Output {
    /// What a dry run says is its result, which --quiet leaves.
    convenience init(_ options: GlobalOptions, isDryRun: Bool) {
        let quiet: Level = isDryRun ? .normal : .quiet
        self.init(
            json: options.json,
            level: options.quiet ? quiet : options.verbose ? .verbose : .normal,
            progress: !options.noProgress && !options.quiet)
    }
}
