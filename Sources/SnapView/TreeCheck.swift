// SPDX-License-Identifier: MIT
//
// Checks the trees of snapshots: every directory and list node is there, is what its id says and
// what its parent counts, and every piece of content is in the index and long enough. A node that
// several places share is read once. What is kept of visited nodes is what memory grows with: some
// 100 bytes for each directory that is distinct in all snapshots together.

import SnapBase
import SnapFormat
import SnapRepository

/// What a check of trees found.
package struct TreeFindings: Sendable {
    package var findings = CheckFindings()
    /// Directory nodes that were read.
    var directories = 0
    /// Objects that are nowhere in the index; of very many the first.
    package var missing: Set<ObjectID> = []
}

/// Used by one thread.
package final class TreeCheck {
    private let objects: ObjectCheck
    private let lists: ListCheck
    private let observer: CheckObserver
    fileprivate var result = TreeFindings()
    /// Directory nodes that were read, with what they count: another parent may count otherwise.
    private var visited: [ObjectID: NodeCounts] = [:]
    /// Those with damage below: read again, so that every snapshot that has one is named.
    private var tainted: Set<ObjectID> = []

    private struct Frame {
        var id: ObjectID
        var node: DirectoryNode
        var next: Int
        /// How many components lead to the directory that the node belongs to.
        var depth: Int
    }

    private var stack: [Frame] = []
    private var components: [[UInt8]] = []
    private var snapshot: [UInt8] = []

    fileprivate init(_ objects: ObjectCheck, _ observer: CheckObserver) {
        self.objects = objects
        lists = ListCheck(objects)
        self.observer = observer
    }

    /// Checks the trees of snapshots. What lies in one of the packs `suspects` counts as there only
    /// if it reads.
    package static func run(
        _ manifests: [Manifest], _ repository: Repository, suspects: Set<ObjectID>,
        _ observer: CheckObserver
    ) throws -> TreeFindings {
        let check = TreeCheck(
            ObjectCheck(repository.objects, suspects: suspects), observer)
        for manifest in manifests { try check.run(manifest) }
        check.result.missing = check.objects.missing.ids
        return check.result
    }

    fileprivate func run(_ manifest: Manifest) throws {
        snapshot = manifest.id
        components = []
        try finding { try check(manifest.root) }
        while let frame = stack.last {
            guard frame.next < frame.node.count else {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            components.removeSubrange(frame.depth...)
            if frame.node.level > 0 {
                try finding { try enter(frame.node, frame.next) }
                continue
            }
            try checkEntry(frame.node, frame.next)
        }
    }

    private func checkEntry(_ node: DirectoryNode, _ index: Int) throws {
        // Nearly all entries are such files: neither their names nor the rest is looked at.
        if let (id, size) = node.plainChunk(at: index) {
            return try finding(node.name(at: index)) { try objects.require(id, length: size) }
        }
        components.append(node.name(at: index))
        try finding { try check(try node.entry(at: index)) }
    }

    /// Runs body; what it finds becomes a finding of the path that is being looked at, or of `name`
    /// in that directory.
    private func finding(
        _ name: @autoclosure () -> [UInt8]? = nil, _ body: () throws -> Void
    ) throws {
        do { try body() } catch let error as SnapError where error.isFinding {
            if let name = name() { components.append(name) }
            for frame in stack { tainted.insert(frame.id) }
            result.findings.add(
                CheckFinding(
                    .entry(snapshot: snapshot, path: absolutePath(components)), error.message))
        }
    }

    // MARK: Directories

    /// Goes on with the first node of a directory.
    private func enter(_ directory: Entry, _ id: ObjectID) throws {
        let said = NodeCounts(directory)
        if let node = try node(id, said) { push(id, node) }
    }

    /// Goes on with a child of an index node.
    private func enter(_ parent: DirectoryNode, _ index: Int) throws {
        let id = parent.child(at: index).id
        guard let node = try node(id, NodeCounts(childOf: parent, index)) else { return }
        try node.requireChild(of: parent, index)
        push(id, node)
    }

    /// The node of an id, if it has to be visited. Throws where it is not what a parent says.
    private func node(_ id: ObjectID, _ said: NodeCounts) throws -> DirectoryNode? {
        if let counts = visited[id], !tainted.contains(id) {
            try counts.require(said, of: id)
            return nil
        }
        let node = try load(id)
        try NodeCounts(node).require(said, of: id)
        return node
    }

    private func push(_ id: ObjectID, _ node: DirectoryNode) {
        visited[id] = NodeCounts(node)
        stack.append(Frame(id: id, node: node, next: 0, depth: components.count))
    }

    private func load(_ id: ObjectID) throws -> DirectoryNode {
        try observer.throwIfInterrupted()
        result.directories += 1
        observer.done(1, 0)
        return try within("directory \(id.hex.prefix(16))") {
            try DirectoryNode(try objects.verified(id, .directory))
        }
    }

    // MARK: Entries

    private func check(_ entry: Entry) throws {
        if case .object(let id, let length) = entry.xattrs {
            try objects.require(id, length: UInt64(length), exactly: true)
        }
        let size = entry.attributes.size
        switch entry.content {
        case .none, .inline: break
        case .chunk(let id): try objects.require(id, length: size)
        case .extents(let extents):
            var start: UInt64 = 0
            for extent in extents {
                try objects.require(extent, from: start)
                start = extent.end
            }
        case .list(let id): try lists.check(id, size: size)
        case .directory(let id): try enter(entry, id)
        }
    }
}

/// Whether all that snapshots need is in the index: content is not read. What several snapshots
/// share is looked at once, as long as no segment goes. Used by one thread.
package final class TreeSurvey {
    private let repository: Repository
    private let observer: CheckObserver
    private var check: TreeCheck
    private var segments: Set<ObjectID> = []

    package init(_ repository: Repository, observer: CheckObserver) {
        self.repository = repository
        self.observer = observer
        check = TreeCheck(ObjectCheck(repository.objects, suspects: []), observer)
    }

    package func isWhole(_ manifest: Manifest) throws -> Bool {
        let now = Set(repository.objects.segments.map(\.name))
        if !segments.isSubset(of: now) {
            // The index that took its place may have less.
            check = TreeCheck(ObjectCheck(repository.objects, suspects: []), observer)
        }
        segments = now
        let before = check.result.findings.count
        try check.run(manifest)
        return check.result.findings.count == before
    }
}

/// Whether objects are there.
package struct ObjectCheck {
    private let objects: ObjectReader
    private let suspects: Set<ObjectID>
    fileprivate let missing = MissingObjects()

    package init(_ objects: ObjectReader, suspects: Set<ObjectID>) {
        self.objects = objects
        self.suspects = suspects
    }

    /// The bytes of an object, which have its id; throws `.damaged` otherwise.
    package func verified(_ id: ObjectID, _ kind: ObjectKind) throws -> [UInt8] {
        let location = try locate(id, kind)
        return try objects.record(location).withBytes(
            offset: location.offset, count: location.length
        ) { bytes in
            guard try objects.verifies(id, kind, bytes) else {
                throw SnapError(.damaged, "object \(id.hex.prefix(16)) is not what its id says")
            }
            return Array(bytes)
        }
    }

    private func locate(_ id: ObjectID, _ kind: ObjectKind) throws -> ObjectLocation {
        let location: ObjectLocation
        do { location = try objects.locate(id) } catch {
            missing.note(id)
            throw error
        }
        guard location.pack.description.kind == kind.packKind else {
            throw SnapError(.damaged, "object \(id.hex.prefix(16)) lies in a pack of another kind")
        }
        return location
    }

    /// Throws unless a data object of this length, or a longer one, is there.
    package func require(_ id: ObjectID, length: UInt64, exactly: Bool = false) throws {
        let location = try locate(id, .data)
        let there = UInt64(location.length)
        guard exactly ? there == length : there >= length else {
            throw SnapError(
                .damaged, "object \(id.hex.prefix(16)) has \(there) bytes instead of \(length)")
        }
        if suspects.contains(location.pack.description.name) { _ = try verified(id, .data) }
    }

    /// Throws unless what an extent refers to is there.
    package func require(_ extent: Extent, from start: UInt64) throws {
        guard let id = extent.id else { return }
        try require(id, length: UInt64(extent.offset) + (extent.end - start))
    }
}

/// What a check did not find in the index. Used by one thread.
private final class MissingObjects {
    private(set) var ids: Set<ObjectID> = []

    /// Some are enough to know where the others are.
    private static let idsMax = 1 << 16

    func note(_ id: ObjectID) { if ids.count < Self.idsMax { ids.insert(id) } }
}

/// Checks lists of extents; the nodes of each once.
final class ListCheck {
    private let objects: ObjectCheck
    private var visited: Set<ObjectID> = []

    private struct Frame {
        var id: ObjectID
        var node: ListNode
        var next: Int
        var start: UInt64
    }

    init(_ objects: ObjectCheck) { self.objects = objects }

    /// Checks the list of a file of `size` bytes; throws the first damage.
    func check(_ id: ObjectID, size: UInt64) throws {
        if visited.contains(id) { return }
        var stack = [try load(id, from: 0, to: size, level: nil)]
        while let frame = stack.last {
            guard frame.next < frame.node.extents.count else {
                // Whole: nothing below threw.
                visited.insert(frame.id)
                stack.removeLast()
                continue
            }
            let extent = frame.node.extents[frame.next]
            stack[stack.count - 1].next += 1
            stack[stack.count - 1].start = extent.end
            if frame.node.level == 0 {
                try objects.require(extent, from: frame.start)
            } else if let child = extent.id, !visited.contains(child) {
                stack.append(
                    try load(
                        child, from: frame.start, to: extent.end, level: frame.node.level - 1))
            }
        }
    }

    private func load(
        _ id: ObjectID, from start: UInt64, to end: UInt64, level: UInt8?
    ) throws -> Frame {
        try within("list \(id.hex.prefix(16))") {
            let node = try ListNode(try objects.verified(id, .list), from: start)
            guard level == nil || node.level == level, node.extents.last?.end == end else {
                throw SnapError(.damaged, "is not what its parent says")
            }
            return Frame(id: id, node: node, next: 0, start: start)
        }
    }
}
