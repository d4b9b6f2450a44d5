// SPDX-License-Identifier: MIT

/// A queue between two threads that holds at most so many elements, and so much cost: the producer
/// waits for room, the consumer for elements. Thread-safe.
package final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private let countMax: Int
    private let costMax: Int
    private var elements: [(element: Element, cost: Int)?] = []
    private var head = 0
    private var cost = 0
    private var closed = false

    package init(countMax: Int, costMax: Int = .max) {
        self.countMax = countMax
        self.costMax = costMax
    }

    /// Appends an element, after waiting for room; an element of any cost fits an empty queue.
    /// False when the queue is closed: nobody takes it any more.
    package func append(_ element: Element, cost added: Int = 0) -> Bool {
        monitor.locked {
            while !closed, elements.count > head,
                elements.count - head >= countMax || cost > costMax - added
            { monitor.wait() }
            if closed { return false }
            elements.append((element, added))
            cost += added
            if elements.count - head == 1 { monitor.wakeAll() }
            return true
        }
    }

    /// The oldest element, after waiting for one; nil once the queue is closed.
    package func next() -> Element? {
        monitor.locked {
            while !closed && head == elements.count { monitor.wait() }
            guard !closed else { return nil }
            let first = elements[head]!
            elements[head] = nil
            head += 1
            cost -= first.cost
            if head >= 256 && head * 2 >= elements.count {
                elements.removeFirst(head)
                head = 0
            }
            // Not for each: a producer that waits is woken when there is room for several.
            if (elements.count - head) * 2 <= countMax { monitor.wakeAll() }
            return first.element
        }
    }

    /// Drops what is in the queue and ends both sides.
    package func close() {
        monitor.locked {
            closed = true
            elements = []
            head = 0
            monitor.wakeAll()
        }
    }
}
