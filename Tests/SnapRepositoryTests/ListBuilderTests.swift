// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct ListBuilderTests {
    /// Keeps the nodes it is given; an id is a number that never ends in nine zero bits, so that
    /// nodes are cut at their largest, or one that does, as the test wants.
    private struct Nodes {
        var nodes: [ObjectID: [UInt8]] = [:]

        mutating func store(_ bytes: [UInt8]) -> ObjectID {
            let id = ObjectID(words: (0, 1, 2, UInt64(nodes.count) * 2 + 1))
            nodes[id] = bytes
            return id
        }

        /// Every extent of a content, in order; the sizes of nodes by level.
        func extents(_ content: Content) throws -> (extents: [Extent], counts: [UInt8: [Int]]) {
            var counts: [UInt8: [Int]] = [:]
            func collect(_ id: ObjectID, from start: UInt64) throws -> [Extent] {
                let node = try ListNode(try #require(nodes[id]), from: start)
                counts[node.level, default: []].append(node.extents.count)
                if node.level == 0 { return node.extents }
                var start = start
                return try node.extents.flatMap { child in
                    defer { start = child.end }
                    let below = try collect(try #require(child.id), from: start)
                    #expect(below.last?.end == child.end)
                    return below
                }
            }
            switch content {
            case .list(let id): return (try collect(id, from: 0), counts)
            case .extents(let extents): return (extents, counts)
            default: return ([], counts)
            }
        }
    }

    private static func id(_ number: Int) -> ObjectID {
        ObjectID(words: (1, 2, UInt64(number), UInt64(number) << 9 | 1))
    }

    private static func build(_ count: Int, id: (Int) -> ObjectID = Self.id) throws
        -> (content: Content, nodes: Nodes)
    {
        var builder = ListBuilder()
        var nodes = Nodes()
        for number in 0..<count {
            try builder.append(count: UInt64(number % 7 + 1), id: id(number)) { kind, bytes in
                #expect(kind == .list)
                return nodes.store(bytes)
            }
        }
        let content = try builder.finish { _, bytes in nodes.store(bytes) }
        #expect(builder.isEmpty)
        return (content, nodes)
    }

    @Test func nothingIsNoContentAndOneExtentAChunk() throws {
        #expect(try Self.build(0).content == .none)
        #expect(try Self.build(1).content == .chunk(Self.id(0)))
    }

    @Test(arguments: [2, 16, 17, 127, 128, 129, 1023, 1024, 1025, 2048, 2049, 100_000])
    func listHoldsEveryExtentInOrder(count: Int) throws {
        let (content, nodes) = try Self.build(count)
        let (extents, counts) = try nodes.extents(content)
        var end: UInt64 = 0
        let expected = (0..<count).map { number -> Extent in
            end += UInt64(number % 7 + 1)
            return Extent(end: end, id: Self.id(number))
        }
        #expect(extents == expected)
        if count <= Extent.inlineMax {
            #expect(nodes.nodes.isEmpty)
        } else if case .list = content {
            #expect(counts[0]?.dropLast().allSatisfy { $0 == ListNode.cutMax } == true)
        } else {
            Issue.record("a long list is not a list object")
        }
    }

    /// 1,024 * 1,024 extents and some more: three levels. (1 TiB in chunks of 512 KiB has twice
    /// that.)
    @Test func hugeListHasThreeLevels() throws {
        let (content, nodes) = try Self.build(1_050_000)
        guard case .list(let id) = content else {
            Issue.record("a long list is not a list object")
            return
        }
        let root = try ListNode(try #require(nodes.nodes[id]), from: 0)
        #expect(root.level == 2 && root.extents.count == 2)
        #expect(root.extents.last?.end == (0..<1_050_000).reduce(0) { $0 + UInt64($1 % 7 + 1) })
        #expect(nodes.nodes.count == 1026 + 2 + 1)
    }

    @Test func nodesEndWhereAnIDEndsInNineZeroBits() throws {
        let cut = ObjectID(words: (1, 2, 3, 512))
        let (content, nodes) = try Self.build(1000) {
            [127, 126, 200, 500].contains($0) ? cut : Self.id($0)
        }
        let (extents, counts) = try nodes.extents(content)
        #expect(extents.count == 1000)
        // Not before 128 entries: 127 and 200 do not cut where 128 and 501 do.
        #expect(counts[0] == [128, 373, 499])
    }

    @Test func holesBehindEachOtherAreOne() throws {
        var builder = ListBuilder()
        for count in [5, 6, 7] as [UInt64] {
            try builder.append(count: count, id: nil) { _, _ in Self.id(0) }
        }
        try builder.append(count: 1, id: Self.id(1)) { _, _ in Self.id(0) }
        try builder.append(count: 1, id: nil) { _, _ in Self.id(0) }
        let content = try builder.finish { _, _ in Self.id(0) }
        #expect(
            content
                == .extents([
                    Extent(end: 18, id: nil), Extent(end: 19, id: Self.id(1)),
                    Extent(end: 20, id: nil),
                ]))
    }

    @Test func fileOfOneHoleIsAnExtent() throws {
        var builder = ListBuilder()
        try builder.append(count: 1 << 40, id: nil) { _, _ in Self.id(0) }
        #expect(
            try builder.finish { _, _ in Self.id(0) } == .extents([Extent(end: 1 << 40, id: nil)]))
    }

    @Test func nodeOfTooManyExtentsIsDamage() throws {
        let extents = (1...ListNode.countMax + 1).map { Extent(end: UInt64($0), id: Self.id($0)) }
        #expect(
            try ListNode(ListNode(level: 0, extents: Array(extents.dropLast())).bytes, from: 0)
                .extents.count == ListNode.countMax)
        let error = #expect(throws: SnapError.self) {
            try ListNode(ListNode(level: 0, extents: extents).bytes, from: 0)
        }
        #expect(error?.kind == .damaged)
    }
}
