// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport

/// Opens a repository and looks up ids that are there and ids that are not.
struct LookupBench {
    private let place: Place
    private let lookups: Int
    private let present: [ObjectID]
    private let absent: [ObjectID]
    /// Ids few enough for the cache to have them all.
    private static let few = 500

    /// Draws the ids: as many present ones as `lookups`, evenly from all segments.
    init(_ place: Place, lookups: Int) throws {
        self.place = place
        self.lookups = lookups
        var random = SeededRandom(seed: 1)
        let repository = try place.open(place.store())
        try repository.refresh(usingCopy: false)
        let segments = repository.objects.segments
        let total = segments.reduce(0) { $0 + $1.header.entryCount }
        let step = max(1, total / lookups)
        var found: [ObjectID] = []
        var count = 0
        for segment in segments {
            try segment.forEachEntry {
                if count % step == 0, found.count < lookups { found.append($0.id) }
                count += 1
            }
        }
        present = found.shuffled(using: &random)
        absent = (0..<lookups).map { _ in ObjectID(random.bytes(32)) }
    }

    func run() throws {
        // Nothing stays but the page that was used last.
        try measure("no cache", pages: 0, present, absent)
        try measure("16 MiB cache", pages: ObjectReader.Limits().indexPages, present, absent)
        try measure(
            "\(Self.few) ids again and again", pages: ObjectReader.Limits().indexPages,
            repeated(present), repeated(absent))
    }

    private func repeated(_ ids: [ObjectID]) -> [ObjectID] {
        (0..<lookups).map { ids[$0 % min(Self.few, ids.count)] }
    }

    private func measure(
        _ title: String, pages: Int, _ hits: [ObjectID], _ misses: [ObjectID]
    ) throws {
        let store = try place.store()
        var limits = ObjectReader.Limits()
        limits.indexPages = pages
        let before = Usage.processor
        let repository = try place.open(store, limits: limits)
        _ = store.take()
        try repository.refresh(usingCopy: false)
        let (reads, bytes) = store.take()
        let milliseconds = BenchIndex.hundredths((Usage.processor - before) * 1000)
        print("\(title): open \(milliseconds) ms, index \(reads) reads, \(bytes) bytes")
        try ask(repository, store, "hits", hits, areThere: true)
        try ask(repository, store, "misses", misses, areThere: false)
    }

    private func ask(
        _ repository: Repository, _ store: CountingStore, _ title: String, _ ids: [ObjectID],
        areThere: Bool
    ) throws {
        let before = Usage.processor
        for id in ids {
            guard try (repository.objects.find(id) != nil) == areThere else {
                throw SnapError(.damaged, "\(id.hex): the index is wrong")
            }
        }
        let micros = (Usage.processor - before) * 1e6
        let (reads, bytes) = store.take()
        func each(_ value: Double) -> Double { BenchIndex.hundredths(value / Double(ids.count)) }
        print(
            "  \(title): \(each(micros)) us, \(each(Double(reads))) reads, "
                + "\(each(Double(bytes))) bytes each")
    }
}
