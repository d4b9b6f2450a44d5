// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import Synchronization

/// The ledger of a repository: sealed files of its store. Thread-safe.
package struct SealedLedger: Ledger {
    private let repository: Repository
    private let keys: FileKeys

    package init(_ repository: Repository) throws {
        self.repository = repository
        keys = FileKeys(repository, session: try Random.bytes(16))
    }

    package func list(_ directory: String) throws -> [String] {
        try repository.store.list(directory).map(\.name)
    }

    package func create(_ file: LedgerFile) throws -> ObjectID? {
        let name = file.storeName
        let fields = file.fields
        if case .manifest(let manifest) = file {
            guard try Manifest(fields: fields, id: manifest.id) == manifest else {
                throw SnapError(.io, "the manifest does not decode to what was encoded")
            }
        }
        let sealed = try keys.next(file.kind).sealFile(fields, storeName: name)
        guard sealed.count <= ContainerHeader.wholeFileSizeMax else {
            if file.kind == .manifest { throw Manifest.tooLarge(sealed.count) }
            throw SnapError(
                .unsupported, "\(name) would have \(sealed.count) bytes, more than a reader takes")
        }
        do { try repository.store.create(name, sealed) } catch let error as SnapError
            where error.kind == .exists
        {
            // A store that says so of a name that is not there has failed.
            guard (try? repository.store.open(name)) != nil else { throw error }
            return nil
        }
        return try SHA256.digest(sealed)
    }

    package func read(_ name: String) throws -> (file: LedgerFile, digest: ObjectID) {
        let sealed = try repository.sealed.read(name)
        let file = try LedgerFile(sealed.kind, fields: sealed.fields, name: name)
        return (file, sealed.digest)
    }

    package func delete(_ name: String) throws { try repository.store.delete(name) }

    package func synchronize() throws { try repository.store.synchronize() }

    package func newID() throws -> [UInt8] { try Random.bytes(16) }
}

/// The keys of the files that one program writes: no two have the same salt. Thread-safe.
final class FileKeys: Sendable {
    private let repository: Repository
    private let session: [UInt8]
    private let counter = Atomic<UInt64>(0)

    init(_ repository: Repository, session: [UInt8]) {
        self.repository = repository
        self.session = session
    }

    /// The key of the next file.
    func next(_ kind: FileKind) throws -> FileKey {
        let number = counter.add(1, ordering: .relaxed).newValue
        return try repository.newFileKey(kind, session: session, counter: number)
    }
}
