// SPDX-License-Identifier: MIT
//
// A snapshot as a file system. Entries are named by their preorder rank, which follows from the
// counts in the directories and is stored nowhere: any rank is found again from the root in a few
// steps, so nothing has to be kept for what a client may ask about later. Knows no FUSE.

import SnapBase
import SnapFormat
import SnapRepository
import Synchronization

/// Decoded nodes and resolved places, shared by all views of a repository.
package final class ViewCaches: Sendable {
    let directories: LRUCache<ObjectID, DirectoryNode>
    let lists: LRUCache<ObjectID, ListNode>
    let locations: LRUCache<ObjectID, ObjectLocation>
    let places: LRUCache<PlaceKey, RememberedPlace>

    struct PlaceKey: Hashable, Sendable {
        var view: UInt64
        var rank: UInt64
    }

    /// A place that does not keep its leaf in memory: the leaves are bounded by their own cache.
    struct RememberedPlace: Sendable {
        weak var leaf: DirectoryNode?
        var index: Int
    }

    /// Bounds in bytes, and locations and places by number.
    package init(
        directories: Int = 24 << 20, lists: Int = 4 << 20, locations: Int = 16384,
        places: Int = 32768
    ) {
        self.places = LRUCache(costMax: places)
        self.directories = LRUCache(costMax: directories)
        self.lists = LRUCache(costMax: lists)
        self.locations = LRUCache(costMax: locations)
    }
}

/// An entry of a snapshot: the leaf that describes it and its rank.
package struct Place: Sendable {
    package let leaf: DirectoryNode
    package let index: Int
    /// 0 for the root; unique within the snapshot.
    package let rank: UInt64

    package init(leaf: DirectoryNode, index: Int, rank: UInt64) {
        self.leaf = leaf
        self.index = index
        self.rank = rank
    }

    package var attributes: Attributes { leaf.attributes(at: index) }
    package var name: [UInt8] { leaf.name(at: index) }

    package func hasName(_ name: [UInt8]) -> Bool {
        leaf.withName(at: index) { own in name.withUnsafeBytes { compareNames(own, $0) == 0 } }
    }

    /// The entry behind this one; nil for the last of its leaf.
    package var next: Place? {
        guard index + 1 < leaf.count else { return nil }
        let weight = leaf.rank(at: index + 1) - leaf.rank(at: index)
        return Place(leaf: leaf, index: index + 1, rank: rank + weight)
    }
}

