// SPDX-License-Identifier: MIT

import SnapBase
import SnapTestSupport
import Synchronization
import Testing

@Suite struct CacheTests {
    /// What the cache must do, in a few slow lines: newest first.
    private struct Model {
        let costMax: Int
        var items: [(key: Int, value: Int, cost: Int)] = []

        mutating func value(_ key: Int) -> Int? {
            guard let index = items.firstIndex(where: { $0.key == key }) else { return nil }
            let item = items.remove(at: index)
            items.insert(item, at: 0)
            return item.value
        }

        mutating func insert(_ key: Int, _ value: Int, _ cost: Int) {
            items.removeAll { $0.key == key }
            items.insert((key, value, cost), at: 0)
            while items.count > 1 && items.reduce(0, { $0 + $1.cost }) > costMax {
                items.removeLast()
            }
        }
    }

    @Test func cacheDoesWhatItsModelDoes() throws {
        var random = SeededRandom()
        for costMax in [1, 10, 100, 1000] {
            let cache = LRUCache<Int, Int>(costMax: costMax)
            var model = Model(costMax: costMax)
            for step in 0..<5000 {
                let key = Int.random(in: 0..<60, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    let cost = Int.random(in: 0..<30, using: &random)
                    cache.insert(key, step, cost: cost)
                    model.insert(key, step, cost)
                case 1:
                    let known = model.value(key)
                    let value = try cache.value(key, cost: { _ in 7 }, make: { step })
                    #expect(value == known ?? step)
                    if known == nil { model.insert(key, step, 7) }
                case 2: #expect(cache.isPresent(key) == model.items.contains { $0.key == key })
                default: #expect(cache.value(key) == model.value(key))
                }
            }
        }
    }

    @Test func valueIsMadeOnceForAllThreadsThatWant() throws {
        let cache = LRUCache<Int, Int>(costMax: 100)
        let made = Atomic<Int>(0)
        let right = Atomic<Int>(0)
        let threads = try (0..<8).map { _ in
            try Thread("asker") {
                let value = try? cache.value(1, cost: { _ in 1 }) {
                    made.add(1, ordering: .relaxed)
                    linger()
                    return 42
                }
                if value == 42 { right.add(1, ordering: .relaxed) }
            }
        }
        threads.forEach { $0.join() }
        #expect(made.load(ordering: .relaxed) == 1)
        #expect(right.load(ordering: .relaxed) == 8)
    }

    @Test func failureIsNotKept() throws {
        let cache = LRUCache<Int, Int>(costMax: 100)
        #expect(throws: SnapError.self) {
            try cache.value(1, cost: { _ in 1 }) { throw SnapError(.io, "once") }
        }
        #expect(!cache.isPresent(1))
        #expect(try cache.value(1, cost: { _ in 1 }) { 5 } == 5)
    }

    @Test func everyThreadTriesForItselfAfterAFailure() throws {
        let cache = LRUCache<Int, Int>(costMax: 100)
        let tries = Atomic<Int>(0)
        let threads = try (0..<6).map { _ in
            try Thread("asker") {
                _ = try? cache.value(1, cost: { _ in 1 }) { () throws -> Int in
                    tries.add(1, ordering: .relaxed)
                    throw SnapError(.io, "always")
                }
            }
        }
        threads.forEach { $0.join() }
        #expect(tries.load(ordering: .relaxed) == 6)
    }

    @Test func contextIsReusedAndNeverShared() throws {
        final class Context { var users = 0 }
        let made = Atomic<Int>(0)
        let pool = ContextPool<Context> {
            made.add(1, ordering: .relaxed)
            return Context()
        }
        let shared = Atomic<Int>(0)
        let threads = try (0..<4).map { _ in
            try Thread("user") {
                for _ in 0..<1000 {
                    try? pool.use { context in
                        context.users += 1
                        if context.users != 1 { shared.add(1, ordering: .relaxed) }
                        context.users -= 1
                    }
                }
            }
        }
        threads.forEach { $0.join() }
        #expect(shared.load(ordering: .relaxed) == 0)
        #expect((1...4).contains(made.load(ordering: .relaxed)))
    }
}
