// SPDX-License-Identifier: MIT

/// The place of an entry in the order of use. Not generic, so that the code that keeps the order
/// never asks the runtime for types, which was half of the cost of a hit.
@usableFromInline struct Link {
    @usableFromInline var cost: Int
    @usableFromInline var previous: Int
    @usableFromInline var next: Int

    @usableFromInline init(cost: Int) {
        self.cost = cost
        previous = -1
        next = -1
    }
}

/// The content of a cache and the order of its use. A struct, so that an operation on it is one
/// access to the cache's memory for the runtime to check.
@usableFromInline
struct LRUState<Key: Hashable, Value> {
    @usableFromInline let costMax: Int
    @usableFromInline var cost = 0
    @usableFromInline var places: [Key: Int] = [:]
    @usableFromInline var keys: [Key?] = []
    @usableFromInline var values: [Value?] = []
    @usableFromInline var links: [Link] = []
    @usableFromInline var newest = -1
    @usableFromInline var oldest = -1
    @usableFromInline var free: [Int] = []
    @usableFromInline var loading: Set<Key> = []

    init(costMax: Int) { self.costMax = costMax }

    @inlinable
    mutating func touch(_ key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        if place != newest {
            unlink(place)
            link(place)
        }
        return values[place]
    }

    @inlinable
    mutating func store(_ key: Key, _ value: Value, _ added: Int) {
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
    @inlinable
    mutating func grow() -> Int {
        keys.append(nil)
        values.append(nil)
        links.append(Link(cost: 0))
        return links.count - 1
    }

    @inlinable
    mutating func drop(_ place: Int) {
        unlink(place)
        places[keys[place]!] = nil  // what is linked has a key
        keys[place] = nil
        values[place] = nil
        free.append(place)
        cost -= links[place].cost
    }

    @inlinable
    mutating func unlink(_ place: Int) {
        let (previous, next) = (links[place].previous, links[place].next)
        if previous >= 0 { links[previous].next = next } else { newest = next }
        if next >= 0 { links[next].previous = previous } else { oldest = previous }
    }

    @inlinable
    mutating func link(_ place: Int) {
        links[place].previous = -1
        links[place].next = newest
        if newest >= 0 { links[newest].previous = place } else { oldest = place }
        newest = place
    }
}

/// A cache bounded by cost; drops what was used longest ago. `value(_:cost:make:)` makes a missing
/// value once however many threads ask for it at the same time. Thread-safe.
///
/// Inlinable, so that the modules which use it have it compiled for their types: a lookup in the
/// index asks three times, and a generic answer spends most of its time in the runtime.
@usableFromInline
package final class LRUCache<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
    // Sendable: `state` is used inside monitor.locked.
    @usableFromInline let monitor = Monitor()
    @usableFromInline var state: LRUState<Key, Value>

    package init(costMax: Int) { state = LRUState(costMax: costMax) }

    /// The value of a key, and makes it the newest.
    @inlinable
    package func value(_ key: Key) -> Value? { monitor.locked { state.touch(key) } }

    @inlinable
    package func insert(_ key: Key, _ value: Value, cost: Int) {
        monitor.locked { state.store(key, value, cost) }
    }

    /// The value of a key, made by `make` outside the lock if it is absent; other threads that want
    /// the same key wait for it. A failure is not kept: each waiter tries for itself.
    @inlinable
    package func value(
        _ key: Key, cost: (Value) -> Int, make: () throws -> Value
    ) throws -> Value {
        let found: Value? = monitor.locked {
            while true {
                if let value = state.touch(key) { return value }
                if !state.loading.contains(key) { break }
                monitor.wait()
            }
            state.loading.insert(key)
            return nil
        }
        if let found { return found }
        do {
            let value = try make()
            monitor.locked {
                state.loading.remove(key)
                state.store(key, value, cost(value))
                monitor.wakeAll()
            }
            return value
        } catch {
            monitor.locked {
                state.loading.remove(key)
                monitor.wakeAll()
            }
            throw error
        }
    }

    /// Whether the key is there or being made.
    @inlinable
    package func isPresent(_ key: Key) -> Bool {
        monitor.locked { state.places[key] != nil || state.loading.contains(key) }
    }
}
