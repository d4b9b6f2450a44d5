// SPDX-License-Identifier: MIT
//
// The life of a repository under cron, on a store in memory and a clock of its own: hourly backups
// of two hosts, a policy every night, prune every week, a copy every ten days. What is kept is
// judged by an oracle that shares no code with the policy, what is read by the contents that were
// written.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView

/// What is wrong with the repository at some hour.
package struct YearsViolation: Error, CustomStringConvertible {
    package var description: String
}

/// Used by one thread.
package final class Years {
    private let files = MemoryFileLayer()
    private let key = Credential.keyFile(Secret([UInt8](repeating: 7, count: 32)))
    private var random: SeededRandom
    /// Unix seconds.
    private var now = CivilTime(year: 2021, month: 1, day: 1)!.seconds
    private var hosts: [Host] = []
    /// What the oracle has of each snapshot that is kept.
    private var kept: [[UInt8]: Kept] = [:]
    private let second: YearsCopy
    /// Bytes of the packs after the last prune of each year.
    package private(set) var sizes: [UInt64] = []
    package private(set) var backups = 0
    package private(set) var prunes = 0
    package var copies: Int { second.count }
    /// Is told after every quarter of a year.
    package var progress: ((String) -> Void)?

    private struct Host {
        var name: String
        /// Content by name.
        var files: [String: [UInt8]] = [:]
    }

    private struct Kept {
        var host: String
        var time: Int64
        var files: [String: [UInt8]]
    }

    private static let policy: [(RetentionPeriod, UInt64)] = [
        (.hourly, 24), (.daily, 7), (.weekly, 4), (.monthly, 12), (.yearly, 2),
    ]

    package init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        second = try YearsCopy()
        let store = store()
        try store.makeDirectories()
        try Repository.create(store, key, label: "years")
        hosts = ["one", "two"].map { Host(name: $0) }
        for host in hosts.indices { for number in 0..<30 { change(host, number) } }
    }

    private func store() -> LocalStore { LocalStore(files: files, location: "memory") }

    private func open() throws -> Repository {
        let repository = try Repository.open(store(), key)
        try repository.refresh()
        return repository
    }

    private func origin() -> Origin { Origin(time: now, host: "one", user: "root") }

    // MARK: Days

    /// Lives through so many days. Throws `YearsViolation`.
    package func run(days: Int) throws {
        for day in 0..<days {
            for _ in 0..<24 {
                now += 3600
                for host in hosts.indices where !isOff(day) { try backup(host) }
            }
            try forget()
            if day % 7 == 6 { try prune() }
            if day % 10 == 9 { try second.copy(from: open()) { kept[$0.id]?.files } }
            if day % 91 == 90 {
                try check()
                progress?("\(backups) backups so far, \(kept.count) kept")
            }
            if day % 365 == 364 {
                sizes.append(try open().listPacks().bytes)
                try second.check()
            }
        }
        try prune()
        try check()
        try second.check()
    }

    /// A machine is switched off now and then.
    private func isOff(_ day: Int) -> Bool { day % 50 > 47 || random.next() % 40 == 0 }

    private func change(_ host: Int, _ number: Int) {
        let count = 1 + Int(random.next() % 3000)
        hosts[host].files["file\(number)"] = random.bytes(count)
    }

    private func backup(_ host: Int) throws {
        for _ in 0..<Int(random.next() % 3) { change(host, Int(random.next() % 30)) }
        let repository = try open()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var template = Manifest(
            id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: now), root: root)
        template.host = hosts[host].name
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: BackupProgress(), threads: 2)
        for (name, content) in hosts[host].files.sorted(by: { $0.key < $1.key }) {
            writer.beginFile()
            try writer.append(all: content)
            try writer.endFile(
                Entry(name: Array(name.utf8), attributes: Attributes(mode: 0o100644)), xattrs: [])
        }
        let manifest = try writer.finish(root: root)
        kept[manifest.id] = Kept(
            host: hosts[host].name, time: now, files: hosts[host].files)
        backups += 1
    }

    // MARK: Retention

    private func forget() throws {
        let repository = try open()
        let catalog = try repository.catalog()
        var policy = RetentionPolicy()
        policy.periods = Dictionary(uniqueKeysWithValues: Self.policy)
        let plan = try ForgetPlan(
            policy, catalog.snapshots, notes: catalog.notes, grouping: RetentionGrouping([.host]),
            limits: ForgetPlan.Limits(), now: now)
        if plan.refusal == nil, !plan.going.isEmpty {
            try NoteBook.add(
                .forget, to: plan.going.map(\.id), origin: origin(), ledger: repository.ledger)
        }
        try judge(try repository.catalog().snapshots.map(\.id), plan.refusal)
    }

    /// What the policy says, counted out by the calendar of the C library.
    private func judge(_ listed: [[UInt8]], _ refusal: SnapError?) throws {
        var expected: [[UInt8]: Kept] = [:]
        for host in hosts.map(\.name) {
            let all = kept.filter { $0.value.host == host }.sorted { $0.value.time < $1.value.time }
            var stays: Set<[UInt8]> = Set(all.suffix(1).map(\.key))
            for (form, count) in [
                ("%Y%j%H", 24), ("%Y%j", 7), ("%G%V", 4), ("%Y%m", 12), ("%Y", 2),
            ] {
                var firsts: [(period: String, id: [UInt8])] = []
                for (id, snapshot) in all {
                    let period = Self.format(snapshot.time, form)
                    if firsts.last?.period != period { firsts.append((period, id)) }
                }
                stays.formUnion(firsts.suffix(count).map(\.id))
            }
            for (id, snapshot) in all where refusal != nil || stays.contains(id) {
                expected[id] = snapshot
            }
        }
        guard Set(listed) == Set(expected.keys) else {
            throw violation("\(listed.count) snapshots are listed, \(expected.count) should be")
        }
        kept = expected
    }

    private static func format(_ seconds: Int64, _ form: String) -> String {
        var (time, parts) = (time_t(seconds), tm())
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, form, &parts)
        return buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }  // 32 bytes
    }

    // MARK: Collection

    private func prune() throws {
        let repository = try open()
        let collector = Collector(
            ledger: try repository.ledger,
            inventory: PackInventory(repository, unusedMax: .part(0.05)),
            liveness: SessionWatch(cache: nil), origin: origin(), now: now)
        let report = try collector.run()
        if case .waiting = report.result { throw violation("prune waits for nobody that is there") }
        prunes += 1
    }

    /// Everything reads as it was written, and nothing is left that nobody needs.
    private func check() throws {
        let repository = try open()
        let report = try RepositoryCheck(repository).run(readData: true, threads: 2)
        if let finding = report.findings.first { throw violation("\(finding)") }
        let caches = ViewCaches()
        for manifest in try repository.catalog().snapshots {
            guard let files = kept[manifest.id]?.files else { throw violation("a stranger") }
            let view = try SnapshotView(manifest, repository: repository, caches: caches)
            guard try view.fileContents() == files else {
                throw violation("\(manifest.hexID) has other contents")
            }
        }
        for (directory, most) in [("sessions", 0), ("gc", 2), ("tmp", 0), ("index", 40)] {
            let count = try repository.store.list(directory).count
            if count > most { throw violation("\(count) files are left in \(directory)/") }
        }
    }

    private func violation(_ message: String) -> YearsViolation {
        YearsViolation(description: "\(CivilTime(seconds: now)): \(message)")
    }
}
