// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapTestSupport
import Testing

@Suite struct DirectoryEncoderTests {
    private static let keys = try! DerivedKeys(master: Secret([UInt8](repeating: 1, count: 32)))

    /// Nodes by id, and the id of the first one.
    private struct Encoded {
        var nodes: [ObjectID: [UInt8]] = [:]
        var first: ObjectID?

        init(_ entries: [Entry]) throws {
            var nodes: [ObjectID: [UInt8]] = [:]
            first = try DirectoryEncoder.encode(entries, keys: keys) { bytes in
                let id = try keys.id(.directory, bytes)
                nodes[id] = bytes
                return id
            }
            self.nodes = nodes
        }

        func node(_ id: ObjectID) throws -> DirectoryNode {
            try DirectoryNode(try #require(nodes[id]))
        }

        /// The leaf and record of a name, with its rank in the directory.
        func find(_ name: [UInt8]) throws -> (node: DirectoryNode, index: Int, rank: UInt64)? {
            var node = try node(try #require(first))
            var rank: UInt64 = 0
            while let (index, exact) = name.withUnsafeBytes({ node.search($0) }) {
                rank += node.rank(at: index)
                if node.level == 0 { return exact ? (node, index, rank) : nil }
                let child = try self.node(node.child(at: index).id)
                #expect(child.level + 1 == node.level)
                node = child
            }
            return nil
        }

        func names(_ id: ObjectID) throws -> [[UInt8]] {
            let node = try node(id)
            if node.level == 0 { return (0..<node.count).map { node.name(at: $0) } }
            return try (0..<node.count).flatMap { index in
                let child = node.child(at: index)
                let names = try names(child.id)
                #expect(names.count == Int(child.entries))
                #expect(names.first == node.name(at: index))
                return names
            }
        }
    }

    private static func entry(_ name: [UInt8], count: UInt64 = 0, size: UInt64 = 0) -> Entry {
        var entry = Entry(
            name: name, attributes: Attributes(mode: count > 0 ? 0o40755 : 0o100644))
        entry.attributes.count = count
        entry.attributes.size = size
        if count > 0 { entry.content = .directory(ObjectID(words: (1, 2, 3, count))) }
        if count == 0 && size > 0 { entry.content = .chunk(ObjectID(words: (1, 2, 3, size))) }
        return entry
    }

    /// Sorted entries with random names, a twentieth of them directories.
    private static func entries(_ count: Int, _ random: inout SeededRandom) -> [Entry] {
        var names: Set<[UInt8]> = []
        while names.count < count {
            let name = random.bytes(Int.random(in: 1...40, using: &random))
                .map { $0 == 0 || $0 == 0x2f ? 0x61 : $0 }
            if name != [0x2e] && name != [0x2e, 0x2e] { names.insert(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }.enumerated().map { index, name in
            entry(
                name, count: index % 20 == 7 ? UInt64(index % 100 + 1) : 0, size: UInt64(index % 5))
        }
    }

    @Test func hundredThousandNamesAreFoundInOrderWithTheirRanks() throws {
        var random = SeededRandom()
        let entries = Self.entries(100_000, &random)
        let encoded = try Encoded(entries)
        let first = try #require(encoded.first)
        let root = try encoded.node(first)
        #expect(root.entriesBelow == entries.reduce(0) { $0 + $1.weight })
        #expect(root.bytesBelow == entries.reduce(0) { $0 + $1.byteWeight })
        #expect(try encoded.names(first) == entries.map(\.name))
        #expect(encoded.nodes.values.allSatisfy { $0.count <= 128 << 10 || $0[0] > 0 })
        var ranks: [UInt64] = [0]
        for entry in entries { ranks.append(ranks.last! + entry.weight) }
        for index in stride(from: 0, to: entries.count, by: 211) {
            let found = try #require(try encoded.find(entries[index].name))
            #expect(found.rank == ranks[index])
            #expect(try found.node.entry(at: found.index) == entries[index])
            #expect(try encoded.find(entries[index].name + [0]) == nil)
        }
        #expect(try encoded.find([]) == nil)
    }

    @Test func oneNameMoreRewritesFewNodes() throws {
        var random = SeededRandom()
        let entries = Self.entries(60_000, &random)
        let before = try Encoded(entries)
        for place in [0, entries.count / 2, entries.count] {
            var more = entries
            let name = place < entries.count ? entries[place].name : entries.last!.name + [1]
            if place < entries.count {
                more[place].name = name + [1]
                more.insert(entries[place], at: place)
            } else {
                more.append(Self.entry(name))
            }
            more.sort { $0.name.lexicographicallyPrecedes($1.name) }
            let after = try Encoded(more)
            let new = Set(after.nodes.keys).subtracting(before.nodes.keys)
            #expect(new.count <= 12 && after.nodes.count > 60, "\(new.count)")
        }
    }

    @Test func sameEntriesGiveTheSameNodes() throws {
        var random = SeededRandom()
        let entries = Self.entries(3000, &random)
        #expect(try Encoded(entries).first == Encoded(entries).first)
    }

    @Test func smallDirectoryIsOneLeafAndAnEmptyOneNone() throws {
        var random = SeededRandom()
        #expect(try Encoded([]).first == nil)
        #expect(try Encoded(Self.entries(1, &random)).nodes.count == 1)
        #expect(try Encoded(Self.entries(700, &random)).nodes.count == 1)
        let large = try Encoded(Self.entries(1200, &random))
        #expect(try large.node(large.first!).level == 1)
    }

    @Test func ranksLeadBackToTheirRecords() throws {
        var random = SeededRandom()
        let entries = Self.entries(500, &random)
        let leaf = try DirectoryNode(DirectoryEncoder.leaf(entries))
        for rank in 0..<leaf.entriesBelow {
            let index = leaf.index(ofRank: rank)
            #expect((leaf.rank(at: index)..<leaf.rank(at: index + 1)).contains(rank))
        }
    }

    @Test func entriesComeBackAsTheyWere() throws {
        var random = SeededRandom()
        for _ in 0..<300 {
            var entry = Self.entry([0x61])
            entry.attributes.uid = UInt32.random(in: 0 ... .max, using: &random)
            entry.attributes.mtime = Timestamp(
                seconds: Int64(bitPattern: random.next()),
                nanoseconds: UInt32.random(in: 0..<1_000_000_000, using: &random))
            entry.attributes.inode = random.next()
            entry.attributes.links = UInt32.random(in: 0 ... .max, using: &random)
            entry.attributes.linkGroup = random.next() >> 3
            entry.attributes.allocated = random.next()
            entry.attributes.changedWhileRead = Bool.random(using: &random)
            let bytes = random.bytes(Int.random(in: 1...512, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                entry.content = .inline(bytes)
                entry.attributes.size = UInt64(bytes.count)
            case 1:
                entry.content = .extents([
                    Extent(end: 10, offset: 3, id: ObjectID(random.bytes(32))),
                    Extent(end: 1 << 40, id: nil),
                ])
                entry.attributes.size = 1 << 40
            case 2:
                entry.attributes.mode = 0o120777
                entry.target = bytes.map { $0 == 0 ? 1 : $0 }
            default:
                entry.content = .list(ObjectID(random.bytes(32)))
                entry.attributes.size = random.next() >> 1 | 1
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: entry.xattrs = .inline(bytes)
            case 1: entry.xattrs = .object(ObjectID(random.bytes(32)), length: 9)
            default: break
            }
            let node = try DirectoryNode(DirectoryEncoder.leaf([entry]))
            #expect(try node.entry(at: 0) == entry)
            #expect(node.attributes(at: 0) == entry.attributes)
            #expect(
                node.hasExtension(at: 0)
                    == (entry.xattrs != .none || !entry.target.isEmpty
                        || [1, 3].contains(node.reference(at: 0).code)))
        }
    }

    @Test func namesCompareAsUnsignedBytes() {
        let names: [[UInt8]] = [[], [0], [0x61], [0x61, 0], [0x61, 0x62], [0x7f], [0x80], [0xff]]
        for (i, a) in names.enumerated() {
            for (j, b) in names.enumerated() {
                let order = a.withUnsafeBytes { a in b.withUnsafeBytes { compareNames(a, $0) } }
                #expect(order == (i == j ? 0 : i < j ? -1 : 1))
            }
        }
    }
}
