// SPDX-License-Identifier: MIT

import SnapBase
import SnapStore
import SnapTestSupport
import Synchronization

/// Counts what is read from another store. Thread-safe.
final class CountingStore: ForwardingStore {
    let base: any Store
    private let counts = Counts()

    final class Counts: Sendable {
        let reads = Atomic<Int>(0)
        let bytes = Atomic<Int>(0)
    }

    init(_ base: any Store) { self.base = base }

    /// Reads and their bytes since the last call.
    func take() -> (reads: Int, bytes: Int) {
        (counts.reads.exchange(0, ordering: .relaxed), counts.bytes.exchange(0, ordering: .relaxed))
    }

    func open(_ name: String) throws -> any StoreFile {
        CountingFile(try base.open(name), counts)
    }
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
