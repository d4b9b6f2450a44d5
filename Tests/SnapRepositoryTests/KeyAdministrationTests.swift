// SPDX-License-Identifier: MIT
//
// Adding, removing and replacing keys, and new generations: what opens afterwards, what two
// administrators do to each other, and what a process sees that was there before.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Synchronization
import Testing

@testable import SnapRepository

private let cheap = Stretching(logN: 1, r: 1, p: 1)

private func file(_ number: UInt8) -> Credential {
    .keyFile(Secret([UInt8](repeating: number, count: 32)))
}

private func password(_ text: String) -> Credential { .password(Secret(Array(text.utf8))) }

@Suite struct KeyAdministrationTests {
    private let files = MemoryFileLayer()
    private let store: LocalStore

    init() throws {
        try createRepository(on: files)
        store = LocalStore(files: files, location: "memory")
    }

    private func open(_ credential: Credential = testKey) throws -> Repository {
        try openRepository(on: files, credential)
    }

    private func keys(_ credential: Credential = testKey) throws -> KeyAdministration {
        KeyAdministration(try open(credential), stretching: cheap)
    }

    private func opens(_ credential: Credential) throws -> Bool {
        do {
            _ = try open(credential)
            return true
        } catch let error as SnapError where error.kind == .wrongKey { return false }
    }

    private func slots() throws -> Set<String> { Set(try store.list("slots").map(\.name)) }

    private func labels(_ credential: Credential = testKey) throws -> [String?] {
        try keys(credential).list().keys.map { $0.holder?.label }
    }

    // MARK: One administrator

    @Test func everyAddedKeyOpens() throws {
        let repository = try open()
        let keys = KeyAdministration(repository, stretching: cheap)
        try keys.add(password("one"), label: "first")
        try keys.add(file(8), label: "second")
        try keys.add(password("one"), label: "the same again")
        for credential in [testKey, password("one"), file(8)] {
            #expect(try opens(credential))
        }
        #expect(try !opens(password("two")))
        let list = try self.keys(file(8)).list()
        #expect(list.keyring == 4 && list.generation == 0)
        #expect(list.keys.map(\.holder?.label) == ["test", "first", "second", "the same again"])
        #expect(list.keys.map(\.kind) == [.keyFile, .password, .keyFile, .password])
        #expect(list.keys.map(\.isInUse) == [false, false, true, false])
    }

    @Test func aRemovedKeyOpensNothing() throws {
        let added = try keys().add(file(8), label: "leaves")
        try keys().remove(added.slotName)
        #expect(try opens(testKey) && !opens(file(8)))
        #expect(try slots().count == 1)
        // Nor does its slot file, kept by who was removed.
        #expect(try labels() == ["test"])
    }

    @Test func aCopyOfARemovedSlotOpensNothingHere() throws {
        let added = try keys().add(file(8), label: "leaves")
        let name = "slots/\(Hex.encode(added.slotName))"
        let copy = files.contents[name]
        try keys().remove(added.slotName)
        files.replace(name, copy)
        let error = #expect(throws: SnapError.self) { try open(file(8)) }
        #expect(error?.kind == .wrongKey)
        #expect(try labels() == ["test", nil])
    }

    @Test func theLastKeyStays() throws {
        let own = try keys().list().keys[0].name
        let error = #expect(throws: SnapError.self) { try keys().remove(own) }
        #expect(error?.kind == .refused)
        #expect(try opens(testKey))
        // One whose slot file is gone is no other key.
        let added = try keys().add(file(8), label: "lost")
        files.replace("slots/\(Hex.encode(added.slotName))", nil)
        let again = #expect(throws: SnapError.self) { try keys().remove(own) }
        #expect(again?.kind == .refused)
        #expect(try keys().list().keys.map(\.opens) == [true, false])
        try keys().remove(added.slotName)
        #expect(try labels() == ["test"])
    }

