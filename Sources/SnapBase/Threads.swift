// SPDX-License-Identifier: MIT
//
// The engine's threads: plain pthreads with a join, and a monitor (mutex and condition in one) for
// the bounded structures built on them. No async below the network edge.

import CLinux
import Glibc

/// A mutex with a condition. Every method of a class built on it runs its body inside `locked`.
@usableFromInline
package final class Monitor: @unchecked Sendable {
    // Sendable: both pointers are set once; the pthread calls on them are thread-safe.
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let condition: UnsafeMutablePointer<pthread_cond_t>

    @usableFromInline
    package init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        // Waiting must not depend on who sets the clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs body with the mutex held.
    @inlinable @inline(__always)
    package func locked<R>(_ body: () throws -> R) rethrows -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Releases the mutex, sleeps until woken, takes it again. Only inside `locked`.
    @usableFromInline
    package func wait() { pthread_cond_wait(condition, mutex) }

    /// Like wait, for at most `seconds`; false when the time ran out.
    package func wait(seconds: Double) -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        let nanoseconds = until.tv_nsec + Int(seconds * 1e9)
        until.tv_sec += nanoseconds / 1_000_000_000
        until.tv_nsec = nanoseconds % 1_000_000_000
        return pthread_cond_timedwait(condition, mutex, &until) == 0
    }

    /// Wakes every waiter. Only inside `locked`.
    @usableFromInline
    package func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A running thread; join it exactly once.
package struct Thread: Sendable {
    private let handle: pthread_t

    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts body on a new thread with all signals blocked: signals belong to the main thread.
    /// Throws `.io` where the system has no room for one more.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            let cause = SnapError(errno: status, "starting a thread")
            throw SnapError(.io, "\(cause.message); raise the limit of processes", code: status)
        }
        Self.name(thread, name)
        handle = thread
    }

    /// Names the calling thread, and with the main thread the process; at most 15 bytes of it.
    package static func nameCurrent(_ name: String) { Self.name(pthread_self(), name) }

    private static func name(_ thread: pthread_t, _ name: String) {
        snapfs_name_thread(thread, String(name.prefix(15)))
    }

    /// Waits until the thread has ended.
    package func join() { pthread_join(handle, nil) }
}
