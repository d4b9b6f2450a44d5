// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct AuditLogTests {
    private let test: TestRepository
    private let repository: Repository

    init() throws {
        test = try TestRepository()
        repository = try test.open()
    }

    private func event(_ command: String) -> AuditLog.Event {
        AuditLog.Event(
            command, origin: Origin(time: 1, host: "host", user: "root"), program: "snapfs")
    }

    private func append(_ count: Int) throws {
        let log = try AuditLog(repository)
        for number in 1...count { try log.append(event("command \(number)")) }
    }

    private func findings() throws -> Int { try AuditLog(repository).verify().findings.count }

    @Test func recordsComeBackInOrder() throws {
        try append(12)
        var commands: [String] = []
        let found = try AuditLog(repository).verify { commands.append($0.command) }
        #expect(found.findings.isEmpty && found.records == 12)
        #expect(commands == (1...12).map { "command \($0)" })
    }

    @Test func whatIsMissingBelowTheNewestIsFound() throws {
        try append(6)
        for number: UInt64 in 1...5 {
            let name = AuditRecord.storeName(number)
            let bytes = try repository.store.read(name, limit: 4096)
            try repository.store.delete(name)
            #expect(try findings() == 1, "\(number)")
            try repository.store.create(name, bytes)
            #expect(try findings() == 0)
        }
    }

    /// A machine that only checks has seen the log, too.
    @Test func aLogThatIsGoneIsFoundByWhoHasVerifiedIt() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        try append(3)
        let watched = try AuditLog(test.open(cache: cache))
        #expect(try watched.rollback() == nil)
        #expect(try watched.verify().findings.isEmpty)
        for number: UInt64 in 1...3 {
            try repository.store.delete(AuditRecord.storeName(number))
        }
        #expect(try watched.verify().findings.map(\.place) == [nil])
        #expect(try watched.rollback() != nil)
    }

    /// A holder of the keys may write what opens, but not what its successor names.
    @Test func aRecordThatWasReplacedIsFound() throws {
        try append(4)
        let ledger = try repository.ledger
        guard case .audit(var record) = try ledger.read(AuditRecord.storeName(2)).file else {
            return #expect(Bool(false))
        }
        record.command = "nothing at all"
        try repository.store.delete(record.storeName)
        #expect(try ledger.create(.audit(record)) != nil)
        #expect(try findings() == 1)
    }

    @Test func everyFlippedBitIsFound() throws {
        try append(3)
        let name = AuditRecord.storeName(2)
        let bytes = try repository.store.read(name, limit: 4096)
        for offset in stride(from: 0, to: bytes.count, by: 7) {
            var changed = bytes
            changed[offset] ^= 1 << UInt8(offset % 8)
            try repository.store.delete(name)
            try repository.store.create(name, changed)
            #expect(try findings() > 0, "offset \(offset)")
        }
    }

    /// Everybody hears of it from the record of the one who noticed.
    @Test func aRollbackIsToldUntilItIsAccepted() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        let watched = try AuditLog(test.open(cache: cache))
        for _ in 1...4 { try watched.append(event("seen")) }
        #expect(try watched.rollback() == nil)
        for number: UInt64 in 3...4 {
            try repository.store.delete(AuditRecord.storeName(number))
        }
        #expect(try watched.verify().findings.map(\.place) == [nil])
        #expect(try findings() == 0)
        #expect(try watched.rollback() != nil)
        try watched.append(event("noticed"))
        #expect(try watched.rollback() == nil)
        let said = AuditFinding(.rolledBack, 3)
        try watched.append(event("after"))
        #expect(try AuditLog(repository).verify().findings.map(\.place) == [said])
        #expect(try AuditLog(repository).acknowledge(event("accept")).map(\.place) == [said])
        let found = try watched.verify()
        #expect(found.findings.isEmpty && found.accepted.map(\.place) == [said])
        #expect(try watched.acknowledge(event("accept")).isEmpty && watched.verify().records == 5)
    }

    /// What the disk does not give back is told of, and nobody is kept from writing.
    @Test func theLogGoesOnBehindARecordThatCannotBeRead() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        let watched = try AuditLog(test.open(cache: cache))
        for _ in 1...4 { try watched.append(event("before")) }
        let file = "\(test.path)/\(AuditRecord.storeName(4))"
        let whole = try test.read(AuditRecord.storeName(4))
        #expect(truncate(file, 1 << 30) == 0)
        let place = AuditFinding(.unreadable, 4)
        #expect(try watched.rollback() == nil)
        #expect(try watched.verify().findings.map(\.place) == [place])
        try watched.append(event("after"))
        #expect(try watched.verify().findings.map(\.place) == [place])
        #expect(try watched.acknowledge(event("accept")).map(\.place) == [place])
        #expect(try watched.verify().findings.isEmpty)
        try test.overwrite(AuditRecord.storeName(4), whole)
        #expect(try watched.verify().findings.map(\.place) == [AuditFinding(.misplaced, 5)])
    }

    /// What was accepted is no reason to forget what is there.
    @Test func whoVerifiesRemembersBehindAnAcceptance() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        try append(6)
        try repository.store.delete(AuditRecord.storeName(3))
        _ = try AuditLog(repository).acknowledge(event("accept"))
        try append(1)
        let watched = try AuditLog(test.open(cache: cache))
        #expect(try watched.verify().findings.isEmpty)
        try repository.store.delete(AuditRecord.storeName(8))
        #expect(try watched.verify().findings.map(\.place) == [nil])
    }

    @Test func whatComesAfterAnAcceptanceIsTold() throws {
        try append(9)
        let log = try AuditLog(repository)
        for number: UInt64 in [3, 4, 6] {
            try repository.store.delete(AuditRecord.storeName(number))
        }
        #expect(try log.acknowledge(event("accept")).count == 2)
        #expect(try findings() == 0)
        try repository.store.delete(AuditRecord.storeName(5))
        #expect(try log.verify().findings.map(\.place) == [AuditFinding(.missing, 3, through: 6)])
    }

    /// From what was seen on, without a listing.
    @Test func theNewestIsFoundHoweverManyCameSince() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        for count in [1, 1, 2, 3, 4, 5, 7, 8, 9, 31, 1] {
            let watched = try test.open(cache: cache)
            #expect(try AuditLog(watched).rollback() == nil)
            try AuditLog(watched).append(event("seen"))
            try append(count)
        }
        let found = try AuditLog(repository).verify()
        #expect(found.findings.isEmpty && found.records == 11 + 72)
    }

    /// What comes while the list is taken, and is remembered at once, was not taken away.
    @Test func aRecordThatComesWhileTheListIsTakenIsNotMissing() throws {
        let cache = LocalStore(files: MemoryFileLayer(), location: "cache")
        try cache.makeDirectories()
        let other = try AuditLog(test.open(cache: cache))
        for _ in 1...3 { try other.append(event("before")) }
        let store = ListingStore(try test.store()) { names in
            try other.append(event("meanwhile"))
            return names
        }
        let found = try AuditLog(test.open(store, cache: cache)).verify()
        #expect(found.findings.isEmpty && found.records == 3)
        #expect(try AuditLog(test.open(cache: cache)).verify().records == 4)
    }

    /// A listing may show the second of two that come meanwhile, and not the first.
    @Test func aListingThatSkipsWhatCameMeanwhileIsTakenAgain() throws {
        try append(3)
        let store = ListingStore(try test.store()) { names in names.filter { $0.name != "00000002" }
        }
        let found = try AuditLog(test.open(store)).verify()
        #expect(found.findings.isEmpty && found.records == 3)
    }

    @Test func writersAtTheSameTimeLoseNothing() throws {
        let (path, count) = (test.path, 8)
        let key = Credential.keyFile(.init([UInt8](repeating: 7, count: 32)))
        let threads = try (0..<count).map { number in
            try Thread("writer") {
                do {
                    let store = LocalStore(
                        files: try SystemFileLayer(root: path, create: false), location: path)
                    let log = try AuditLog(try Repository.open(store, key))
                    for _ in 0..<5 {
                        _ = try log.append(
                            AuditLog.Event(
                                "\(number)", origin: Origin(time: 1, host: "", user: ""),
                                program: ""))
                    }
                } catch { Issue.record(error) }
            }
        }
        threads.forEach { $0.join() }
        let found = try AuditLog(repository).verify()
        #expect(found.findings.isEmpty && found.records == count * 5)
    }
}

/// Changes what the first listing of the records shows.
private final class ListingStore: ForwardingStore, @unchecked Sendable {
    let base: any Store
    // Used by the thread of the test alone.
    private var change: (([StoreEntry]) throws -> [StoreEntry])?

    init(_ base: any Store, _ change: @escaping ([StoreEntry]) throws -> [StoreEntry]) {
        self.base = base
        self.change = change
    }

    func list(_ directory: String) throws -> [StoreEntry] {
        let names = try base.list(directory)
        guard directory == AuditRecord.directory, let change else { return names }
        self.change = nil
        return try change(names)
    }
}
