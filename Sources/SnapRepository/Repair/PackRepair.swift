// SPDX-License-Identifier: MIT
//
// Takes what can still be read out of damaged packs into new ones, and makes an index in which the
// damaged ones are not needed. What is lost is then missing from the index, so that the next backup
// of the same data stores it.

import SnapBase
import SnapFormat
import SnapStore

/// What a repair of packs found and wrote.
package struct PackRepairReport: Sendable {
    static let lostMax = 1000

    /// Store names of the packs that are damaged, cut or missing.
    package fileprivate(set) var damaged: [String] = []
    /// Objects that were copied, and those that other packs hold, too.
    package fileprivate(set) var salvaged = 0
    package fileprivate(set) var elsewhere = 0
    /// Objects that are nowhere any more: their number and the first ids.
    package fileprivate(set) var lostCount = 0
    package fileprivate(set) var lost: [ObjectID] = []
}

/// Used by one thread, once.
package final class PackRepair {
    private let repository: Repository
    private let observer: CheckObserver
    private var report = PackRepairReport()

    package init(_ repository: Repository, observer: CheckObserver = CheckObserver()) {
        self.repository = repository
        self.observer = observer
    }

    /// Reads all packs, or looks only at those whose names begin so, and repairs; with `isDryRun`
    /// writes nothing.
    package func run(
        names: [String], host: String, threads: Int, isDryRun: Bool
    ) throws -> PackRepairReport {
        let writer = isDryRun ? nil : try RepairWriter(repository, host: host)
        if writer == nil {
            try RepairBase.read(repository, try CollectionState(try repository.ledger))
        }
        let damaged = try findDamaged(names, threads: threads, writer)
        report.damaged = damaged.map(\.description.storeName).sorted()
        for pack in damaged { repository.objects.noteDamage(of: pack.description.name) }
        let salvage = PackSalvage(repository, observer, writer)
        try salvage.run(damaged)
        (report.salvaged, report.elsewhere) = (salvage.salvaged, salvage.elsewhere)
        let lost = salvage.lost
        report.lostCount = lost.count
        report.lost = Array(lost.sorted().prefix(PackRepairReport.lostMax))
        if let writer, !damaged.isEmpty {
            try writer.publish()
            try writer.merge(without: Set(damaged.map(\.description.name)))
            try writer.finish()
        }
        return report
    }

    // MARK: Finding

    private func findDamaged(
        _ names: [String], threads: Int, _ writer: RepairWriter?
    ) throws -> [ExpectedPack] {
        try RepairBase.requireIndex(repository)
        let found = CheckReport(observer)
        let check = StoreCheck(repository, found, observer)
        try check.run()
        try RepairBase.requireIndex(found)
        if !names.isEmpty {
            // What they should hold is not there.
            for pack in check.suspects { repository.objects.noteDamage(of: pack) }
            return try chosen(names, of: check.used)
        }
        let pool = try WorkerPool(threads: threads, name: "repair")
        defer { pool.close() }
        // The session must show life while all is read.
        try check.readPacks(pool, threads: threads, tick: { try writer?.heartbeat() })
        return check.used.filter { check.suspects.contains($0.description.name) }
    }

    private func chosen(_ names: [String], of packs: [ExpectedPack]) throws -> [ExpectedPack] {
        try names.map { name in
            let found = packs.filter { $0.description.name.hex.hasPrefix(name) }
            guard found.count == 1 else {
                throw SnapError(
                    found.isEmpty ? .notFound : .invalid,
                    "\(found.count) packs of the index have names that begin with \(name)")
            }
            return found[0]
        }
    }
}