    @Test func aKeyMayRemoveItselfIfAnotherOneStays() throws {
        try keys().add(file(8), label: "stays")
        let keys = try keys()
        try keys.remove(try #require(try keys.list().keys.first { $0.isInUse }).name)
        #expect(try !opens(testKey) && opens(file(8)))
        let error = #expect(throws: SnapError.self) { try keys.list() }
        #expect(error?.kind == .wrongKey)
    }

    @Test func whatIsNotThereCannotBeRemoved() throws {
        let error = #expect(throws: SnapError.self) {
            try keys().remove([UInt8](repeating: 1, count: 16))
        }
        #expect(error?.kind == .notFound)
        #expect(try keys().list().keyring == 1)
    }

    @Test func aReplacedKeyOpensNothingAndItsSuccessorOpens() throws {
        let repository = try open()
        let keys = KeyAdministration(repository, stretching: cheap)
        try keys.replaceKeyInUse(by: password("new"))
        #expect(try !opens(testKey) && opens(password("new")))
        #expect(try slots().count == 1)
        // The process goes on with the new key.
        try keys.replaceKeyInUse(by: file(9))
        try keys.rotate()
        #expect(try opens(file(9)) && !opens(password("new")))
        #expect(try self.keys(file(9)).list().keys.map(\.holder?.label) == ["test"])
    }

    @Test func moreKeysThanAReaderTriesAreRefused() throws {
        let keys = try keys()
        for number in 1..<Slot.countMax {
            try keys.add(file(UInt8(100 + number)), label: "\(number)")
        }
        let error = #expect(throws: SnapError.self) { try keys.add(file(8), label: "") }
        #expect(error?.kind == .refused)
        #expect(try slots().count == Slot.countMax)
        for number in 1..<Slot.countMax { #expect(try opens(file(UInt8(100 + number)))) }
    }

    @Test func aKeyIsNamedByItsIdOrItsLabel() throws {
        try keys().add(file(8), label: "deputy")
        try keys().add(file(9), label: "second")
        // The name of one is the label of another.
        let name = try keys().list().keys[2].hexName
        try keys().add(file(10), label: name)
        let list = try keys().list()
        #expect(try list.key("deputy").name == list.keys[1].name)
        #expect(try list.key(list.keys[1].hexName).name == list.keys[1].name)
        #expect(try list.key(list.keys[1].hexName.uppercased()).name == list.keys[1].name)
        for (text, kind) in [
            (name, SnapError.Kind.invalid), ("nobody", .notFound), ("", .notFound),
        ] {
            let error = #expect(throws: SnapError.self) { try list.key(text) }
            #expect(error?.kind == kind, "\(text)")
        }
    }

    @Test func aLabelTellsKeysApart() throws {
        try keys().add(file(8), label: "kim")
        let before = try slots()
        let error = #expect(throws: SnapError.self) { try keys().add(file(9), label: "kim") }
        #expect(error?.kind == .exists)
        #expect(try slots() == before)
        #expect(try keys().freeLabel("bob") == "bob")
        #expect(try keys().freeLabel("kim") == "kim 2")
        try keys().add(file(9), label: "kim 2")
        #expect(try keys().freeLabel("kim") == "kim 3")
    }

    @Test func aLabelHasABound() throws {
        let error = #expect(throws: SnapError.self) {
            try keys().add(file(8), label: String(repeating: "x", count: 256))
        }
        #expect(error?.kind == .invalid)
        #expect(try slots().count == 1)
    }

    // MARK: Slots in no keyring

    /// A slot as an interrupted addition leaves it.
    private func orphan(_ credential: Credential, before name: String) throws -> String {
        let repository = try open()
        let keys = SlotKeys(agreement: try AgreementKey(), mac: repository.sealed.keyring.keys.mac)
        while true {
            let slot = try Slot(
                credential, keys: keys, stretching: cheap, salt: try Random.bytes(32),
                repository: repository.id)
            guard try slot.name() < name else { continue }
            try store.create("slots/\(slot.name())", slot.file)
            return try slot.name()
        }
    }

