// SPDX-License-Identifier: MIT
//
// The sealed files of one record, such as manifests, and the keys of all sealed files.
// See snapfs-format(5), THE SEALED CONTAINER.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// Thread-safe.
struct SealedFiles: Sendable {
    let store: any Store
    let keyring: OpenKeyring
    var repository: [UInt8] { keyring.repository }

    struct Opened {
        var kind: FileKind
        var fields: [UInt8]
        /// SHA-256 of the file.
        var digest: ObjectID
    }

    /// Opens a file of one record, whatever it is.
    func read(_ name: String) throws -> Opened {
        let file = try store.read(name, limit: ContainerHeader.wholeFileSizeMax)
        let header = try ContainerHeader(Array(file.prefix(ContainerHeader.size)), name: name)
        let key = try FileKey(
            header, kind: header.kind, master: try master(header.generation, name),
            repository: repository, name: name)
        let fields = try key.open(
            at: UInt64(ContainerHeader.size), role: .last, storeName: name,
            Array(file.dropFirst(ContainerHeader.size)), name: name)
        return Opened(kind: header.kind, fields: fields, digest: try SHA256.digest(file))
    }

    /// The fields of a file of this kind.
    func read(_ name: String, _ kind: FileKind) throws -> [UInt8] {
        let opened = try read(name)
        guard opened.kind == kind else {
            throw SnapError(.damaged, "\(name): is a \(opened.kind.name), not a \(kind.name)")
        }
        return opened.fields
    }

    /// As `OpenKeyring.master`.
    func master(_ generation: UInt32, _ name: String) throws -> Secret {
        try keyring.master(generation, name)
    }

    /// The generation that new files are sealed under.
    var newest: UInt32 { keyring.newest.generation }

    /// The key of a new file with this salt.
    func key(_ kind: FileKind, salt: [UInt8]) throws -> FileKey {
        let (generation, master) = keyring.newest
        return try FileKey(
            kind: kind, generation: generation, salt: salt, master: master, repository: repository)
    }
}
