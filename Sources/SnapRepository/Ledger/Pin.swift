// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat

/// Keeps snapshots from being collected while they are read: a session that lives as long as this
/// object. Thread-safe. See snapfs-format(5), Readers.
package final class Pin: Sendable {
    private let monitor = Monitor()
    private let thread: Thread?
    private let ending: Ending

    /// Whether the session is to end.
    private final class Ending: @unchecked Sendable {
        // Sendable: `isDue` is used inside monitor.locked.
        let monitor: Monitor
        private var isDue = false

        init(_ monitor: Monitor) { self.monitor = monitor }

        func set() {
            monitor.locked {
                isDue = true
                monitor.wakeAll()
            }
        }

        /// Waits that long, or until it is due; whether it is.
        func wait(seconds: Double) -> Bool {
            monitor.locked {
                if !isDue { _ = monitor.wait(seconds: seconds) }
                return isDue
            }
        }
    }

    /// The session belongs to the thread from its start on.
    private struct Owned: @unchecked Sendable {
        // Sendable: handed over once, before the thread that uses it begins.
        let session: Session<SealedLedger>
    }

    private static let pause: Double = 60

    /// Announces that these snapshots are being read. Throws `.notFound` where a collection is
    /// about to take one of them. Nothing is announced on a store that is full, or that this
    /// process may not write to: it must still give back what it has, for as long as nobody else
    /// takes it.
    package init(_ repository: Repository, _ snapshots: [Manifest], host: String) throws {
        ending = Ending(monitor)
        let ledger = try repository.ledger
        let session: Session<SealedLedger>
        do {
            session = try Session(
                ledger, kind: .reader, host: host, pinned: snapshots.map(\.id))
        } catch let error as SnapError
            where [EROFS, EACCES, EPERM, ENOSPC, EDQUOT].contains(error.code)
        {
            thread = nil
            if let state = try? CollectionState(ledger) {
                try Self.requireReadable(snapshots, state, ledger)
            }
            return
        }
        do {
            try Self.requireReadable(snapshots, session.state, ledger)
            thread = try Self.keepAlive(session, ending)
        } catch {
            session.end()
            throw error
        }
    }

    /// Announces that all there is may be read and built upon: no collection that was not open
    /// before closes as long as this object lives.
    package init(writerOn repository: Repository, host: String) throws {
        ending = Ending(monitor)
        let session = try Session(try repository.ledger, kind: .writer, host: host)
        do { thread = try Self.keepAlive(session, ending) } catch {
            session.end()
            throw error
        }
    }

    private static func keepAlive(
        _ session: Session<SealedLedger>, _ ending: Ending
    ) throws -> Thread {
        let owned = Owned(session: session)
        return try Thread("pin") {
            // A sign of life that fails is given the next time.
            while !ending.wait(seconds: pause) { try? owned.session.heartbeat() }
            owned.session.end()
        }
    }

    private static func requireReadable(
        _ snapshots: [Manifest], _ state: CollectionState, _ ledger: SealedLedger
    ) throws {
        for snapshot in snapshots {
            guard case .committed(let manifest, let digest)? = try ledger.decision(snapshot.id),
                state.mayRead(manifest, digest)
            else {
                throw SnapError(
                    .notFound,
                    "snapshot \(snapshot.hexID.prefix(8)) was forgotten and is being collected")
            }
        }
    }

    /// Ends the session.
    deinit {
        ending.set()
        thread?.join()
    }
}
