// SPDX-License-Identifier: MIT
//
// A store that leaves one name out of its lists, or out of one of them. What a collection must not
// take then is told by something else, so that it refuses or the name does not matter.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import Synchronization
import Testing

@Suite struct ShortListTests {
    /// Leaves a name out of the lists of its directory: of all, or of the n-th.
    private final class ShortStore: ForwardingStore {
        let base: any Store
        private let directory: String
        private let name: String
        private let number: Int?
        private let count = Mutex(0)

        init(_ base: any Store, _ directory: String, _ name: String, number: Int?) {
            (self.base, self.directory, self.name) = (base, directory, name)
            self.number = number
        }

        /// Lists of the directory so far.
        var lists: Int { count.withLock { $0 } }

        func list(_ directory: String) throws -> [StoreEntry] {
            let all = try base.list(directory)
            guard directory == self.directory else { return all }
            let now = count.withLock {
                $0 += 1
                return $0
            }
            return number == nil || number == now ? all.filter { $0.name != name } : all
        }
    }

    /// Returns what the prune threw, after judging what it left.
    @discardableResult
    private func prune(
        _ life: Life, _ disk: Disk, _ directory: String, _ name: String, number: Int? = nil
    ) throws -> (lists: Int, error: SnapError?) {
        let files = AmnesiaFileLayer(disk)
        let store = ShortStore(
            LocalStore(files: files, location: "memory"), directory, name, number: number)
        let outcome = Result { try life.perform(.prune, try life.engine.open(store)) }
        let which = number.map { "in list \($0)" } ?? "always"
        let what = "\(directory)/\(name) left out \(which)"
        try life.judge(files.disk, .prune, isDone: false, what)
        try life.judgeNext(files.disk, .prune, what)
        guard case .failure(let error) = outcome else { return (store.lists, nil) }
        return (store.lists, SnapError.wrap(error))
    }

    private static let directories = [
        "snapshots", "notes", "index", "gc", "sessions", "data", "meta",
    ]

    /// The directories with names, and of `data` and `meta` those below.
    private func names(_ disk: Disk, _ directory: String) throws -> [(String, String)] {
        let files = AmnesiaFileLayer(disk)
        return try files.list(directory).flatMap { name, size in
            size != nil
                ? [(directory, name)]
                : try files.list("\(directory)/\(name)").map { ("\(directory)/\(name)", $0.name) }
        }
    }

    @Test(arguments: directories)
    func aNameThatIsNeverListedCostsNoSnapshot(_ directory: String) throws {
        let life = try Life.shared.get()
        for (place, name) in try names(life.disk, directory) {
            try prune(life, life.disk, place, name)
        }
    }

    @Test(arguments: directories)
    func aNameThatOneListLacksCostsNoSnapshot(_ directory: String) throws {
        let life = try Life.shared.get()
        for (place, name) in try names(life.disk, directory) {
            var number = 0
            var lists = 1
            while number < lists {
                number += 1
                lists = try prune(life, life.disk, place, name, number: number).lists
            }
        }
    }

    /// A snapshot that a note, a later snapshot, the index or the last collection tells of.
    @Test func nothingIsCollectedWhereAKnownSnapshotIsNotListed() throws {
        let life = try Life.shared.get()
        for id in [life.held, life.listed, life.main] {
            let (_, error) = try prune(life, life.disk, "snapshots", Hex.encode(id))
            #expect(error?.kind == .io, "\(Hex.encode(id))")
        }
        // Then only the closed collection knows it.
        let files = AmnesiaFileLayer(life.disk)
        try life.perform(.prune, try life.engine.open(files))
        let (_, error) = try prune(life, files.disk, "snapshots", Hex.encode(life.main))
        #expect(error?.kind == .io)
    }

    @Test func aHoldThatIsNotListedHolds() throws {
        let life = try Life.shared.get()
        let files = AmnesiaFileLayer(life.disk)
        let ledger = try life.engine.open(files).ledger
        try NoteBook.add(.hold(until: nil), to: [life.going], origin: Life.origin, ledger: ledger)
        let name = "\(Hex.encode(life.going)).2"
        let short = ShortStore(
            LocalStore(files: files, location: "memory"), "notes", name, number: nil)
        let error = #expect(throws: SnapError.self) {
            try life.perform(.prune, try life.engine.open(short))
        }
        #expect(error?.kind == .io)
        let catalog = try life.engine.open(files).catalog()
        #expect(catalog.forgotten.contains { $0.id == life.going })
    }

    /// What a collection kept and nobody took is missed, until it is forgotten.
    @Test func aSnapshotThatIsGoneIsMissed() throws {
        let life = try Life.shared.get()
        let files = AmnesiaFileLayer(life.disk)
        try life.perform(.prune, try life.engine.open(files))
        try life.perform(.forget, try life.engine.open(files))
        try files.unlink(Manifest.storeName(life.main))
        let repository = try life.engine.open(files)
        #expect(try repository.catalog().damaged.map(\.key) == [life.main])
        let error = #expect(throws: SnapError.self) { try life.perform(.prune, repository) }
        #expect(error?.kind == .damaged)
        try NoteBook.add(
            .forget, to: [life.main], origin: Life.origin, ledger: try repository.ledger)
        try life.perform(.prune, try life.engine.open(files))
        let catalog = try life.engine.open(files).catalog()
        #expect(catalog.damaged.isEmpty && catalog.forgotten.map(\.id) == [life.held])
    }
}
