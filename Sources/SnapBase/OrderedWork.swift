// SPDX-License-Identifier: MIT
//
// An ordered parallel stage: a producer submits pure jobs, the workers of a shared pool run them in
// any order, one consumer takes the results in the order of submission. At most `limit` jobs are
// between submission and consumption, which is the back-pressure and the memory bound of a stage.

/// Threads that run jobs of several stages; a job never blocks on another job.
package final class WorkerPool: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private var jobs: [(@Sendable () -> Void)?] = []
    private var head = 0
    private var closed = false
    private var threads: [Thread] = []

    package init(threads count: Int, name: String = "worker") throws {
        do {
            for _ in 0..<count { threads.append(try Thread(name) { [self] in run() }) }
        } catch {
            close()
            throw error
        }
    }

    package func submit(_ job: @escaping @Sendable () -> Void) {
        monitor.locked {
            precondition(!closed)
            jobs.append(job)
            monitor.wakeAll()
        }
    }

    /// Lets the queued jobs finish, then ends the threads. Call once.
    package func close() {
        monitor.locked {
            closed = true
            monitor.wakeAll()
        }
        threads.forEach { $0.join() }
    }

    private func run() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        monitor.locked {
            while head == jobs.count && !closed { monitor.wait() }
            guard head < jobs.count else { return nil }
            defer {
                jobs[head] = nil
                head += 1
                if head > 64 && head * 2 > jobs.count {
                    jobs.removeFirst(head)
                    head = 0
                }
            }
            return jobs[head]
        }
    }
}

/// One ordered stage on a pool. `submit` blocks while `limit` jobs are in flight.
package final class OrderedWork<Output: Sendable>: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private let pool: WorkerPool
    private let limit: Int
    private var results: [Int: Result<Output, SnapError>] = [:]
    private var submitted = 0
    private var consumed = 0
    private var finished = false
    private var failure: SnapError?

    package init(pool: WorkerPool, limit: Int) {
        self.pool = pool
        self.limit = limit
    }

    /// Queues a job. Throws the failure of the stage if it was failed meanwhile.
    package func submit(_ job: @escaping @Sendable () throws -> Output) throws {
        let number = try monitor.locked {
            while submitted - consumed >= limit && failure == nil { monitor.wait() }
            if let failure { throw failure }
            precondition(!finished)
            defer { submitted += 1 }
            return submitted
        }
        pool.submit { [self] in
            let result: Result<Output, SnapError>
            do { result = .success(try job()) } catch { result = .failure(SnapError.wrap(error)) }
            monitor.locked {
                results[number] = result
                monitor.wakeAll()
            }
        }
    }

    /// No more jobs come: the consumer gets nil after the last result.
    package func finish() {
        monitor.locked {
            finished = true
            monitor.wakeAll()
        }
    }

    /// Makes every later submit and next throw; what is in flight is dropped.
    package func fail(_ error: SnapError) {
        monitor.locked {
            if failure == nil { failure = error }
            monitor.wakeAll()
        }
    }

    /// The oldest result, in order; nil after the last one.
    package func next() throws -> Output? {
        try next(every: 86_400) {}
    }

    /// Like next, and calls `tick` whenever it has waited so many seconds for it.
    package func next(every seconds: Double, tick: () throws -> Void) throws -> Output? {
        while !isReady(within: seconds) { try tick() }
        return try monitor.locked {
            if let failure { throw failure }
            guard let result = results.removeValue(forKey: consumed) else { return nil }
            consumed += 1
            monitor.wakeAll()
            return try result.get()
        }
    }

    /// Waits for the next result, the end or a failure; false when none came in time.
    private func isReady(within seconds: Double) -> Bool {
        monitor.locked {
            while failure == nil, results[consumed] == nil, !(finished && consumed == submitted) {
                if !monitor.wait(seconds: seconds) { return false }
            }
            return true
        }
    }
}
