// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapTestSupport
import Synchronization
import Testing

/// Long enough for another thread to do what it should not.
func linger() { usleep(30_000) }

/// Waits until a condition holds, for at most ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2000 {
        if condition() { return true }
        usleep(5000)
    }
    return condition()
}

@Suite struct ThreadTests {
    @Test func oneThreadAtATimeIsInAMonitor() throws {
        final class Counter: @unchecked Sendable { var value = 0 }
        let monitor = Monitor()
        let counter = Counter()
        let threads = try (0..<4).map { _ in
            try Thread("counter") { for _ in 0..<5000 { monitor.locked { counter.value += 1 } } }
        }
        threads.forEach { $0.join() }
        #expect(counter.value == 20_000)
    }

    @Test func waitEndsWhenItsTimeIsOver() {
        let monitor = Monitor()
        monitor.locked { #expect(!monitor.wait(seconds: 0.01)) }
    }

    @Test func waiterIsWoken() throws {
        let monitor = Monitor()
        let ready = Atomic<Bool>(false)
        let thread = try Thread("waker") {
            linger()
            monitor.locked {
                ready.store(true, ordering: .relaxed)
                monitor.wakeAll()
            }
        }
        monitor.locked { while !ready.load(ordering: .relaxed) { monitor.wait() } }
        thread.join()
    }

    @Test func resultsComeInTheOrderOfSubmission() throws {
        let pool = try WorkerPool(threads: 3)
        defer { pool.close() }
        let work = OrderedWork<Int>(pool: pool, limit: 16)
        let producer = try Thread("producer") {
            var random = SeededRandom(seed: 1)
            for number in 0..<500 {
                let delay = UInt32.random(in: 0..<300, using: &random)
                try? work.submit {
                    usleep(delay)
                    return number
                }
            }
            work.finish()
        }
        var results: [Int] = []
        while let result = try work.next() { results.append(result) }
        producer.join()
        #expect(results == Array(0..<500))
        #expect(try work.next() == nil)
    }

    @Test func consumerIsCalledWhileItWaits() throws {
        let pool = try WorkerPool(threads: 1)
        defer { pool.close() }
        let work = OrderedWork<Int>(pool: pool, limit: 2)
        let ticks = Atomic<Int>(0)
        try work.submit {
            #expect(eventually { ticks.load(ordering: .relaxed) >= 3 })
            return 7
        }
        let result = try work.next(every: 0.01) { ticks.add(1, ordering: .relaxed) }
        #expect(result == 7)
        try work.submit { 8 }
        #expect(throws: SnapError.self) {
            // The first wait is enough: nothing comes.
            _ = try work.next()
            _ = try work.next(every: 0.01) { throw SnapError(.io, "no longer") }
        }
    }

    @Test func submittingWaitsWhileTheLimitIsInFlight() throws {
        let pool = try WorkerPool(threads: 2)
        defer { pool.close() }
        let work = OrderedWork<Int>(pool: pool, limit: 3)
        let submitted = Atomic<Int>(0)
        let producer = try Thread("producer") {
            for number in 0..<10 {
                try? work.submit { number }
                submitted.add(1, ordering: .relaxed)
            }
            work.finish()
        }
        for consumed in 0..<7 {
            #expect(eventually { submitted.load(ordering: .relaxed) == consumed + 3 })
            if consumed == 0 { linger() }
            #expect(submitted.load(ordering: .relaxed) == consumed + 3)
            #expect(try work.next() == consumed)
        }
        while try work.next() != nil {}
        producer.join()
    }

    @Test func failedJobThrowsInItsPlace() throws {
        let pool = try WorkerPool(threads: 2)
        defer { pool.close() }
        let work = OrderedWork<Int>(pool: pool, limit: 8)
        try work.submit { 0 }
        try work.submit { throw SnapError(.noSpace, "full") }
        try work.submit { 2 }
        work.finish()
        #expect(try work.next() == 0)
        let error = #expect(throws: SnapError.self) { try work.next() }
        #expect(error?.kind == .noSpace)
        #expect(try work.next() == 2)
        #expect(try work.next() == nil)
    }

    @Test func failureOfTheStageWakesBothSides() throws {
        let pool = try WorkerPool(threads: 1)
        defer { pool.close() }
        let work = OrderedWork<Int>(pool: pool, limit: 1)
        let idle = OrderedWork<Int>(pool: pool, limit: 1)
        let kinds = Mutex<[SnapError.Kind]>([])
        @Sendable func noting(_ body: () throws -> Void) {
            do { try body() } catch { kinds.withLock { $0.append(SnapError.wrap(error).kind) } }
        }
        try? work.submit { 1 }
        let producer = try Thread("producer") { noting { try work.submit { 2 } } }
        let consumer = try Thread("consumer") { noting { _ = try idle.next() } }
        linger()
        work.fail(SnapError(.interrupted, "stop"))
        work.fail(SnapError(.io, "the first failure stays"))
        idle.fail(SnapError(.interrupted, "stop"))
        producer.join()
        consumer.join()
        noting { _ = try work.next() }
        #expect(kinds.withLock { $0 } == [.interrupted, .interrupted, .interrupted])
    }

    @Test func closingAPoolRunsWhatIsQueued() throws {
        let done = Atomic<Int>(0)
        let pool = try WorkerPool(threads: 2)
        for _ in 0..<1000 { pool.submit { done.add(1, ordering: .relaxed) } }
        pool.close()
        #expect(done.load(ordering: .relaxed) == 1000)
    }

    @Test func queueKeepsOrderCountAndCost() throws {
        let queue = BoundedQueue<Int>(countMax: 4, costMax: 100)
        let appended = Atomic<Int>(0)
        let producer = try Thread("producer") {
            for number in 0..<200 where queue.append(number, cost: number % 60) {
                appended.add(1, ordering: .relaxed)
            }
        }
        #expect(eventually { appended.load(ordering: .relaxed) == 4 })
        linger()
        #expect(appended.load(ordering: .relaxed) == 4)
        for number in 0..<200 { #expect(queue.next() == number) }
        producer.join()
        #expect(queue.append(1, cost: 1000))
        queue.close()
        #expect(queue.next() == nil)
        #expect(!queue.append(2))
    }

    @Test func threadsTakeNoSignals() throws {
        let blocked = Atomic<Int32>(0)
        try Thread("signals") {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            blocked.store(
                sigismember(&mask, SIGINT) + sigismember(&mask, SIGTERM), ordering: .relaxed)
        }.join()
        #expect(blocked.load(ordering: .relaxed) == 2)
    }
}
