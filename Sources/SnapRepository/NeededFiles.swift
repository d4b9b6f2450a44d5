// SPDX-License-Identifier: MIT
//
// The small files without which nothing of a repository opens: the marker, the configuration, the
// keyrings and a key slot. Each is written once and never changes, and nothing else can replace it.

import SnapBase
import SnapFormat
import SnapStore

enum NeededFiles {
    /// Adds to damage that `body` meets in one of them what helps against it.
    static func reading<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as SnapError
            where error.kind == .damaged || error.kind == .notFound
        {
            throw SnapError(
                .damaged,
                error.message + "; what opens a repository never changes: put the file back "
                    + "from any copy of the repository's files, or go on with a second one that "
                    + "'snapfs copy' has made",
                code: error.code)
        }
    }

    /// Those that are not among the files of a repository, as far as names tell.
    static func missing(
        top: [StoreEntry], slots: [StoreEntry], keyrings: [StoreEntry]
    ) -> [(path: String, error: SnapError)] {
        var missing: [(path: String, error: SnapError)] = []
        if !top.contains(where: { $0.name == Configuration.storeName }) {
            let path = Configuration.storeName
            missing.append((path, SnapError(.damaged, "\(path): is missing")))
        }
        if !slots.contains(where: { Slot.isName($0.name) }) {
            missing.append(("slots", SnapError(.damaged, "slots: holds no key slot")))
        }
        if let path = firstGap(keyrings) {
            missing.append((path, SnapError(.damaged, "\(path): is missing")))
        }
        return missing
    }

    /// The first keyring that is missing; they are numbered from 1 on.
    static func firstGap(_ keyrings: [StoreEntry]) -> String? {
        let numbers = keyrings.compactMap { Keyring.number(ofName: $0.name) }.sorted()
        let count = numbers.enumerated().prefix { $0 + 1 == $1 }.count
        if count == numbers.count && count > 0 { return nil }
        return Keyring.storeName(UInt32(count + 1))
    }
}
