// SPDX-License-Identifier: MIT
//
// What a store may do to names and listings: promise 9.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapRepository

@Suite struct HostileStoreTests {
    @Test func keyringsWithAGapAreDamage() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        files.replace("keyring/00000003", files.contents["keyring/00000001"])
        let error = #expect(throws: SnapError.self) { try openRepository(on: files) }
        #expect(error?.kind == .damaged)
    }

    @Test(arguments: ["00000000", "4294967295", "1", "2", "1.tmp", "+0000001", "000000002"])
    func whatHasNoNameOfAKeyringIsIgnored(name: String) throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        files.replace("keyring/\(name)", files.contents["keyring/00000001"])
        _ = try openRepository(on: files)
        files.replace("keyring/00000001", nil)
        let error = #expect(throws: SnapError.self) { try openRepository(on: files) }
        #expect(error?.kind == .damaged)
    }

    @Test func noKeyringIsDamage() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        files.replace("keyring/00000001", nil)
        let error = #expect(throws: SnapError.self) { try openRepository(on: files) }
        #expect(error?.kind == .damaged)
    }

    @Test func manySlotsAreTriedOnlySoFar() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let slot = try #require(files.contents.first { $0.key.hasPrefix("slots/") })
        files.replace(slot.key, nil)
        files.replace("slots/\(String(repeating: "f", count: 32))", slot.value)
        for number in 0..<Slot.countMax {
            files.replace("slots/\(String(repeating: "0", count: 30))\(10 + number)", [0])
        }
        var warnings = 0
        let error = #expect(throws: SnapError.self) {
            try Repository.open(
                LocalStore(files: files, location: "memory"), testKey, warn: { _ in warnings += 1 })
        }
        #expect(error?.kind == .wrongKey || error?.kind == .damaged)
        #expect(warnings == Slot.countMax)
    }

    @Test func slotThatCannotBeReadIsNoDamage() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        files.before = { operation, path, _ in
            guard operation == .open, path.hasPrefix("slots/") else { return }
            throw SnapError(errno: EACCES, "no")
        }
        let error = #expect(throws: SnapError.self) { try openRepository(on: files) }
        #expect(error?.kind == .io && error?.code == EACCES)
    }

    @Test func foreignDirectoriesAmongThePacksAreNotLookedInto() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        try SampleTree.small(seed: 3).backUp(to: try openRepository(on: files))
        files.replace("data/lost+found/x", [1])
        files.before = { operation, path, _ in
            if operation == .list && path == "data/lost+found" {
                throw SnapError(errno: EACCES, "no")
            }
        }
        let listing = try openRepository(on: files).listPacks()
        #expect(listing.strays == ["data/lost+found"])
        #expect(listing.packs.count == 2)
    }

    @Test func whatHasNoNameOfASlotIsNotTried() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        for number in 0..<Slot.countMax { files.replace("slots/\(number)", [0]) }
        files.replace("slots/\(String(repeating: "A", count: 32))", [0])
        _ = try Repository.open(
            LocalStore(files: files, location: "memory"), testKey,
            warn: { Issue.record("\($0)") })
    }

    /// Lists every file twice.
    private final class StutteringStore: ForwardingStore {
        let base: any Store
        init(_ base: any Store) { self.base = base }
        func list(_ directory: String) throws -> [StoreEntry] {
            try base.list(directory) + base.list(directory)
        }
    }

    @Test func segmentListedTwiceIsOneSegment() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        try SampleTree.small(seed: 3).backUp(to: try openRepository(on: files))
        let repository = try openRepository(on: files)
        let reader = ObjectReader(
            sealed: SealedFiles(
                store: StutteringStore(repository.store), keyring: repository.sealed.keyring),
            keys: repository.keys, cache: nil, limits: .init())
        try reader.refresh(CollectionState())
        try reader.refresh(CollectionState())
        #expect(reader.segments.count == 1)
    }

    /// The name of a segment is not authenticated: a store may give one a name that begins as
    /// another's. Their pages must not be taken for each other's.
    @Test func segmentsWithLikeNamesKeepTheirPagesApart() throws {
        let files = MemoryFileLayer()
        try createRepository(on: files)
        let trees = (1...2).map { seed -> SampleTree in
            // One object that fills the first record of its pack, of equal size in both.
            var random = SeededRandom(seed: UInt64(seed))
            return SampleTree([.file("file\(seed)", .data(random.bytes(200_000)))])
        }
        let snapshots = try trees.map { try $0.backUp(to: try openRepository(on: files)) }
        let names = files.contents.keys.filter { $0.hasPrefix("index/") }.sorted()
        let like = names[0].prefix(22) + String(repeating: "0", count: 48)
        let segment = files.contents[names[1]]
        files.replace(names[1], nil)
        files.replace(String(like), segment)
        let repository = try openRepository(on: files)
        #expect(repository.objects.segments.count == 2)
        for (tree, snapshot) in zip(trees, snapshots) {
            let view = try SnapshotView(snapshot, repository: repository, caches: ViewCaches())
            let findings = tree.compare(with: view)
            #expect(findings.wrong == [] && findings.errors.isEmpty, "\(findings)")
        }
    }
}
