// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport

/// A segment of invented entries: the same ones for the same seed, uniform in their ids, each in
/// any of the packs, and made as they are asked for, so that what is measured is not this.
struct SyntheticIndex {
    var entries: Int
    var packs: Int
    var seed: UInt64

    /// Ids are drawn and sorted so many at a time.
    private static let stretch = 4096
    private static let packSize: UInt32 = 32 << 20

    /// Calls body with every entry in ascending order.
    func forEachEntry(_ body: (IndexEntry) throws -> Void) throws {
        var random = SeededRandom(seed: seed)
        let stretches = (entries + Self.stretch - 1) / Self.stretch
        let width = UInt64.max / UInt64(max(stretches, 1))
        for number in 0..<stretches {
            let count = min(Self.stretch, entries - number * Self.stretch)
            let base = UInt64(number) * width
            let words = (0..<count).map { _ in base + random.next() % width }.sorted()
            for word in words { try body(entry(word, &random)) }
        }
    }

    private func entry(_ word: UInt64, _ random: inout SeededRandom) -> IndexEntry {
        let (a, b) = (random.next(), random.next())
        let size = 4096 + UInt32(truncatingIfNeeded: b >> 48)
        return IndexEntry(
            id: ObjectID(words: (word, a, b, a ^ b)), pack: UInt32(a % UInt64(packs)),
            record: RecordPlace(
                offset: 80 + UInt32(truncatingIfNeeded: b) % (Self.packSize - (1 << 20)),
                size: size),
            offset: 0, length: size * 2)
    }

    func pack(_ number: Int) -> PackDescription {
        var random = SeededRandom(seed: seed ^ UInt64(number + 1) << 32)
        return PackDescription(
            name: ObjectID(random.bytes(32)), salt: random.bytes(32), fileSize: Self.packSize,
            generation: 0, kind: .dataPack)
    }

    /// Adds the segment to a repository.
    func write(to repository: Repository) throws {
        let session = try Random.bytes(16)
        _ = try IndexWriter.write(
            store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1),
            header: IndexHeader(
                entryCount: entries, packCount: packs, supersededCount: 0, session: session),
            packs: { body in for number in 0..<packs { try body(pack(number)) } },
            superseded: [], entries: forEachEntry)
        try repository.store.synchronize()
    }
}
