// SPDX-License-Identifier: MIT
//
// A repository: a store, and the keys that make sense of it. Opening and creating, and the reading
// and writing of the small sealed files; packs and index have files of their own.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// An open repository. Thread-safe.
package final class Repository: Sendable {
    package var store: any Store { sealed.store }
    package var id: [UInt8] { sealed.repository }
    package let keys: DerivedKeys
    package let configuration: Configuration
    package let objects: ObjectReader
    let sealed: SealedFiles
    /// What can be made again, and what this machine has seen of the repository; nil without one.
    package let cache: (any Store)?

    /// What files are cut by, together with the sizes in the configuration.
    package var chunkerKey: Secret { configuration.chunkerKey ?? keys.chunker }

    package var location: String { store.location }
    package var hexID: String { Hex.encode(id) }

    private init(
        sealed: SealedFiles, configuration: Configuration, keys: DerivedKeys,
        cache: (any Store)?, limits: ObjectReader.Limits
    ) {
        self.sealed = sealed
        self.configuration = configuration
        self.keys = keys
        self.cache = cache
        objects = ObjectReader(sealed: sealed, keys: keys, cache: cache, limits: limits)
    }

    /// Opens the repository with a credential. Throws `.noRepository`, `.wrongKey`, `.unsupported`.
    /// A slot that cannot be decoded is passed to `warn` and skipped. `cache` gives the store for
    /// what can be made again, by the repository's id.
    package static func open(
        _ store: any Store, _ credential: Credential, limits: ObjectReader.Limits = .init(),
        cache: (String) -> (any Store)? = { _ in nil }, warn: (String) -> Void = { _ in }
    ) throws -> Repository {
        let (sealed, configuration) = try NeededFiles.reading {
            let id = try Marker.repository(try readMarker(store))
            let keyring = try OpenKeyring.open(store, credential, repository: id, warn: warn)
            let sealed = SealedFiles(store: store, keyring: keyring)
            let plain = try sealed.read(Configuration.storeName, .config)
            return (sealed, try Configuration(fields: plain, repository: id))
        }
        return Repository(
            sealed: sealed, configuration: configuration,
            keys: try DerivedKeys(master: sealed.master(0, "the derived keys")),
            cache: cache(Hex.encode(sealed.repository)), limits: limits)
    }

    /// Creates a repository in a store that is empty or holds what an interrupted creation left.
    /// The marker comes last: without it there is none. It cuts files just as `model` does.
    package static func create(
        _ store: any Store, _ credential: Credential, stretching: Stretching = .standard,
        label: String, cuttingLike model: Repository? = nil
    ) throws {
        try removeInterrupted(store)
        let id = try Random.bytes(16)
        let keys = SlotKeys(agreement: try AgreementKey(), mac: try Secret(randomCount: 32))
        let slot = try Slot(
            credential, keys: keys, stretching: stretching, salt: try Random.bytes(32),
            repository: id)
        let holder = Holder(
            publicKey: slot.publicKey, slotName: Array(Hex.decode(try slot.name())!),
            created: Timestamp.now().seconds, label: label)
        let keyring = Keyring(first: holder, secret: try Secret(randomCount: 32))
        let draws = Keyring.Draws(
            ephemeral: try AgreementKey(), content: try Secret(randomCount: 32),
            salt: try Random.bytes(32))
        try store.create("slots/\(try slot.name())", slot.file)
        try store.create(
            Keyring.storeName(1),
            try keyring.sealed(
                mac: keys.mac, predecessor: nil, repository: id, draws: draws))
        var configuration = Configuration(repository: id)
        if let model {
            configuration.chunking = model.configuration.chunking
            configuration.chunkerKey = model.chunkerKey
        }
        let derived = try DerivedKeys(master: keyring.generations[0]!)
        let salt = try derived.salt(session: id, counter: 0, random: try Random.bytes(32))
        let file = try FileKey(
            kind: .config, generation: 0, salt: salt, master: keyring.generations[0]!,
            repository: id)
        try store.create(
            Configuration.storeName,
            try file.sealFile(configuration.fields, storeName: Configuration.storeName))
        try store.synchronize()
        // What was written must open before the marker makes it a repository, and after: another
        // creation at the same time takes for an interrupted one what has no marker yet.
        func check() throws {
            guard try store.read("slots/\(try slot.name())", limit: 4096) == slot.file,
                try OpenKeyring.newest(store, keys, repository: id).generations.count == 1
            else { throw SnapError(.io, "the new repository cannot be read back") }
            let opened = OpenKeyring(store, repository: id, keys: keys, keyring: keyring)
            _ = try SealedFiles(store: store, keyring: opened)
                .read(Configuration.storeName, .config)
        }
        try check()
        try store.create(Marker.storeName, Marker.bytes(repository: id))
        try store.synchronize()
        do { try check() } catch {
            throw SnapError(
                .busy,
                "another 'init' at \(store.location) took away what this one made: remove the "
                    + "directory and run one of them again")
        }
    }

    /// Removes the keys of an interrupted creation; refuses where they might be those of data.
    private static func removeInterrupted(_ store: any Store) throws {
        let there = try names("", store)
        guard !there.contains(Marker.storeName) else {
            throw SnapError(.exists, "there is a repository at \(store.location) already")
        }
        guard try !holdsData(store) else {
            throw SnapError(
                .refused,
                "there is data at \(store.location) without the file \(Marker.storeName): "
                    + "a repository that lost it, not an empty place")
        }
        for directory in ["slots", "keyring"] {
            for name in try names(directory, store) { try store.delete("\(directory)/\(name)") }
        }
        if there.contains(Configuration.storeName) { try store.delete(Configuration.storeName) }
    }

    /// Whether there is more than a creation leaves that was interrupted.
    private static func holdsData(_ store: any Store) throws -> Bool {
        try ["data", "meta", "index", "sessions", "snapshots"].contains {
            try !names($0, store).isEmpty
        }
    }

    private static func names(_ directory: String, _ store: any Store) throws -> [String] {
        do {
            return try store.list(directory).map(\.name) + store.listDirectories(directory)
        } catch let error as SnapError where error.kind == .notFound { return [] }
    }

    /// Throws `.noRepository`, `.unsupported` or `.damaged` unless the store holds a repository.
    package static func requireRepository(_ store: any Store) throws {
        _ = try NeededFiles.reading { try Marker.repository(try readMarker(store)) }
    }

    private static func readMarker(_ store: any Store) throws -> [UInt8] {
        do { return try store.read(Marker.storeName, limit: 4096) } catch let error as SnapError
            where error.kind == .notFound
        {
            if try holdsData(store) {
                throw SnapError(.damaged, "\(store.location)/\(Marker.storeName): is missing")
            }
            throw SnapError(
                .noRepository,
                "there is no repository at \(store.location); make one with 'snapfs init'")
        }
    }

    // MARK: Small sealed files

    /// The key of a new file, under the newest generation.
    package func newFileKey(_ kind: FileKind, session: [UInt8], counter: UInt64) throws -> FileKey {
        try sealed.key(
            kind,
            salt: try keys.salt(
                session: session, counter: counter, random: try Random.bytes(32)))
    }

    // MARK: Snapshots

    package var ledger: SealedLedger {
        get throws { try SealedLedger(self) }
    }

    /// The snapshots that there are now.
    package func catalog() throws -> Catalog {
        var catalog = Catalog()
        try catalog.refresh(try ledger)
        return catalog
    }

    /// Runs body; where that meets damage and a collection has ended since the index was read, once
    /// more with a new index: what seemed to be missing may have been moved.
    package func afresh<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as SnapError where error.isFinding {
            let now = try CollectionState(try ledger)
            guard let end = now.end, end.number != objects.collected else { throw error }
            try objects.refresh(now)
            return try body()
        }
    }

    /// Lists the index anew, by what counts now.
    package func refresh(usingCopy: Bool = true) throws {
        try objects.refresh(try CollectionState(try ledger), usingCopy: usingCopy)
    }
}
