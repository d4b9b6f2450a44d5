// SPDX-License-Identifier: MIT
//
// The repository as a command sees it: opened with what the options and the environment say, and
// its snapshots found by name.

import ArgumentParser
import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapView

final class RepositoryAccess {
    let repository: Repository
    let path: String
    private let output: Output
    private let caches = ViewCaches()
    /// Those that `manifests` could not read.
    private(set) var damagedManifests: [(id: [UInt8], error: SnapError)] = []
    private var known: Catalog?

    private init(_ repository: Repository, path: String, _ output: Output) {
        self.repository = repository
        self.path = path
        self.output = output
    }

    /// The store of the repository that the options name.
    static func store(_ path: [UInt8], create: Bool) throws -> LocalStore {
        let shown = String(decoding: path, as: UTF8.self)
        do {
            return LocalStore(
                files: try SystemFileLayer(root: shown, create: create), location: shown)
        } catch let error as SnapError where error.kind == .notFound && !create {
            throw SnapError(
                .noRepository,
                "there is no repository at \(Text.escaped(path)); make one with 'snapfs init'")
        }
    }

    /// Opens the repository and reads its index. A command that verifies the audit log tells itself
    /// what is missing there.
    static func open(
        _ global: GlobalOptions, _ output: Output, limits: ObjectReader.Limits = .init(),
        verifiesAudit: Bool = false
    ) throws -> RepositoryAccess {
        try open(
            try global.repository(), cache: try global.cacheDirectory(), output, limits: limits,
            verifiesAudit: verifiesAudit
        ) { try global.credentialSource.read(output) }
    }

    /// The same for a repository at a path, with its own credential.
    static func open(
        _ path: [UInt8], cache: [UInt8], _ output: Output, limits: ObjectReader.Limits = .init(),
        verifiesAudit: Bool = false, credential: () throws -> Credential
    ) throws -> RepositoryAccess {
        let repository = try openRepository(
            path, cache: cache, output, limits: limits, credential: credential)
        if !verifiesAudit { warnOfRollback(repository, output) }
        try repository.refresh()
        for (name, error) in repository.objects.damagedSegments {
            output.warning("warning: index segment \(name) is unusable: \(error.message)")
        }
        return RepositoryAccess(
            repository, path: String(decoding: path, as: UTF8.self), output)
    }

    /// Opens the repository without a look at its index, for who reads none of its objects.
    static func openRepository(
        _ global: GlobalOptions, _ output: Output
    ) throws -> Repository {
        let repository = try openRepository(
            try global.repository(), cache: try global.cacheDirectory(), output, limits: .init()
        ) { try global.credentialSource.read(output) }
        warnOfRollback(repository, output)
        return repository
    }

    /// Whatever a command does: it does it to another state than the user has in mind.
    private static func warnOfRollback(_ repository: Repository, _ output: Output) {
        // An audit log that cannot be read is for 'check' to tell.
        if let rollback = try? AuditLog(repository).rollback() {
            output.warning(Text("warning: \(rollback)"))
        }
    }

    private static func openRepository(
        _ path: [UInt8], cache: [UInt8], _ output: Output, limits: ObjectReader.Limits,
        credential: () throws -> Credential
    ) throws -> Repository {
        let store = try store(path, create: false)
        // Before the password is asked for: without a repository there is nothing to open.
        try Repository.requireRepository(store)
        do {
            return try Repository.open(
                store, try SnapFormat.Credential(try credential()), limits: limits,
                cache: { CacheDirectory.store(cache, repository: $0, output) },
                warn: { output.warning(Text("warning: \($0)")) })
        } catch let error as SnapError where error.kind == .wrongKey {
            // A command may open two.
            throw error.within("opening \(Text.escaped(path))")
        }
    }

    // MARK: Snapshots

    /// The complete snapshots that pass a filter, oldest first; warns where none does.
    func manifests(_ filter: SnapshotFilter) throws -> [Manifest] {
        chosen(try manifests(), filter)
    }

    /// Those of some snapshots that pass a filter, in their order. Warns where none does: a name
    /// that is mistyped must not look like a repository in which there is nothing to do.
    func chosen(
        _ manifests: [Manifest], _ filter: SnapshotFilter, thing: String = "snapshot"
    ) -> [Manifest] {
        let choice = filter.choice
        let found = manifests.filter { choice.accepts($0) }
        if found.isEmpty && !filter.matching.isEmpty {
            output.warning(Text("warning: there is no \(thing)\(filter.matching)"))
        }
        return found
    }

    /// Those that are forgotten and may come back, oldest first: what was erased does not.
    func forgotten() throws -> [Manifest] {
        let catalog = try catalog()
        return catalog.forgotten.filter {
            $0.state == .complete && !catalog.notes[$0.id].isErased
        }
    }

    private func manifests() throws -> [Manifest] {
        try catalog().snapshots.filter { $0.state == .complete }
    }

    /// All that is known of the snapshots; read, and what is damaged warned about, once a command.
    func catalog() throws -> Catalog {
        if let known { return known }
        let catalog = try repository.catalog()
        // What snapshots name is in segments that are listed after them.
        try repository.refresh()
        for (id, error) in catalog.damagedInOrder {
            damagedManifests.append((id, error))
            output.warning("warning: snapshot \(Hex.encode(id.prefix(4))): \(error.message)")
        }
        if let damage = catalog.collections.damage {
            output.warning("warning: \(damage.message)")
        }
        for (_, error) in catalog.notes.damaged {
            output.warning("warning: \(error.message); what this note said is not known")
        }
        known = catalog
        return catalog
    }

