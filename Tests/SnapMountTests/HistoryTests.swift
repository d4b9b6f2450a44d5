// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView
import Synchronization
import Testing

@testable import SnapMount

/// Which snapshots a mount shows, and when it looks for them.
@Suite struct HistoryTests {
    /// What a history reported, and how often it changed.
    private final class Log: Sendable {
        let messages = Mutex<[String]>([])
        let changes = Atomic<Int>(0)
        var count: Int { messages.withLock { $0.count } }
    }

    /// The time of snapshots that are not accepted.
    private static let refused: Int64 = 5

    private func withHistory(
        _ repository: TestRepository, store: (any Store)? = nil, retryInterval: Double = 60,
        _ body: (History, Log) throws -> Void
    ) throws {
        let log = Log()
        let history = try History(
            repository: try repository.open(store), caches: ViewCaches(),
            accepts: { $0.time.seconds != Self.refused },
            report: { message in log.messages.withLock { $0.append(message) } },
            retryInterval: retryInterval)
        try history.start { log.changes.add(1, ordering: .relaxed) }
        defer { history.stop() }
        try body(history, log)
    }

    /// A look at the repository: the last one is old enough by then.
    private func look(_ history: History) -> HistoryTree {
        usleep(1_050_000)
        return history.tree()
    }

    /// Whether a look shows what is wanted: on a busy machine one may be answered too early.
    private func becomes(
        _ history: History, _ condition: (HistoryTree) -> Bool
    ) -> Bool {
        for _ in 0..<10 where condition(look(history)) { return true }
        return false
    }

    private func names(_ tree: HistoryTree) -> Int {
        for node in tree.nodes.keys where node != HistoryTree.root {
            if case .directory(let entries) = tree.nodes[node], !entries.isEmpty,
                entries.allSatisfy({ NodeNumber.slot($0.node) > 0 })
            {
                return entries.count
            }
        }
        return 0
    }

    private func hasLatest(_ tree: HistoryTree) -> Bool {
        guard case .directory(let entries) = tree.nodes[HistoryTree.root] else { return false }
        return entries.contains { $0.name == Array("latest".utf8) }
    }

    @Test func aDamagedManifestIsReportedOnceAndChangesNothingAgain() throws {
        let repository = try TestRepository()
        try repository.snapshot([.text("a", "one")])
        let second = try repository.snapshot([.text("a", "two")], time: 2_000_000)
        try repository.flip(Manifest.storeName(second.id), at: 200)
        try withHistory(repository) { history, log in
            #expect(log.count == 1)
            let first = look(history)
            #expect(names(first) == 1 && !hasLatest(first))
            for _ in 0..<2 { #expect(look(history).time == first.time) }
            #expect(log.count == 1 && log.changes.load(ordering: .relaxed) == 0)

            try repository.snapshot([.text("a", "three")], time: 3_000_000)
            #expect(becomes(history) { names($0) == 2 })
            // The change is told after the tree is shown.
            #expect(becomes(history) { _ in log.changes.load(ordering: .relaxed) == 1 })
            #expect(log.count == 1)
            try repository.remove(Manifest.storeName(second.id))
            #expect(becomes(history) { names($0) == 2 && hasLatest($0) })
        }
    }

    @Test func aDamagedManifestIsTriedAgainLater() throws {
        let repository = try TestRepository()
        try repository.snapshot([.text("a", "one")])
        let second = try repository.snapshot([.text("a", "two")], time: 2_000_000)
        try repository.flip(Manifest.storeName(second.id), at: 200)
        try withHistory(repository, retryInterval: 1.5) { history, log in
            #expect(names(look(history)) == 1)
            try repository.flip(Manifest.storeName(second.id), at: 200)
            #expect(becomes(history) { names($0) == 2 })
            #expect(hasLatest(history.tree()) && log.count == 1)
        }
    }

    @Test func aRequestWaitsForAStoreThatTakesAWhile() throws {
        let repository = try TestRepository()
        try repository.snapshot([.text("a", "one")])
        let slow = SlowStore(try repository.store(), seconds: 0.3)
        try withHistory(repository, store: slow) { history, _ in
            try repository.snapshot([.text("a", "two")], time: 2_000_000)
            #expect(names(look(history)) == 2)
        }
    }

    @Test func whatIsNotShownChangesNothing() throws {
        let repository = try TestRepository()
        try repository.snapshot([.text("a", "one")])
        try withHistory(repository) { history, log in
            let first = look(history)
            try repository.snapshot([.text("a", "two")], time: Self.refused)
            #expect(look(history).time == first.time && names(first) == 1)
            #expect(log.changes.load(ordering: .relaxed) == 0)
        }
    }

    @Test func snapshotsOfOneTimeAreInTheOrderInWhichTheyEnded() throws {
        let repository = try TestRepository()
        for number in 0..<6 { try repository.snapshot([.text("a", "\(number)")]) }
        let manifests = try repository.open().catalog().snapshots
        #expect(manifests.map(\.endTime) == manifests.map(\.endTime).sorted())
        try withHistory(repository) { history, _ in
            #expect(history.newestManifest?.id == manifests.last?.id)
        }
    }
}

/// A store whose listings take their time.
private final class SlowStore: ForwardingStore {
    let base: any Store
    private let seconds: Double

    init(_ base: any Store, seconds: Double) {
        self.base = base
        self.seconds = seconds
    }

    func list(_ directory: String) throws -> [StoreEntry] {
        if directory == "snapshots" { usleep(UInt32(seconds * 1e6)) }
        return try base.list(directory)
    }
}
