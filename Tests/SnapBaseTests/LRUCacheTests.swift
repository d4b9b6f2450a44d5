// SPDX-License-Identifier: MIT

import SnapBase
import Testing

@Suite struct LRUCacheTests {
    /// The same in a list: oldest first.
    private struct Model {
        var entries: [(key: Int, value: Int, cost: Int)] = []
        let costMax: Int

        mutating func value(_ key: Int) -> Int? {
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.value
        }

        mutating func insert(_ key: Int, _ value: Int, cost: Int) {
            entries.removeAll { $0.key == key }
            entries.append((key, value, cost))
            while entries.count > 1, entries.reduce(0, { $0 + $1.cost }) > costMax {
                entries.removeFirst()
            }
        }
    }

    @Test func behavesLikeAListOfTheNewest() {
        for seed in UInt64(1)...20 {
            var state = seed
            func random(_ bound: Int) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % bound
            }
            let cache = LRUCache<Int, Int>(costMax: 30)
            var model = Model(costMax: 30)
            for step in 0..<2000 {
                let key = random(25)
                if random(2) == 0 {
                    #expect(cache.value(key) == model.value(key), "seed \(seed) step \(step)")
                } else {
                    // Now and then larger than the whole cache: it stays alone.
                    let cost = random(50) == 0 ? 100 : random(8)
                    cache.insert(key, step, cost: cost)
                    model.insert(key, step, cost: cost)
                }
                let other = random(25)
                #expect(cache.isPresent(other) == model.entries.contains { $0.key == other })
            }
        }
    }

    @Test func makesAValueOnceAndKeepsNoFailure() throws {
        let cache = LRUCache<Int, Int>(costMax: 10)
        #expect(throws: SnapError.self) {
            try cache.value(1, cost: { _ in 1 }, make: { throw SnapError(.io, "no") })
        }
        #expect(try cache.value(1, cost: { _ in 1 }, make: { 7 }) == 7)
        #expect(try cache.value(1, cost: { _ in 1 }, make: { 8 }) == 7)
    }
}