    /// The one snapshot that an argument names; the filter chooses unless it is an id.
    func manifest(
        _ argument: SnapshotArgument, _ filter: SnapshotFilter, _ nearness: SnapshotByTime.Nearness
    ) throws -> Manifest {
        if case .id(let prefix) = argument.name {
            return try only(
                of: try manifests().filter { $0.hexID.hasPrefix(prefix) }, prefix, argument.text)
        }
        let all = try manifests()
        if let damaged = damagedManifests.first {
            // It may be the very one that is meant.
            throw SnapError(
                .damaged,
                "snapshot \(Hex.encode(damaged.id.prefix(4))) cannot be read, so "
                    + "'\(argument.text)' is not certain; name a snapshot by its id")
        }
        return try SnapshotByTime(argument, filter, "snapshot").find(among: all, nearness)
    }

    /// The one whose id begins so. Where there is none, one that is forgotten may be meant.
    private func only<T>(of found: [T], _ prefix: String, _ text: String) throws -> T {
        if found.isEmpty, let one = try forgotten().first(where: { $0.hexID.hasPrefix(prefix) }) {
            let name = one.hexID.prefix(8)
            throw SnapError(
                .notFound,
                "snapshot \(name) is forgotten; 'snapfs unforget \(name)' brings it back")
        }
        return try Self.only(of: found, text, "snapshot")
    }

    private static func only<T>(of found: [T], _ text: String, _ thing: String) throws -> T {
        if found.count == 1 { return found[0] }
        if found.isEmpty { throw SnapError(.notFound, "there is no \(thing) \(text)") }
        throw SnapError(
            .invalid, "\(text) is ambiguous: \(found.count) snapshots begin with it")
    }

    /// The forgotten snapshots that arguments name, each once, in their order.
    func forgotten(
        _ arguments: [SnapshotArgument], _ filter: SnapshotFilter
    ) throws -> [Manifest] {
        let (forgotten, listed) = (try forgotten(), try manifests())
        var chosen: [Manifest] = []
        for argument in arguments {
            try argument.requireNoPath()
            let manifest: Manifest
            if case .id(let prefix) = argument.name {
                let found = forgotten.filter { $0.hexID.hasPrefix(prefix) }
                if found.isEmpty, let one = listed.first(where: { $0.hexID.hasPrefix(prefix) }) {
                    throw SnapError(
                        .notFound, "snapshot \(one.hexID.prefix(8)) is not forgotten")
                }
                manifest = try Self.only(of: found, argument.text, "forgotten snapshot")
            } else {
                manifest = try SnapshotByTime(argument, filter, "forgotten snapshot")
                    .find(among: forgotten, .exact)
            }
            if !chosen.contains(manifest) { chosen.append(manifest) }
        }
        return chosen
    }

    /// The ids of the snapshots that arguments name, each once, in their order: what notes are
    /// written about. A snapshot that cannot be read has one, too.
    func ids(
        _ arguments: [SnapshotArgument], _ filter: SnapshotFilter,
        _ nearness: SnapshotByTime.Nearness
    ) throws -> [[UInt8]] {
        var ids: [[UInt8]] = []
        for argument in arguments {
            try argument.requireNoPath()
            let id: [UInt8]
            if case .id(let prefix) = argument.name {
                let all = try manifests().map(\.id) + damagedManifests.map(\.id)
                id = try only(
                    of: all.filter { Hex.encode($0).hasPrefix(prefix) }, prefix, argument.text)
            } else {
                id = try manifest(argument, filter, nearness).id
            }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    /// Appends what this command has done to the audit log, after it has done it.
    func audit(
        _ command: String, snapshots: [[UInt8]] = [], counts: [(String, UInt64)] = [],
        remarks: [String] = []
    ) throws {
        try repository.audit(
            command, snapshots: snapshots, counts: counts, remarks: remarks)
    }

    /// Keeps a snapshot from being collected for as long as what is returned lives.
    func pin(_ manifest: Manifest) throws -> Pin {
        try Pin(repository, [manifest], host: Origin.hostName)
    }

    func view(_ manifest: Manifest) throws -> SnapshotView {
        try SnapshotView(manifest, repository: repository, caches: caches)
    }
}

extension SnapFormat.Credential {
    /// Checks that a key file is one of ours, or the text of a recovery key.
    init(_ found: Credential) throws {
        switch found {
        case .password(let secret): self = .password(secret)
        case .key(let secret) where secret.count == 32: self = .keyFile(secret)
        case .key(let secret):
            do { self = .keyFile(try RecoveryKey.parse(secret.withBytes { Array($0) })) } catch {
                let error = SnapError.wrap(error).within(
                    "reading the key file as a recovery key, as it has not 32 bytes")
                throw SnapError(.wrongKey, error.message, code: error.code)
            }
        }
    }
}

/// Where snapfs keeps what it could make again.
enum CacheDirectory {
    /// The cache of one repository, in a directory for the user alone. One that cannot be written
    /// costs speed only.
    static func store(_ path: [UInt8], repository: String, _ output: Output) -> LocalStore? {
        let root = String(decoding: path, as: UTF8.self) + "/" + repository
        do {
            let store = LocalStore(
                files: try SystemFileLayer(root: root, create: true), location: root)
            try store.makeCacheDirectories()
            guard access(root, W_OK | X_OK) == 0 else { throw SnapError(errno: errno, root) }
            return store
        } catch {
            let cause = SnapError.wrap(error).message
            output.warning(
                "warning: the cache directory \(name: path) is not used: \(cause)")
            return nil
        }
    }
}
