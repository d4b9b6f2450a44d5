// SPDX-License-Identifier: MIT
//
// Where the options and the environment say that a secret is: named alike for every repository, in
// one order for all of them.

import ArgumentParser

/// Whose secret it is, which shows in the names of its options and variables.
enum CredentialRole: String, CaseIterable {
    /// That of the repository that a command works on.
    case own = ""
    /// That of the repository that is copied to.
    case to
    /// That of the repository that is repaired from or cut like.
    case from
    /// One that nothing opens with yet.
    case new

    /// `--to-password-file, --to-password-command and --to-key-file`. With `isNew` those of a key
    /// that is to be made.
    func options(_ conjunction: String, isNew: Bool = false) -> String {
        let prefix = self == .own ? "--" : "--\(rawValue)-"
        let keyFile = isNew ? "--new-key-file" : "\(prefix)key-file"
        return "\(prefix)password-file, \(prefix)password-command \(conjunction) \(keyFile)"
    }

    /// `SNAPFS_TO_KEY_FILE`.
    func name(_ variable: CredentialVariable) -> String {
        (self == .own ? "SNAPFS_" : "SNAPFS_\(rawValue.uppercased())_") + variable.rawValue
    }
}

/// The end of a variable's name; of several that are set, the first counts.
enum CredentialVariable: String, CaseIterable {
    case keyFile = "KEY_FILE"
    case passwordFile = "PASSWORD_FILE"
    case passwordCommand = "PASSWORD_COMMAND"
    case password = "PASSWORD"
}

/// What the options of one role say.
struct CredentialOptions {
    let role: CredentialRole
    let passwordFile, passwordCommand, keyFile: BytesArgument?

    private var given: [CredentialSource] {
        let sources: [CredentialSource?] = [
            keyFile.map { .keyFile($0.bytes) }, passwordFile.map { .passwordFile($0.bytes) },
            passwordCommand.map { .passwordCommand($0.bytes) },
        ]
        return sources.compactMap { $0 }
    }

    var isGiven: Bool { !given.isEmpty }

    /// Throws a usage error where there are two.
    func requireOne() throws {
        guard given.count <= 1 else {
            throw ValidationError("Give only one of \(role.options("and")).")
        }
    }

    /// What an option says, else the environment by one of the variables, else the terminal, with
    /// the place of the repository where there are two.
    func source(
        _ variables: [CredentialVariable] = CredentialVariable.allCases, for place: String? = nil
    ) -> CredentialSource {
        given.first ?? variables.lazy.compactMap(inEnvironment).first ?? .terminal(role, place)
    }

    private func inEnvironment(_ variable: CredentialVariable) -> CredentialSource? {
        let name = role.name(variable)
        return switch variable {
        case .keyFile: Environment.bytes(name).map { .keyFile($0) }
        case .passwordFile: Environment.bytes(name).map { .passwordFile($0) }
        case .passwordCommand: Environment.bytes(name).map { .passwordCommand($0) }
        // It stays where it lies until it is read and wiped.
        case .password: Environment.has(name) ? .passwordVariable(name) : nil
        }
    }
}
