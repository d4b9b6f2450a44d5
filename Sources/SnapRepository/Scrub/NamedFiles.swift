// SPDX-License-Identifier: MIT
//
// The files of a repository as anyone can list them, with what their names prove of them. No key is
// needed. See snapfs-format(5), STORE LAYOUT.

import SnapBase
import SnapFormat
import SnapStore

/// A file that has a name of the format.
package struct NamedFile: Sendable {
    package enum Proof: Sendable, Equatable {
        /// The name is the SHA-256 of the content.
        case digest(ObjectID)
        /// The name is the first 16 bytes of it.
        case digestPrefix([UInt8])
        /// Only who has the key can tell.
        case none
    }

    package var path: String
    package var size: Int
    package var proof: Proof
}

/// A listing of a whole store. A directory that cannot be listed is told of and does not keep the
/// others from being listed.
package struct NamedFiles: Sendable {
    package private(set) var files: [NamedFile] = []
    /// What has no name of the format: readers ignore it.
    package private(set) var foreign: [String] = []
    /// Files that are being written, or that a crash has left.
    package private(set) var staged = 0
    package private(set) var unlisted: [(path: String, error: SnapError)] = []
    /// What nothing opens without and is not there.
    package private(set) var missing: [(path: String, error: SnapError)] = []

    private let store: any Store

    /// That of auxiliary packs is reserved.
    private static let packAreas = PackDescription.areas.map(\.name) + ["aux"]

    package init(_ store: any Store) {
        self.store = store
        let top = entries("")
        listTop(top)
        for area in Self.packAreas { listPacks(area) }
        for entry in entries("index") {
            add("index", entry, ObjectID(hex: entry.name).map { .digest($0) })
        }
        let slots = entries("slots")
        for entry in slots {
            let prefix = Slot.isName(entry.name) ? Hex.decode(entry.name) : nil
            add("slots", entry, prefix.map { .digestPrefix($0) })
        }
        let keyrings = list("keyring") { Keyring.number(ofName: $0) != nil }
        list(SessionRecord.directory) { SessionRecord.parse($0) != nil }
        list(Manifest.directory) { Manifest.parse($0) != nil }
        list(Note.directory) { Note.parse($0) != nil }
        list(CollectionStart.directory) { CollectionStart.parse($0) != nil }
        list(AuditRecord.directory) { AuditRecord.parse($0) != nil }
        for directory in directories("wal") { list("wal/\(directory)") { _ in true } }
        staged = entries("tmp").count
        missing = NeededFiles.missing(top: top, slots: slots, keyrings: keyrings)
            .filter { file in !unlisted.contains { file.path.hasPrefix($0.path) } }
    }

    private mutating func listTop(_ top: [StoreEntry]) {
        for entry in top {
            let isOurs = entry.name == Marker.storeName || entry.name == Configuration.storeName
            add("", entry, isOurs ? NamedFile.Proof.none : nil)
        }
        let known = Set(
            Self.packAreas + [
                "index", "slots", "keyring", SessionRecord.directory, Manifest.directory,
                Note.directory, CollectionStart.directory, AuditRecord.directory, "wal", "tmp",
            ])
        foreign += directories("").filter { !known.contains($0) }
    }

    private mutating func listPacks(_ area: String) {
        foreign += entries(area).map { "\(area)/\($0.name)" }
        for directory in directories(area) {
            let path = "\(area)/\(directory)"
            guard PackDescription.isDirectory(directory) else {
                foreign.append(path)
                continue
            }
            for entry in entries(path) {
                let name = PackDescription.parse(entry.name, in: directory)
                add(path, entry, name.map { .digest($0) })
            }
        }
    }

    @discardableResult
    private mutating func list(
        _ directory: String, where isOurs: (String) -> Bool
    ) -> [StoreEntry] {
        let entries = entries(directory)
        for entry in entries {
            add(directory, entry, isOurs(entry.name) ? NamedFile.Proof.none : nil)
        }
        return entries
    }

    private mutating func add(
        _ directory: String, _ entry: StoreEntry, _ proof: NamedFile.Proof?
    ) {
        let path = directory.isEmpty ? entry.name : "\(directory)/\(entry.name)"
        if let proof {
            files.append(NamedFile(path: path, size: entry.size, proof: proof))
        } else {
            foreign.append(path)
        }
    }

    private mutating func entries(_ directory: String) -> [StoreEntry] {
        let store = store
        return listed(directory) { try store.list(directory) }
    }

    private mutating func directories(_ directory: String) -> [String] {
        let store = store
        return listed(directory) { try store.listDirectories(directory) }
    }

    private mutating func listed<T>(_ directory: String, _ body: () throws -> [T]) -> [T] {
        do { return try body() } catch {
            if unlisted.last?.path != directory {
                unlisted.append((directory, SnapError.wrap(error)))
            }
            return []
        }
    }
}