    @Test func aSlotInNoKeyringShadowsNone() throws {
        try keys().add(password("good"), label: "")
        let good = try keys(password("good")).list().keys.first { $0.isInUse }!.hexName
        let orphan = try orphan(password("good"), before: good)
        #expect(try opens(password("good")) && opens(testKey))
        let list = try keys().list()
        #expect(list.keys.last?.hexName == orphan && list.keys.last?.opens == false)
        try keys().remove(try list.key(orphan).name)
        #expect(try slots().count == 2 && !slots().contains(orphan))
        #expect(try opens(password("good")) && opens(testKey))
    }

    @Test func aSlotInNoKeyringOpensNothing() throws {
        _ = try orphan(password("never"), before: "g")
        let error = #expect(throws: SnapError.self) { try open(password("never")) }
        #expect(error?.kind == .wrongKey)
    }

    // MARK: Two administrators

    enum Deed: CaseIterable {
        case add, replace, removeOther, rotate
    }

    /// `mine` and `other` hold keys 1 and 2; key 7 is there besides.
    private func perform(_ deed: Deed, _ own: UInt8, on files: MemoryFileLayer) throws {
        let repository = try openRepository(on: files, file(own))
        let keys = KeyAdministration(repository, stretching: cheap)
        switch deed {
        case .add: try keys.add(file(own + 10), label: "added by \(own)")
        case .replace: try keys.replaceKeyInUse(by: file(own + 10))
        case .removeOther: try keys.remove(try keys.list().key("key \(3 - own)").name)
        case .rotate: try keys.rotate()
        }
    }

    /// The other one does all of his between any two calls of the first one to the store.
    @Test(arguments: Deed.allCases, Deed.allCases)
    func ofTwoAdministratorsNeitherLosesTheOthersChange(_ mine: Deed, _ others: Deed) throws {
        try keys().add(file(1), label: "key 1")
        try keys().add(file(2), label: "key 2")
        files.replace("tmp/place", [])
        let start = files.contents
        var call = 0
        var raced = true
        while raced {
            call += 1
            let files = MemoryFileLayer(files: start)
            let hit = Mutex(false)
            let theirs = Mutex(Result<Void, any Error>.success(()))
            files.before = { [call] _, _, number in
                guard number >= call,
                    !hit.withLock({ was in
                        defer { was = true }
                        return was
                    })
                else { return }
                theirs.withLock {
                    $0 = Result { try perform(others, 2, on: files) }
                }
            }
            let own = Result { try perform(mine, 1, on: files) }
            files.before = nil
            raced = hit.withLock { $0 }
            if raced {
                try judge((mine, own), (others, theirs.withLock { $0 }), files, "call \(call)")
            }
        }
        #expect(call > 20)
    }

