// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// The packs that a store lists. A listing that fails is an error, never an empty listing.
package struct PackListing: Sendable {
    package struct Item: Sendable, Equatable {
        package var kind: FileKind
        package var size: Int
    }

    package private(set) var packs: [ObjectID: Item] = [:]
    /// Files and directories that are not of packs, by their names.
    package private(set) var strays: [String] = []

    package var bytes: UInt64 { packs.values.reduce(0) { $0 + UInt64($1.size) } }

    package init(_ store: any Store) throws {
        for (area, kind) in PackDescription.areas {
            for directory in try store.listDirectories(area) {
                let path = "\(area)/\(directory)"
                // Of no pack, and perhaps not ours to read: lost+found.
                guard PackDescription.isDirectory(directory) else {
                    strays.append(path)
                    continue
                }
                for entry in try store.list(path) {
                    guard let name = PackDescription.parse(entry.name, in: directory) else {
                        strays.append("\(path)/\(entry.name)")
                        continue
                    }
                    packs[name] = Item(kind: kind, size: entry.size)
                }
            }
        }
    }
}

extension Repository {
    package func listPacks() throws -> PackListing { try PackListing(store) }

    /// Bytes of all files of the index.
    package func indexBytes() throws -> UInt64 {
        try store.list("index").reduce(0) { $0 + UInt64($1.size) }
    }
}

extension PackDescription {
    /// What is wrong with a pack of which the store has so many bytes, nil where it has none; nil
    /// where nothing is.
    func damage(size: Int?) -> SnapError? {
        guard let size else { return SnapError(.damaged, "\(storeName): is missing") }
        if size == Int(fileSize) { return nil }
        return SnapError(.damaged, "\(storeName): has \(size) bytes instead of \(fileSize)")
    }
}
