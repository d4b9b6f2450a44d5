// SPDX-License-Identifier: MIT
//
// Checks what lies in the store against what the index and the keyring say of it: slots, segments,
// packs.

import SnapBase
import SnapFormat
import SnapStore

/// Used by one thread, once.
package final class StoreCheck {
    private let repository: Repository
    private let report: CheckReport
    private let observer: CheckObserver
    private var expected = ExpectedPacks()
    /// Packs that are not whole: an object in one of them is there only if it reads.
    package private(set) var suspects: Set<ObjectID> = []

    /// What the index says of the packs in which it finds something.
    var used: [ExpectedPack] {
        expected.order.map { expected.packs[$0]! }.filter(\.isUsed)  // `order` has the keys
    }

    private var store: any Store { repository.store }

    package init(_ repository: Repository, _ report: CheckReport, _ observer: CheckObserver) {
        self.repository = repository
        self.report = report
        self.observer = observer
    }

    /// Checks slots, index and the presence of packs.
    package func run() throws {
        try checkSlots()
        try checkIndex()
        try checkPresence()
    }

    private func damaged(_ file: String, _ message: String) {
        report.add(CheckFinding(.file(file), message))
    }

    /// Runs body; what it finds becomes a finding of a file.
    private func finding(_ file: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as SnapError where error.isFinding {
            damaged(file, error.message)
        }
    }

    // MARK: Slots

    private func checkSlots() throws {
        let names = Set(try store.list("slots").map(\.name).filter(Slot.isName))
        for name in names.sorted() {
            let path = "slots/\(name)"
            try finding(path) {
                do { _ = try OpenKeyring.read(slot: name, store) } catch let error as SnapError
                    where error.kind == .notFound
                {
                    // Missing if a keyring names it, which is looked at below.
                }
            }
        }
        // Who was replaced between the listing and the look is not in the next keyring.
        let first = try missingHolders()
        guard !first.isEmpty else { return }
        for holder in try missingHolders() where first.contains(holder) {
            let path = "slots/\(Hex.encode(holder.slotName))"
            damaged(path, "\(path): is missing; it opens the repository for \(holder.label)")
        }
    }

    private func missingHolders() throws -> [Holder] {
        let holders = try repository.sealed.keyring.reread().holders
        let names = Set(try store.list("slots").map(\.name))
        return holders.filter { !names.contains(Hex.encode($0.slotName)) }
    }

    // MARK: Index

    private func checkIndex() throws {
        for (name, error) in repository.objects.damagedSegments {
            damaged("index/\(name)", error.message)
        }
        for segment in repository.objects.segments {
            try finding("index/\(segment.name.hex)") {
                try segment.check(store, &expected, progress: observer.throwIfInterrupted)
            }
            report.objects += segment.header.entryCount
        }
    }

    // MARK: Packs

    private func checkPresence() throws {
        // After the index: every pack that it names was there before.
        let listing = try repository.listPacks()
        let used = expected.order.filter { expected.packs[$0]!.isUsed }  // the keys of `packs`
        for name in used {
            let description = expected.packs[name]!.description
            let found = listing.packs[name]
            let size = found?.kind == description.kind ? found?.size : nil
            guard let damage = description.damage(size: size) else { continue }
            suspects.insert(name)
            damaged(description.storeName, damage.message)
        }
        report.packs = used.count
        // One that a repair names only because it is lost is nobody's to take.
        let unused = expected.order.filter {
            !expected.packs[$0]!.isUsed && listing.packs[$0] != nil  // the keys of `packs`
        }.count
        if unused > 0 {
            report.note(
                counted(unused, "pack", "packs")
                    + " in which nothing is looked up any more; prune takes them away")
        }
        try noteLeftovers(listing)
    }

    private func noteLeftovers(_ listing: PackListing) throws {
        let unknown = listing.packs.filter { expected.packs[$0.key] == nil }
        if !unknown.isEmpty {
            let bytes = unknown.values.reduce(0) { $0 + $1.size }
            let packs = counted(unknown.count, "pack", "packs")
            report.note("\(packs) of \(bytes) bytes that no segment names")
        }
        let staged = try store.list("tmp").count
        if staged > 0 { report.note("\(counted(staged, "file", "files")) in tmp/") }
        if !listing.strays.isEmpty {
            report.note(
                counted(listing.strays.count, "file that is no pack", "files that are no packs")
                    + ", such as \(listing.strays[0])")
        }
    }

    // MARK: Data

    /// Reads the packs in which the index finds something, or those of them that `rotation` takes,
    /// on the `threads` threads of a pool. `tick` is called on this thread after each pack.
    package func readPacks(
        _ pool: WorkerPool, threads: Int, rotation: ReadRotation? = nil,
        tick: () throws -> Void = {}
    ) throws {
        var packs = expected.order.map { expected.packs[$0]! }  // `order` has the keys of `packs`
            .filter { $0.isUsed && !suspects.contains($0.description.name) }
        if let rotation {
            let taken = rotation.take(packs.map(\.description))
            packs = packs.filter { taken.contains($0.description.name) }
        }
        defer { rotation?.end() }
        // Large ones first: a small one at the end leaves no thread without work for long.
        packs.sort { $0.description.fileSize > $1.description.fileSize }
        observer.expect(
            packs.count, packs.reduce(0) { $0 + UInt64($1.description.fileSize) })
        let scrubber = PackScrubber(repository, observer)
        // Two more than threads, so that nobody waits for the next pack.
        let limit = threads + 2
        let work = OrderedWork<PackVerdict>(pool: pool, limit: limit)
        do {
            for (number, pack) in packs.enumerated() {
                if number >= limit { try take(work, rotation) }
                try tick()
                try work.submit { try scrubber.scrub(pack) }
            }
            work.finish()
            for _ in 0..<min(limit, packs.count) { try take(work, rotation) }
        } catch {
            work.fail(SnapError.wrap(error))
            throw error
        }
        report.packBytes = packs.reduce(0) { $0 + UInt64($1.description.fileSize) }
    }

    private func take(_ work: OrderedWork<PackVerdict>, _ rotation: ReadRotation?) throws {
        guard let verdict = try work.next() else { return }
        rotation?.note(verdict.name, isSound: verdict.problemCount == 0)
        observer.done(1, 0)
        report.objectBytes += verdict.bytes
        guard verdict.problemCount > 0 else { return }
        suspects.insert(verdict.name)
        let file = expected.packs[verdict.name]!.description.storeName  // it was submitted
        for problem in verdict.problems { damaged(file, problem) }
        let more = verdict.problemCount - verdict.problems.count
        if more > 0 { damaged(file, "\(file): \(more) more problems") }
    }
}
