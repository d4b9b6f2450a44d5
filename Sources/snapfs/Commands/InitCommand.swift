// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapStore

struct InitCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create a repository.",
        usage: "snapfs init [<options>]",
        discussion: """
            The directory of --repo must not exist or be empty. The repository opens with a \
            password or, with --new-key-file, with a generated key file. Whoever loses both the \
            password and every key file loses the data.
            """)

    @OptionGroup var newKeyFile: NewKeyFile
    @OptionGroup var model: ChunkerModel
    @OptionGroup var global: GlobalOptions

    struct Message: Encodable {
        var messageType = "initialized"
        let id: String
        let repository: String
    }

    func validate() throws {
        if global.givesKeyFile {
            throw ValidationError(
                "--key-file opens a repository that is there; give --new-key-file to make a key.")
        }
        if newKeyFile.argument != nil && global.givesPassword {
            throw ValidationError("Give either --new-key-file or a password.")
        }
    }

    func perform(_ output: Output) throws {
        let path = try global.repository()
        let isThere = path.withCString { access($0, F_OK) } == 0 || errno != ENOENT
        let newCredential = try newCredential(output)
        let other = try model.open(global, output)
        let store = try RepositoryAccess.store(path, create: true)
        let credential: SnapFormat.Credential
        do {
            try Self.requireEmpty(store, path)
            credential = try newCredential()
        } catch {
            if !isThere { path.withCString { _ = rmdir($0) } }
            throw error
        }
        do {
            try store.makeDirectories()
            try Repository.create(
                store, credential, label: newKeyFile.label, cuttingLike: other)
        } catch {
            // A key that opens nothing would only be mistaken for one that does; a repository whose
            // creation failed at the very end is there.
            if (try? Repository.requireRepository(store)) == nil {
                if let file = try? newKeyFile.path() { KeyFile.remove(file) }
            }
            throw error
        }
        let repository = try Repository.open(store, credential)
        try repository.audit("init")
        if output.json {
            try output.json(
                Message(id: repository.hexID, repository: String(decoding: path, as: UTF8.self)))
        }
        try output.note("created repository \(repository.hexID.prefix(8)) at \(name: path)")
        try output.note(
            newKeyFile.argument == nil
                ? "Remember the password: without it nobody can read the data."
                : "Keep a copy of the key file elsewhere: without it nobody can read the data."
        )
    }

    private func newCredential(
        _ output: Output
    ) throws -> () throws -> SnapFormat.Credential {
        if let path = try newKeyFile.path() {
            return { .keyFile(try KeyFile.make(path, for: global.repository())) }
        }
        let password = try global.newPasswordSource.reader(output, confirm: true)
        return { try .init(try password()) }
    }

    private static func requireEmpty(_ store: LocalStore, _ path: [UInt8]) throws {
        let files = try store.list("").map(\.name) + store.listDirectories("")
        if files.contains(Marker.storeName) {
            throw SnapError(.exists, "there is a repository at \(Text.escaped(path)) already")
        }
        // What an interrupted init leaves is only directories of ours.
        guard files.allSatisfy({ LocalStore.directories.contains($0) || $0 == "config" }) else {
            throw SnapError(.refused, "\(Text.escaped(path)) is not empty")
        }
    }
}
