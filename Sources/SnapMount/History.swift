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
    // Sendable: all mutable state is used inside monitor.locked.
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
    private var listed: Set<[UInt8]> = []
    private var refreshed = 0.0
    private var wanted = false
    private var ended = false
    private var thread: Thread?

    /// Seconds between two looks at the repository.
    private static let interval = 1.0
    /// Seconds that a request waits for news; a slow store is not waited for.
    private static let patience = 1.0

    /// Reads the snapshots. `accepts` chooses those to show, `report` hears of unreadable ones.
    init(
        repository: Repository, caches: ViewCaches,
        accepts: @escaping @Sendable (Manifest) -> Bool,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        self.report = report
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
            let now = Self.clock
            if now - refreshed >= Self.interval && thread != nil {
                wanted = true
                monitor.wakeAll()
                let until = now + Self.patience
                while wanted && Self.clock < until && monitor.wait(seconds: 0.2) {}
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

    private static var clock: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Lists the snapshots; true when they are others than before.
    private func refresh() throws -> Bool {
        defer {
            monitor.locked {
                wanted = false
                refreshed = Self.clock
                monitor.wakeAll()
            }
        }
        let ids = Set(try repository.manifestIDs())
        if ids == monitor.locked({ listed }) { return false }
        // Segments were there before the manifests that need them.
        try repository.objects.refresh()
        var damaged: Set<[UInt8]> = []
        let manifests = try repository.manifests { id, error in
            damaged.insert(id)
            report("snapshot \(Hex.encode(id.prefix(4))): \(error.message)")
        }.filter { $0.state == .complete && accepts($0) }
        // What could not be read now is tried again when somebody looks next.
        try show(manifests, isComplete: damaged.isEmpty, ids.subtracting(damaged))
        return true
    }

    private func show(
        _ manifests: [Manifest], isComplete: Bool, _ ids: Set<[UInt8]>
    ) throws {
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
            listed = ids
        }
    }
}
