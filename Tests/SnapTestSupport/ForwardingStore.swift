// SPDX-License-Identifier: MIT

import SnapBase
import SnapStore

/// A store that hands every call on to another one, but for those that it implements itself.
package protocol ForwardingStore: Store {
    var base: any Store { get }
}

extension ForwardingStore {
    package var location: String { base.location }
    package func open(_ name: String) throws -> any StoreFile { try base.open(name) }
    package func stage() throws -> any StagedFile { try base.stage() }
    package func list(_ directory: String) throws -> [StoreEntry] { try base.list(directory) }
    package func listDirectories(_ directory: String) throws -> [String] {
        try base.listDirectories(directory)
    }
    package func delete(_ name: String) throws { try base.delete(name) }
    package func synchronize() throws { try base.synchronize() }
}
