// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct ReadRotationTests {
    private let directory: TestRepository
    private let cache: LocalStore

    init() throws {
        // Any directory will do for a cache.
        directory = try TestRepository()
        cache = try directory.store()
    }

    private func pack(_ number: UInt64, size: UInt32 = 100) -> PackDescription {
        PackDescription(
            name: ObjectID(words: (number &* 0x9e37_79b9_7f4a_7c15, number, 0, 0)),
            salt: [UInt8](repeating: 0, count: 32), fileSize: size, generation: 0,
            kind: .dataPack)
    }

    /// A run; returns what it read, and what it says of the round.
    @discardableResult
    private func run(
        _ packs: [PackDescription], _ share: ReadShare, damaged: Set<ObjectID> = [],
        cached: Bool = true, day: Int = 0
    ) -> (read: Set<ObjectID>, progress: (read: UInt64, total: UInt64)) {
        let rotation = ReadRotation(share, cache: cached ? cache : nil, day: day)
        let taken = rotation.take(packs)
        for name in taken { rotation.note(name, isSound: !damaged.contains(name)) }
        rotation.end()
        return (taken, rotation.progress)
    }

    @Test(arguments: [1, 7, 30, 31]) func soManyRunsAsPartsReadEverythingOnce(parts: Int) {
        let packs = (1...210).map { pack($0, size: UInt32(50 + $0 % 7 * 100)) }
        var read: Set<ObjectID> = []
        for number in 1...parts {
            let run = run(packs, .part(1 / Double(parts)))
            #expect(read.isDisjoint(with: run.read) || run.progress.read < run.progress.total)
            read.formUnion(run.read)
            if number < parts / 2 { #expect(read.count < packs.count) }
        }
        #expect(read.count == packs.count)
    }

    @Test func beginsAgainWithWhatWasReadFirst() {
        let packs = (1...6).map { pack($0) }
        let rounds = (0..<6).map { _ in run(packs, .bytes(200)).read }
        #expect(rounds[0].union(rounds[1]).union(rounds[2]).count == 6)
        #expect(Array(rounds[3...]) == Array(rounds[..<3]))
    }

    @Test func aRunOverTheEndOfARoundGoesOnInTheNext() {
        let packs = (1...5).map { pack($0) }
        #expect(run(packs, .bytes(300)).progress == (300, 500))
        let second = run(packs, .bytes(300))
        #expect(second.read.count == 3)
        #expect(second.progress == (100, 500))
    }

    @Test func theWholeIsTheWholeInEveryRun() {
        let packs = (1...5).map { pack($0) }
        run(packs, .bytes(200))
        for _ in 0..<3 {
            let whole = run(packs, .part(1))
            #expect(whole.read.count == 5 && whole.progress == (500, 500))
        }
        // Also of packs of which some came since.
        #expect(run(packs + [pack(6)], .part(1)).progress == (600, 600))
    }

    @Test func whatIsDamagedIsReadAllTheSame() {
        let packs = (1...5).map { pack($0) }
        for _ in 0..<3 {
            #expect(run(packs, .part(1), damaged: [packs[2].name]).progress == (500, 500))
        }
    }

    @Test func packsThatComeAreReadFirst() {
        let old = (1...4).map { pack($0) }
        let first = run(old, .bytes(200)).read
        let new = [pack(10), pack(11)]
        #expect(run(old + new, .bytes(400)).read == Set((old + new).map(\.name)).subtracting(first))
    }

    @Test func packsThatGoUpsetNothing() {
        let packs = (1...6).map { pack($0) }
        let first = run(packs, .bytes(200)).read
        let left = packs.filter { !first.contains($0.name) }
        #expect(run(left, .bytes(200)).progress == (200, 400))
        #expect(run(left, .bytes(200)).progress == (400, 400))
    }

    @Test func damageIsReadAgainByEveryRunUntilItIsGone() {
        let packs = (1...10).map { pack($0) }
        let bad: Set = [packs[3].name, packs[7].name]
        var read: Set<ObjectID> = []
        for number in 0..<10 {
            let run = run(packs, .bytes(100), damaged: bad).read
            if bad.isSubset(of: read) { #expect(bad.isSubset(of: run), "run \(number)") }
            read.formUnion(run)
        }
        // Nor does it keep the others from being read.
        #expect(read.count == 10)
        #expect(bad.isSubset(of: run(packs, .bytes(100)).read))
        #expect(!bad.isSubset(of: run(packs, .bytes(100)).read))
    }

    @Test func twoRunsAtOnceLoseNothing() throws {
        let packs = (1...4).map { pack($0) }
        let (a, b) = (
            ReadRotation(.bytes(200), cache: cache, day: 0),
            ReadRotation(.bytes(300), cache: cache, day: 0)
        )
        let both = a.take(packs).union(b.take(packs))
        for rotation in [a, b] {
            for pack in both { rotation.note(pack, isSound: true) }
            rotation.end()
        }
        #expect(try cache.list("read").count == 2)
        #expect(run(packs, .bytes(100)).read.isDisjoint(with: both))
        #expect(try cache.list("read").count == 1)
    }

    @Test func aDamagedRecordIsDoneWithout() throws {
        let packs = (1...4).map { pack($0) }
        run(packs, .bytes(200))
        let file = try directory.files("read")[0]
        let whole = try directory.read(file)
        for damage in [[], Array(whole.prefix(20)), [1, 2, 3], whole.map { $0 ^ 1 }] {
            try directory.overwrite(file, damage)
            let rotation = ReadRotation(.bytes(200), cache: cache, day: 0)
            #expect(rotation.take(packs).count == 2)
        }
    }

    @Test func withoutACacheDaysReadDifferentParts() {
        let packs = (1...100).map { pack($0) }
        var read: Set<ObjectID> = []
        for day in 0..<30 { read.formUnion(run(packs, .part(0.1), cached: false, day: day).read) }
        #expect(read.count > 80)
        #expect(!ReadRotation(.part(1), cache: nil, day: 0).remembers)
    }
}
