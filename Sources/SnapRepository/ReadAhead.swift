// SPDX-License-Identifier: MIT
//
// Decoding ahead of readers. Backups write in tree order, so whoever reads a file, or one file of a
// directory after the other, goes through the records of a pack in order: when a record is used for
// the first time and its predecessor was used before, the next ones are decoded in the background.

import Glibc
import SnapBase
import SnapFormat

/// Thread-safe.
final class ReadAhead: Sendable {
    /// Records decoded ahead of a reader: some 3 MiB of a large file.
    private static let depth = 3
    private static let inFlightMax = 6

    /// nil where the system has no room for it: only speed is lost.
    private let pool: WorkerPool?
    /// Records that come next to some reader.
    private let expected = LRUCache<ObjectReader.RecordKey, Bool>(costMax: 1024)
    private let inFlight = Counter()

    private final class Counter: @unchecked Sendable {
        // Sendable: `value` is used inside monitor.locked.
        private let monitor = Monitor()
        private var value = 0
        /// Whether one more may start; then it counts.
        func start(max: Int) -> Bool {
            monitor.locked {
                if value >= max { return false }
                value += 1
                return true
            }
        }
        func end() { monitor.locked { value -= 1 } }
    }

    init(threads: Int) { pool = try? WorkerPool(threads: threads, name: "decode") }

    deinit { pool?.close() }

    /// A record is used for the first time since it was decoded.
    func firstUse(of place: RecordPlace, in pack: PackReference, reader: ObjectReader) {
        guard let pool else { return }
        let name = pack.description.name
        let isSequential =
            expected.value(ObjectReader.RecordKey(pack: name, offset: place.offset)) != nil
        // What cannot be decoded ahead fails when it is read, with somebody to tell.
        guard let following = try? reader.pack(pack).records(after: place, count: Self.depth),
            let next = following.first
        else { return }
        expected.insert(
            ObjectReader.RecordKey(pack: name, offset: next.offset), true, cost: 1)
        guard isSequential else { return }
        for place in following {
            let location = ObjectLocation(pack: pack, record: place, offset: 0, length: 0)
            if reader.isCached(location) { continue }
            guard inFlight.start(max: Self.inFlightMax) else { return }
            pool.submit { [inFlight, weak reader] in
                defer { inFlight.end() }
                _ = try? reader?.decoded(location)
            }
        }
    }
}
