// SPDX-License-Identifier: MIT
//
// Lies that a repository may tell although every byte of it is authentic. The view answers with an
// error where it meets one; it never traps, never goes on for ever and never gives out a name that
// leads elsewhere.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapView
import Testing

@testable import SnapRepository

/// One lie: what is added to a repository, and the root of the tree.
struct Lie: Sendable, CustomTestStringConvertible {
    let name: String
    let root: @Sendable (HostileRepository) throws -> Entry
    var testDescription: String { name }

    init(_ name: String, _ root: @escaping @Sendable (HostileRepository) throws -> Entry) {
        self.name = name
        self.root = root
    }
}

@Suite struct HostileTests {
    /// The tests below prove something only if the same road carries what is true.
    @Test func aTruthfulRepositoryIsRead() throws {
        let repository = try HostileRepository()
        let data = try repository.add(.data, [UInt8](repeating: 1, count: 5000))
        let list = try repository.add(
            .list,
            ListNode(
                level: 0,
                extents: [
                    Extent(end: 100, id: nil), Extent(end: 5100, id: data),
                ]
            ).bytes)
        let below = try repository.directory([
            HostileRepository.file("a", .chunk(data), size: 5000),
            HostileRepository.file("b", .list(list), size: 5100),
        ])
        let root = try repository.directory([below])
        let probe = Probe(try repository.view(root), seed: Seed.run)
        probe.run()
        #expect(probe.entries == 3)
        #expect(probe.damaged == 0)
    }

    @Test(arguments: Lie.names + Lie.counts + Lie.levels + Lie.files + Lie.records + Lie.xattrs)
    func aLieIsFoundOut(_ lie: Lie) throws {
        let repository = try HostileRepository()
        let root = try lie.root(repository)
        let view: SnapshotView
        do { view = try repository.view(root) } catch {
            #expect(SnapError.wrap(error).kind == .damaged)
            return
        }
        let probe = Probe(view, seed: Seed.run)
        probe.run()
        #expect(probe.damaged > 0)
        #expect(probe.strange == 0, "\(probe.errors)")
    }

    /// Any byte of any structure wrong, before it is sealed: whatever the view says, it says it.
    @Test func randomChangesOfStructuresNeverTrap() throws {
        var random = SeededRandom(Seed.run)
        var errors = 0
        for _ in 0..<300 {
            let repository = try HostileRepository()
            var (data, list, leaf, index) = (0, 0, 0, 0)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: data = 1
            case 1: list = Int.random(in: 1...4, using: &random)
            case 2: leaf = Int.random(in: 1...4, using: &random)
            default: index = Int.random(in: 1...4, using: &random)
            }
            let chunk = try repository.add(
                .data, Self.changed([UInt8](repeating: 1, count: 3000), data, &random))
            let nodes = [
                ListNode(
                    level: 0,
                    extents: (1...20).map { Extent(end: $0 * 150, offset: 7, id: chunk) }),
                ListNode(
                    level: 0,
                    extents: (21...30).map {
                        Extent(end: $0 * 150, id: $0 % 2 == 0 ? nil : chunk)
                    }),
            ]
            let children = try nodes.map {
                Extent(
                    end: $0.extents.last!.end,
                    id: try repository.add(.list, Self.changed($0.bytes, list, &random)))
            }
            let top = try repository.add(
                .list, Self.changed(ListNode(level: 1, extents: children).bytes, list, &random))
            let entries = [
                HostileRepository.file("a", .list(top), size: 4500),
                HostileRepository.file(
                    "b", .extents([Extent(end: 10, id: nil), Extent(end: 3000, id: chunk)]),
                    size: 3000),
                HostileRepository.file("c", .inline([1, 2, 3]), size: 3),
            ]
            let first = try repository.add(
                .directory, Self.changed(DirectoryEncoder.leaf(entries), leaf, &random))
            let second = try repository.add(
                .directory,
                Self.changed(
                    DirectoryEncoder.leaf((0..<5).map { HostileRepository.empty([0x70 + $0]) }),
                    leaf, &random))
            let node = Lie.indexNode(
                level: 1,
                [
                    .init(name: "a", entries: 3, below: 3, bytes: 7503, id: first),
                    .init(name: "p", entries: 5, below: 5, bytes: 0, id: second),
                ])
            var root = HostileRepository.directory(
                "", try repository.add(.directory, Self.changed(node, index, &random)))
            root.attributes.count = 8
            root.attributes.size = 7503
            let probe = Probe(try repository.view(root), seed: Seed.run)
            probe.run()
            errors += probe.damaged > 0 ? 1 : 0
            #expect(probe.strange == 0, "\(probe.errors)")
        }
        print("hostile: 300 random structures, \(errors) found out")
        #expect(errors > 30)
    }

    private static func changed(
        _ bytes: [UInt8], _ count: Int, _ random: inout SeededRandom
    ) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<count {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            bytes[index] =
                [0, 0xff, bytes[index] ^ 1, UInt8.random(in: 0...255, using: &random)][
                    Int.random(in: 0..<4, using: &random)]
        }
        return bytes
    }
}