    private func judge(
        _ mine: (deed: Deed, result: Result<Void, any Error>),
        _ others: (deed: Deed, result: Result<Void, any Error>),
        _ files: MemoryFileLayer, _ what: String
    ) throws {
        let list = try KeyAdministration(openRepository(on: files)).list()
        #expect(list.keys.allSatisfy { $0.holder == nil || $0.opens }, "\(what)")
        let both = [(mine.deed, mine.result, UInt8(1)), (others.deed, others.result, 2)]
        for (deed, result, own) in both {
            switch result {
            case .success:
                switch deed {
                case .add, .replace:
                    let new = try? openRepository(on: files, file(own + 10))
                    let label = deed == .add ? "added by \(own)" : "key \(own)"
                    // Replaced or added it opens, unless the other one has removed just that.
                    let isListed = list.keys.contains { $0.holder?.label == label }
                    #expect((new != nil) == isListed, "\(what)")
                    let isRemoved = deed == .replace && both.contains { $0.0 == .removeOther }
                    #expect(isListed || isRemoved, "\(what)")
                case .removeOther:
                    #expect(
                        (try? openRepository(on: files, file(3 - own))) == nil, "\(what)")
                case .rotate: #expect(list.generation >= 1, "\(what)")
                }
            case .failure(let error):
                // Only who was removed fails, or who would remove what is gone.
                let kind = (error as? SnapError)?.kind
                #expect(
                    kind == .wrongKey || deed == .removeOther && kind == .notFound,
                    "\(what): \(error)")
                #expect(both.contains { $0.0 == .removeOther }, "\(what): \(error)")
            }
        }
        if mine.deed == .rotate && others.deed == .rotate {
            #expect(list.generation == 2, "\(what)")
        }
        #expect(
            list.keys.contains { ["key 1", "key 2"].contains($0.holder?.label) }, "\(what)")
    }

    // MARK: Generations

    private func snapshot(_ seed: UInt64, _ repository: Repository) throws -> Manifest {
        try SampleTree.small(seed: seed).backUp(to: repository)
    }

    private func compare(_ seed: UInt64, _ manifest: Manifest, _ repository: Repository) throws {
        let view = try SnapshotView(manifest, repository: repository, caches: ViewCaches())
        let findings = SampleTree.small(seed: seed).compare(with: view)
        #expect(findings.wrong == [] && findings.errors.isEmpty, "\(findings)")
    }

    private func generation(_ name: String) throws -> UInt32 {
        try ContainerHeader(Array(files.contents[name]!.prefix(80)), name: name).generation
    }

    @Test func newFilesAreSealedUnderTheNewestGeneration() throws {
        let first = try snapshot(1, open())
        let before = Set(files.contents.keys)
        #expect(try keys().rotate() == 1)
        let second = try snapshot(2, open())
        let names = files.contents.keys.filter {
            !before.contains($0) && !$0.hasPrefix("keyring/") && !$0.hasPrefix("tmp/")
        }
        #expect(names.contains { $0.hasPrefix("data/") })
        for name in names { #expect(try generation(name) == 1, "\(name)") }
        try compare(1, first, open())
        try compare(2, second, open())
    }

    @Test func rotationKeepsDeduplication() throws {
        _ = try snapshot(1, open())
        try keys().rotate()
        let again = try snapshot(1, open())
        #expect(again.totals.bytesAdded == 0)
    }

    @Test func whoWasThereBeforeReadsWhatIsSealedAfterARotation() throws {
        try keys().add(file(8), label: "reader")
        let (reader, writer) = (try open(file(8)), try open())
        try keys().rotate()
        let second = try snapshot(2, open())
        try keys().rotate()
        let third = try snapshot(3, open())
        #expect(try reader.catalog().snapshots.map(\.id) == [second.id, third.id])
        try reader.refresh()
        try compare(2, second, reader)
        try compare(3, third, reader)
        // Who has not met a new generation goes on under the old one, and is read all the same.
        let fourth = try snapshot(4, writer)
        try compare(4, fourth, open())
        try compare(4, fourth, writer)
    }

    @Test func whoWasRemovedMeanwhileIsToldSo() throws {
        let added = try keys().add(file(8), label: "leaves")
        let reader = try open(file(8))
        try keys().remove(added.slotName)
        let first = try snapshot(1, open())
        #expect(try reader.catalog().snapshots.map(\.id) == [first.id], "nothing is new to it")
        try keys().rotate()
        _ = try snapshot(2, open())
        let error = #expect(throws: SnapError.self) { try reader.catalog() }
        #expect(error?.kind == .wrongKey)
    }

    @Test func anUnknownGenerationIsDamage() throws {
        let manifest = try snapshot(1, open())
        let repository = try open()
        let name = "snapshots/\(manifest.hexID)"
        var bytes = files.contents[name]!
        bytes[8] = 5
        files.replace(name, bytes)
        #expect(try repository.catalog().damaged.values.map(\.kind) == [.damaged])
    }

    @Test func aCollectionMovesOldPacksToTheNewGeneration() throws {
        let (first, second) = (try snapshot(1, open()), try snapshot(2, open()))
        try keys().rotate()
        let repository = try open()
        let report = try Collector(
            ledger: try repository.ledger,
            inventory: PackInventory(repository, unusedMax: .part(0)),
            liveness: SessionWatch(cache: nil),
            origin: Origin(time: 1000, host: "host", user: "root"), now: 1000
        ).run()
        guard case .done = report.result else {
            Issue.record("\(report.result)")
            return
        }
        for name in files.contents.keys where name.hasPrefix("data/") || name.hasPrefix("meta/") {
            #expect(try generation(name) == 1, "\(name)")
        }
        try compare(1, first, open())
        try compare(2, second, open())
    }
}