/// Thread-safe.
package final class SnapshotView: Sendable {
    package let manifest: Manifest
    package let root: Place
    private let repository: Repository
    let objects: ObjectReader
    let caches: ViewCaches
    /// Tells the views that share caches apart; never used again, unlike an address.
    private let number: UInt64
    private static let numbers = Atomic<UInt64>(0)

    package init(_ manifest: Manifest, repository: Repository, caches: ViewCaches) throws {
        self.manifest = manifest
        self.repository = repository
        objects = repository.objects
        self.caches = caches
        number = Self.numbers.add(1, ordering: .relaxed).newValue
        let leaf = try DirectoryNode(DirectoryEncoder.leaf([manifest.root]), root: true)
        root = Place(leaf: leaf, index: 0, rank: 0)
    }

    // MARK: Nodes

    private func node(_ id: ObjectID, alone: Bool = false) throws -> DirectoryNode {
        try caches.directories.value(
            id, cost: { $0.memory },
            make: {
                try within("directory \(id.hex.prefix(16))") {
                    try DirectoryNode(try bytes(id, alone: alone))
                }
            })
    }

    /// The first node of a directory; nil for an empty one or anything else.
    func firstNode(_ place: Place) throws -> DirectoryNode? {
        let (code, id) = place.leaf.reference(at: place.index)
        return code == 5 ? try firstNode(id, of: place.attributes) : nil
    }

    /// The first node of the directory that has these attributes; `alone` as in `bytes`.
    func firstNode(
        _ id: ObjectID, of attributes: Attributes, alone: Bool = false
    ) throws -> DirectoryNode {
        let node = try node(id, alone: alone)
        guard node.entriesBelow == attributes.count, node.bytesBelow == attributes.size else {
            throw SnapError(
                .damaged, "directory \(id.hex.prefix(16)): is not what its entry counts")
        }
        return node
    }

    func childNode(_ parent: DirectoryNode, _ index: Int) throws -> DirectoryNode {
        let id = parent.child(at: index).id
        let child = try node(id)
        try NodeCounts(child).require(NodeCounts(childOf: parent, index), of: id)
        try child.requireChild(of: parent, index)
        return child
    }

    // MARK: Places

    /// The entry of a rank; throws `.notFound` for one that the snapshot does not have.
    package func place(_ rank: UInt64) throws -> Place {
        if rank == 0 { return root }
        if let remembered = caches.places.value(key(rank)), let leaf = remembered.leaf {
            return Place(leaf: leaf, index: remembered.index, rank: rank)
        }
        let place = try find(rank) { _ in }
        remember(place)
        return place
    }

    /// The names that lead to the entry of a rank; throws like `place`.
    package func components(_ rank: UInt64) throws -> [[UInt8]] {
        if rank == 0 { return [] }
        var names: [[UInt8]] = []
        let place = try find(rank) { names.append($0.name) }
        return names + [place.name]
    }

    /// Looks for the entry of a rank from the root on; hears of the directories on the way.
    private func find(_ rank: UInt64, passing: (Place) -> Void) throws -> Place {
        var rest = rank - 1
        guard var node = try firstNode(root), rest < node.entriesBelow else {
            throw SnapError(.notFound, "the snapshot has no entry \(rank)")
        }
        while true {
            let index = node.index(ofRank: rest)
            let before = node.rank(at: index)
            if node.level > 0 {
                rest -= before
                node = try childNode(node, index)
                continue
            }
            let place = Place(leaf: node, index: index, rank: rank - (rest - before))
            if rest == before { return place }
            passing(place)
            rest -= before + 1
            guard let next = try firstNode(place) else {
                throw SnapError(.damaged, "an entry counts more than it holds")
            }
            node = next
        }
    }

    private func key(_ rank: UInt64) -> ViewCaches.PlaceKey {
        ViewCaches.PlaceKey(view: number, rank: rank)
    }

    private func remember(_ place: Place) {
        caches.places.insert(
            key(place.rank), ViewCaches.RememberedPlace(leaf: place.leaf, index: place.index),
            cost: 1)
    }

    /// The entry of a name in a directory; nil where there is none.
    package func lookup(_ name: UnsafeRawBufferPointer, in directory: Place) throws -> Place? {
        guard let node = try firstNode(directory) else { return nil }
        let found = try lookup(name, under: node, start: directory.rank + 1)
        if let found { remember(found) }
        return found
    }

    /// The same below the first node of a directory, whose first entry has the rank `start`.
    func lookup(
        _ name: UnsafeRawBufferPointer, under first: DirectoryNode, start: UInt64
    ) throws -> Place? {
        var (node, start) = (first, start)
        while let (index, exact) = node.search(name) {
            if node.level == 0 {
                guard exact else { return nil }
                return Place(leaf: node, index: index, rank: start + node.rank(at: index))
            }
            start += node.rank(at: index)
            node = try childNode(node, index)
        }
        return nil
    }

    package func lookup(_ name: [UInt8], in directory: Place) throws -> Place? {
        try name.withUnsafeBytes { try lookup($0, in: directory) }
    }

    /// Calls body with the entries of a directory in order of names from the `first`-th on, until
    /// it answers false.
    package func forEach(
        in directory: Place, from first: Int = 0, _ body: (Place) throws -> Bool
    ) throws {
        guard let node = try firstNode(directory) else { return }
        // The way down to a leaf: a node and the next record of it.
        var stack: [(node: DirectoryNode, next: Int, start: UInt64)] = [
            (node, 0, directory.rank + 1)
        ]
        var skip = first
        while let top = stack.last {
            if top.node.level > 0 {
                guard top.next < top.node.count else {
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let entries = Int(clamping: top.node.child(at: top.next).entries)
                if skip >= entries {
                    skip -= entries
                    continue
                }
                stack.append(
                    (
                        try childNode(top.node, top.next), 0,
                        top.start + top.node.rank(at: top.next)
                    ))
                continue
            }
            stack.removeLast()
            if skip >= top.node.count {
                skip -= top.node.count
                continue
            }
            for index in skip..<top.node.count {
                let place = Place(
                    leaf: top.node, index: index, rank: top.start + top.node.rank(at: index))
                guard try body(place) else { return }
            }
            skip = 0
        }
    }

    /// Calls body with the leaves of the directory of an entry that hold names behind `name`, with
    /// the index of the first of those, the rank of the leaf's first entry behind the directory,
    /// and the leaf's id, until it answers false.
    func forEachLeaf(
        _ directory: Entry, behind name: [UInt8],
        _ body: (DirectoryNode, _ first: Int, _ rank: UInt64, _ id: ObjectID) throws -> Bool
    ) throws {
        guard case .directory(let id) = directory.content else { return }
        func position(_ node: DirectoryNode) -> Int {
            let found = name.withUnsafeBytes { node.search($0) }
            return node.level > 0 ? found?.index ?? 0 : found.map { $0.index + 1 } ?? 0
        }
        let node = try firstNode(id, of: directory.attributes, alone: true)
        var stack = [(node: node, id: id, next: position(node), start: UInt64(1))]
        while let top = stack.popLast() {
            if top.node.level == 0 {
                if top.next < top.node.count {
                    guard try body(top.node, top.next, top.start, top.id) else { return }
                }
            } else if top.next < top.node.count {
                stack.append((top.node, top.id, top.next + 1, top.start))
                let child = try childNode(top.node, top.next)
                stack.append(
                    (
                        child, top.node.child(at: top.next).id, position(child),
                        top.start + top.node.rank(at: top.next)
                    ))
            }
        }
    }

    /// The entry of a path below the root; nil where there is none. Slashes may lead and repeat.
    package func place(path: [UInt8]) throws -> Place? {
        var place = root
        for part in path.split(separator: 0x2f) where part != [0x2e] {
            guard let next = try lookup(Array(part), in: place) else { return nil }
            place = next
        }
        return place
    }

    // MARK: Content

    package func entry(_ place: Place) throws -> Entry { try place.leaf.entry(at: place.index) }

    package func linkTarget(_ place: Place) throws -> [UInt8] { try entry(place).target }

    /// The extended attributes in order of names.
    package func xattrs(_ place: Place) throws -> [ExtendedAttribute] {
        guard place.leaf.hasExtension(at: place.index) else { return [] }
        return try xattrs(of: try entry(place))
    }

    package func xattrs(of entry: Entry) throws -> [ExtendedAttribute] {
        try ExtendedAttribute.decode(try xattrRun(of: entry))
    }

    /// The extended attributes in their encoded form; empty for none.
    package func xattrRun(of entry: Entry) throws -> [UInt8] {
        switch entry.xattrs {
        case .none: return []
        case .inline(let run): return run
        case .object(let id, let length):
            let bytes = try bytes(id)
            guard bytes.count == Int(length) else {
                throw SnapError(.damaged, "extended attributes of the wrong length")
            }
            return bytes
        }
    }

    /// A small object of this snapshot, wherever a collection has moved it. What follows it in the
    /// snapshot is not decoded ahead where it is read `alone`.
    func bytes(_ id: ObjectID, alone: Bool = false) throws -> [UInt8] {
        try repository.afresh { try objects.bytes(id, alone: alone) }
    }

    /// The record that holds an object of this snapshot, and where in it.
    func record(of id: ObjectID) throws -> (record: Record, location: ObjectLocation) {
        if let location = caches.locations.value(id) {
            // It may have been moved since.
            do { return (try objects.record(location), location) } catch let error as SnapError
                where error.isFinding
            {}
        }
        return try repository.afresh {
            let location = try objects.locate(id)
            let record = try objects.record(location)
            caches.locations.insert(id, location, cost: 1)
            return (record, location)
        }
    }
}
