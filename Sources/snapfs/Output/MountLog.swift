// SPDX-License-Identifier: MIT
//
// What a mount has to say while it runs: on standard error, or, in the background, to syslog(3).
// Its readers may ask for the same damaged file a thousand times a second, so not all is said.

import Glibc
import SnapBase
import Synchronization

final class MountLog: Sendable {
    private let output: Output
    private let state = Mutex(State())

    /// LOG_DAEMON, which the overlay hides.
    private static let facility: Int32 = 3 << 3

    private struct State {
        var limit = MessageLimit()
        var usesSystemLog = false
    }

    init(_ output: Output) { self.output = output }

    /// From here on, on any thread, messages go to the system's log.
    func useSystemLog() {
        // openlog keeps the pointer: to a literal, which has a terminator and stays.
        let name: StaticString = "snapfs"
        let start = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        openlog(start, LOG_PID, Self.facility)
        state.withLock { $0.usesSystemLog = true }
    }

    func say(_ message: String) {
        let (messages, usesSystemLog) = state.withLock {
            ($0.limit.admitted(message, at: MonotonicClock.now), $0.usesSystemLog)
        }
        for message in messages {
            if usesSystemLog {
                Self.tellSystem("mount: \(message)")
            } else {
                output.warning(Text("mount: \(message)"))
            }
        }
    }

    private static func tellSystem(_ message: String) {
        Text.escaped(message.utf8).withCString { text in
            withVaList([text]) { vsyslog(Self.facility | LOG_ERR, "%s", $0) }
        }
    }
}

/// Lets through each message once a minute, and so many in all; says how many it left out.
struct MessageLimit {
    static let countMax = 20
    private static let seconds = 60.0

    private var start = -Double.infinity
    private var seen: Set<String> = []
    private var leftOut = 0

    /// What is to be said now that a message came; `now` is a monotonic time in seconds.
    mutating func admitted(_ message: String, at now: Double) -> [String] {
        var out: [String] = []
        if now - start >= Self.seconds {
            if leftOut > 0 { out.append("\(leftOut) more messages were left out") }
            (start, seen, leftOut) = (now, [], 0)
        }
        if seen.contains(message) { return out }
        guard seen.count < Self.countMax else {
            leftOut += 1
            return out
        }
        seen.insert(message)
        return out + [message]
    }
}
