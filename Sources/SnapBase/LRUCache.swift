// SPDX-License-Identifier: MIT

/// The place of an entry in the order of use. Not generic, so that the code that keeps the order
/// never asks the runtime for types, which was half of the cost of a hit.
private struct Link {
    var cost: Int
    var previous: Int
    var next: Int
}

/// A cache bounded by cost; drops what was used longest ago. With `load` it makes a missing value
/// once however many threads ask for it at the same time. Thread-safe.
package final class LRUCache<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private let costMax: Int
    private var cost = 0
    private var places: [Key: Int] = [:]
    private var keys: [Key?] = []
    private var values: [Value?] = []
    private var links: [Link] = []
    private var newest = -1
    private var oldest = -1
    private var free: [Int] = []
    private var loading: Set<Key> = []

    package init(costMax: Int) { self.costMax = costMax }

    /// The value of a key, and makes it the newest.
    package func value(_ key: Key) -> Value? { monitor.locked { touch(key) } }

    package func insert(_ key: Key, _ value: Value, cost: Int) {
        monitor.locked { store(key, value, cost) }
    }

    /// The value of a key, made by `make` outside the lock if it is absent; other threads that want
    /// the same key wait for it. A failure is not kept: each waiter tries for itself.
    package func value(
        _ key: Key, cost: (Value) -> Int, make: () throws -> Value
    ) throws -> Value {
        let found: Value? = monitor.locked {
            while true {
                if let value = touch(key) { return value }
                if !loading.contains(key) { break }
                monitor.wait()
            }
            loading.insert(key)
            return nil
        }
        if let found { return found }
        do {
            let value = try make()
            monitor.locked {
                loading.remove(key)
                store(key, value, cost(value))
                monitor.wakeAll()
            }
            return value
        } catch {
            monitor.locked {
                loading.remove(key)
                monitor.wakeAll()
            }
            throw error
        }
    }

    /// Whether the key is there or being made.
    package func isPresent(_ key: Key) -> Bool {
        monitor.locked { places[key] != nil || loading.contains(key) }
    }

    private func touch(_ key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        if place != newest {
            unlink(place)
            link(place)
        }
        return values[place]
    }

    private func store(_ key: Key, _ value: Value, _ added: Int) {
        if let place = places[key] {
            cost += added - links[place].cost
            values[place] = value
            links[place].cost = added
            unlink(place)
            link(place)
        } else {
            let place = free.popLast() ?? grow()
            keys[place] = key
            values[place] = value
            links[place].cost = added
            places[key] = place
            link(place)
            cost += added
        }
        while cost > costMax && oldest != newest { drop(oldest) }
    }

    /// A place that is free.
    private func grow() -> Int {
        keys.append(nil)
        values.append(nil)
        links.append(Link(cost: 0, previous: -1, next: -1))
        return links.count - 1
    }

    private func drop(_ place: Int) {
        unlink(place)
        places[keys[place]!] = nil  // what is linked has a key
        keys[place] = nil
        values[place] = nil
        free.append(place)
        cost -= links[place].cost
    }

    private func unlink(_ place: Int) {
        let (previous, next) = (links[place].previous, links[place].next)
        if previous >= 0 { links[previous].next = next } else { newest = next }
        if next >= 0 { links[next].previous = previous } else { oldest = previous }
    }

    private func link(_ place: Int) {
        links[place].previous = -1
        links[place].next = newest
        if newest >= 0 { links[newest].previous = place } else { oldest = place }
        newest = place
    }
}
