// SPDX-License-Identifier: MIT

import SnapBase
import SnapStore
import Synchronization

/// Counts what is read from another store. Thread-safe.
final class CountingStore: Store {
    private let store: any Store
    private let counts = Counts()

    final class Counts: Sendable {
        let reads = Atomic<Int>(0)
        let bytes = Atomic<Int>(0)
    }

    init(_ store: any Store) { self.store = store }

    /// Reads and their bytes since the last call.
    func take() -> (reads: Int, bytes: Int) {
        (counts.reads.exchange(0, ordering: .relaxed), counts.bytes.exchange(0, ordering: .relaxed))
    }

    var location: String { store.location }
    func open(_ name: String) throws -> any StoreFile {
        CountingFile(try store.open(name), counts)
    }
    func stage() throws -> any StagedFile { try store.stage() }
    func list(_ directory: String) throws -> [StoreEntry] { try store.list(directory) }
    func listDirectories(_ directory: String) throws -> [String] {
        try store.listDirectories(directory)
    }
    func delete(_ name: String) throws { try store.delete(name) }
    func synchronize() throws { try store.synchronize() }
}

private final class CountingFile: StoreFile {
    private let file: any StoreFile
    private let counts: CountingStore.Counts

    init(_ file: any StoreFile, _ counts: CountingStore.Counts) {
        self.file = file
        self.counts = counts
    }

    var size: Int { file.size }
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        counts.reads.add(1, ordering: .relaxed)
        counts.bytes.add(buffer.count, ordering: .relaxed)
        try file.read(at: offset, into: buffer)
    }
}
