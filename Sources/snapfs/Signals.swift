// SPDX-License-Identifier: MIT
//
// Signals end a command in order: the first SIGINT, SIGTERM or SIGHUP sets a flag that the engine
// polls, a second one ends the process at once. Engine threads have all signals blocked, so a
// handler runs on the main thread only.

import Glibc
import SnapBase
import Synchronization

/// Whether the user or the system asked to stop. Safe from any thread.
enum Interruption {
    private static let number = Atomic<Int32>(0)

    static var requested: Bool { signal != 0 }

    /// The first signal that arrived, 0 before.
    static var signal: Int32 { number.load(ordering: .relaxed) }

    /// Throws `.interrupted` once a signal has arrived.
    static func check() throws {
        if requested { throw SnapError(.interrupted, "interrupted") }
    }

    /// Notes a signal; false if there was one before. Async-signal-safe once `number` exists.
    fileprivate static func record(_ signal: Int32) -> Bool {
        number.compareExchange(expected: 0, desired: signal, ordering: .relaxed).exchanged
    }
}

enum Signals {
    /// Call once, before any thread starts.
    static func install() {
        _ = Interruption.requested  // the flag is created here, never inside a handler
        // A reader that goes away is an error of write(2), which the output reports or not.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var before = sigaction()
            sigaction(number, nil, &before)
            // nohup(1) asked for it.
            let ignored = 1  // SIG_IGN; functions cannot be compared
            let handler = withUnsafeBytes(of: before.__sigaction_handler) { $0.load(as: Int.self) }
            if number == SIGHUP && handler == ignored { continue }
            var action = sigaction()
            // No SA_RESTART: a password prompt must return from read(2).
            action.__sigaction_handler.sa_handler = { number in
                if !Interruption.record(number) { _exit(128 + number) }
            }
            sigaction(number, &action, nil)
        }
    }
}
