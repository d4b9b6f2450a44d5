// SPDX-License-Identifier: MIT

import SnapBase

/// A queue from the walk to the workers, first in, first out; `push` blocks while it is full.
/// Nothing in it is ever dropped: a job holds a directory that waits for it.
final class JobQueue<Job: Sendable>: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private let limit: Int
    private var jobs: [Job] = []
    private var closed = false

    init(limit: Int) { self.limit = limit }

    func push(_ job: Job) {
        monitor.locked {
            while jobs.count >= limit { monitor.wait() }
            jobs.append(job)
            monitor.wakeAll()
        }
    }

    /// The oldest job; nil once the queue is closed and empty.
    func pop() -> Job? {
        monitor.locked {
            while jobs.isEmpty && !closed { monitor.wait() }
            guard !jobs.isEmpty else { return nil }
            defer { monitor.wakeAll() }
            return jobs.removeFirst()
        }
    }

    /// No more jobs come.
    func close() {
        monitor.locked {
            closed = true
            monitor.wakeAll()
        }
    }
}
