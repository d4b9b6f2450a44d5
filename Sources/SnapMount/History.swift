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

    /// What was shown last, and what was reported.
    private struct Known {
        var catalog = Catalog()
        /// Those to show.
        var manifests: [Manifest] = []
        /// When damaged ones are read again.
        var retry = 0.0
        /// Number of the collection that the index was read after.
        var collected: UInt64 = 0

        func isShown(like other: Known) -> Bool {
            manifests.map(\.id) == other.manifests.map(\.id)
                && manifests.map(\.tags) == other.manifests.map(\.tags)
                && catalog.damaged.isEmpty == other.catalog.damaged.isEmpty
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
        let now = try read()
        let isNew = !now.isShown(like: known)
        if isNew || now.collected != known.collected {
            // Segments were there before the manifests that need them.
            try repository.objects.refresh(now.catalog.collections)
        }
        if isNew { try show(now.manifests, isComplete: now.catalog.damaged.isEmpty) }
        known = now
        return isNew
    }

    /// The snapshots that there are now; only those are read that are new, or due again.
    private func read() throws -> Known {
        var now = known
        let clock = MonotonicClock.now
        let isDue = clock >= now.retry
        let hasChanged = try now.catalog.refresh(
            try repository.ledger, retryingDamaged: isDue)
        if isDue { now.retry = clock + retryInterval }
        if !hasChanged { return now }
        for (id, error) in now.catalog.damaged where known.catalog.damaged[id] == nil {
            report("snapshot \(Hex.encode(id.prefix(4))): \(error.message)")
        }
        now.manifests = now.catalog.snapshots.filter { $0.state == .complete && accepts($0) }
        now.collected = now.catalog.collections.end?.number ?? 0
        return now
    }

    private func show(_ manifests: [Manifest], isComplete: Bool) throws {
        let created = try manifests.filter { manifest in
            monitor.locked { slots[manifest.id] == nil }
        }.map { try SnapshotView($0, repository: repository, caches: caches) }
        monitor.locked {
            for view in created where views.count < NodeNumber.slotMax - 1 {
                views.append(view)
                slots[view.manifest.id] = views.count
            }
            // The manifest has the tags of now, that of the view those of then.
            let shown = manifests.compactMap { manifest in
                slots[manifest.id].map { (manifest: manifest, slot: $0, view: views[$0 - 1]) }
            }
            current = HistoryTree(
                shown, hasLatest: isComplete, numbers: numbers, time: Timestamp.now())
            newest = manifests.last
        }
    }
}
