// SPDX-License-Identifier: MIT
//
// Which snapshots a history mount shows: read from the repository when somebody looks, at most once
// a second, on a thread of its own, so that no request holds a lock while the store is asked.

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// Thread-safe.
final class History: @unchecked Sendable {
    // Sendable: `known` is used by refresh only, which init calls and then one thread; all other
    // mutable state is used inside monitor.locked.
    private let repository: Repository
    private let caches: ViewCaches
    private let accepts: @Sendable (Manifest) -> Bool
    private let report: @Sendable (String) -> Void
    private let monitor = Monitor()
    private let numbers = NodeNumbers()
    private var views: [SnapshotView] = []
    private var slots: [[UInt8]: Int] = [:]
    private var current: HistoryTree
    private var newest: Manifest?
    private var known = Known()
    private var refreshed = 0.0
    private var wanted = false
    private var ended = false
    private var thread: Thread?

    /// What the last listing held. Manifests never change.
    private struct Known {
        /// Those to show.
        var manifests: [[UInt8]: Manifest] = [:]
        /// Checkpoints, and what was not accepted.
        var others: Set<[UInt8]> = []
        /// What could not be read, which has been reported.
        var damaged: Set<[UInt8]> = []
        /// When that is tried again.
        var retry = 0.0

        func isShown(like other: Known) -> Bool {
            manifests.keys == other.manifests.keys && damaged.isEmpty == other.damaged.isEmpty
        }
    }

    /// Seconds between two looks at the repository.
    private static let interval = 1.0
    /// Seconds that a request waits for news; a slow store is not waited for.
    private static let patience = 1.0
    private let retryInterval: Double

    /// Reads the snapshots. `accepts` chooses those to show, `report` hears once of each that
    /// cannot be read; it is tried again after so many seconds.
    init(
        repository: Repository, caches: ViewCaches,
        accepts: @escaping @Sendable (Manifest) -> Bool,
        report: @escaping @Sendable (String) -> Void, retryInterval: Double = 60
    ) throws {
        self.report = report
        self.retryInterval = retryInterval
        self.repository = repository
        self.caches = caches
        self.accepts = accepts
        current = HistoryTree(
            [], hasLatest: false, numbers: numbers, time: Timestamp.now())
        _ = try refresh()
    }

    /// Starts looking for new snapshots; `changed` is called on that thread when the tree is new.
    func start(changed: @escaping @Sendable () -> Void) throws {
        try monitor.locked {
            thread = try Thread("history") { [self] in
                while awaitWish() {
                    // A store that cannot be read now changes nothing of what is shown.
                    if (try? refresh()) == true { changed() }
                }
            }
        }
    }

    func stop() {
        let thread = monitor.locked {
            ended = true
            monitor.wakeAll()
            return self.thread
        }
        thread?.join()
    }

    private func awaitWish() -> Bool {
        monitor.locked {
            while !ended && !wanted { monitor.wait() }
            // Somebody looks on: one more look a little later finds what came meanwhile.
            return !ended
        }
    }

    /// The tree, after a look at the repository if the last one is older than a second.
    func tree() -> HistoryTree {
        monitor.locked {
            let now = MonotonicClock.now
            if now - refreshed >= Self.interval && thread != nil && !ended {
                wanted = true
                monitor.wakeAll()
                let until = now + Self.patience
                while wanted && !ended, case let left = until - MonotonicClock.now, left > 0 {
                    _ = monitor.wait(seconds: left)
                }
            }
            return current
        }
    }

    /// The view of a slot.
    func view(slot: Int) throws -> SnapshotView {
        try monitor.locked {
            guard slot >= 1, slot <= views.count else {
                throw SnapError(.notFound, "the mount has no snapshot number \(slot)")
            }
            return views[slot - 1]
        }
    }

    var newestManifest: Manifest? { monitor.locked { newest } }

    /// Lists the snapshots; true when the tree is another one than before.
    private func refresh() throws -> Bool {
        defer {
            monitor.locked {
                wanted = false
                refreshed = MonotonicClock.now
                monitor.wakeAll()
            }
        }
        let now = try read(Set(try repository.manifestIDs()))
        let isNew = !now.isShown(like: known)
        if isNew { try show(Array(now.manifests.values), isComplete: now.damaged.isEmpty) }
        known = now
        return isNew
    }

    /// The manifests of a listing, of which only those are read that are new, or due again.
    private func read(_ ids: Set<[UInt8]>) throws -> Known {
        var now = known
        now.manifests = known.manifests.filter { ids.contains($0.key) }
        now.others.formIntersection(ids)
        now.damaged.formIntersection(ids)
        let clock = MonotonicClock.now
        let isDue = !now.damaged.isEmpty && clock >= now.retry
        let kept = isDue ? [] : now.damaged
        let unread = ids.subtracting(now.manifests.keys).subtracting(now.others).subtracting(kept)
        if unread.isEmpty { return now }
        // Segments were there before the manifests that need them.
        try repository.objects.refresh()
        now.damaged = kept
        let read = try repository.manifests(Array(unread)) { id, error in
            now.damaged.insert(id)
            if known.damaged.contains(id) { return }
            report("snapshot \(Hex.encode(id.prefix(4))): \(error.message)")
        }
        for manifest in read {
            if manifest.state == .complete && accepts(manifest) {
                now.manifests[manifest.id] = manifest
            } else {
                now.others.insert(manifest.id)
            }
        }
        if kept.isEmpty { now.retry = clock + retryInterval }
        return now
    }

    private func show(_ manifests: [Manifest], isComplete: Bool) throws {
        let ordered = manifests.sorted(by: Manifest.isBefore)
        let names = HistoryTree.names(ordered)
        let created = try ordered.filter { manifest in
            monitor.locked { slots[manifest.id] == nil }
        }.map { try SnapshotView($0, repository: repository, caches: caches) }
        monitor.locked {
            for view in created where views.count < NodeNumber.slotMax - 1 {
                views.append(view)
                slots[view.manifest.id] = views.count
            }
            let shown = zip(ordered, names).compactMap { manifest, name in
                slots[manifest.id].map { (manifest: manifest, name: name, slot: $0) }
            }
            current = HistoryTree(
                shown, hasLatest: isComplete, numbers: numbers, time: Timestamp.now())
            newest = ordered.last
        }
    }
}
