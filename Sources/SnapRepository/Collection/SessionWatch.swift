// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapStore

/// Knows that a session is over: its process has ended on this machine, or it gave no sign of life
/// while this machine watched for long enough. What was seen when is kept in the client's cache, in
/// the names of empty files, so that runs of a few seconds add up. The clock is the monotonic one
/// of this boot; without a cache nobody is ever given up for silence. Used by one thread.
package final class SessionWatch: Liveness {
    private let cache: (any Store)?
    private let boot: String
    /// Seconds of the monotonic clock.
    private let now: UInt64
    /// Sessions as an earlier run saw them: when first with that heartbeat.
    private var seen: [String: UInt64] = [:]

    /// Seconds without a sign of life: heartbeats come at least hourly.
    static let patience: UInt64 = 2 * 3600

    private static let directory = "watch"

    package convenience init(cache: (any Store)?) {
        self.init(
            cache: cache, boot: Hex.encode(ProcessPlace.current?.boot ?? []),
            now: UInt64(MonotonicClock.now))
    }

    init(cache: (any Store)?, boot: String, now: UInt64) {
        self.cache = cache
        self.boot = boot
        self.now = now
        for entry in (try? cache?.list(Self.directory)) ?? [] {
            let parts = entry.name.split(separator: ".")
            guard parts.count == 4, parts[2] == boot, let time = UInt64(parts[3]), time <= now
            else {
                // Of another boot: its seconds say nothing now.
                try? cache?.delete("\(Self.directory)/\(entry.name)")
                continue
            }
            let key = "\(parts[0]).\(parts[1])"
            seen[key] = min(seen[key] ?? time, time)
        }
    }

    package func isDead(_ session: SessionRecord, heartbeat: UInt32) throws -> Bool {
        ProcessPlace.hasEnded(session) || isStale(session.id, heartbeat)
    }

    package func isDead(unreadable session: [UInt8], heartbeat: UInt32) throws -> Bool {
        isStale(session, heartbeat)
    }

    private func isStale(_ session: [UInt8], _ heartbeat: UInt32) -> Bool {
        isStale(Hex.encode(session), "\(heartbeat)")
    }

    /// Whether something of this name has been in this state for as long as a session may be
    /// silent; neither has a dot or a slash.
    func isStale(_ name: String, _ state: String) -> Bool {
        let key = "\(name).\(state)"
        if let first = seen[key] { return now - first >= Self.patience }
        seen[key] = now
        // Without a cache nothing is remembered, and the session is waited for.
        try? cache?.create("\(Self.directory)/\(key).\(boot).\(now)", [])
        return false
    }
}
