// SPDX-License-Identifier: MIT
//
// Walks a damaged snapshot and takes what is lost from the same snapshot in another repository,
// found there by its path. Each object is proven by its id, which is known from what names it: from
// the root down, a node that was brought back tells what must be below it.

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// Used by one thread, for all snapshots of a repair.
final class SnapshotHealing {
    private let writer: HealingWriter
    private let objects: ObjectCheck
    private let observer: CheckObserver
    /// The same snapshot in the other repository, if it is there.
    private var other: TreeTranslation?
    /// Directories and lists below which nothing is missing any more.
    private var whole: Set<ObjectID> = []
    private var stack: [Frame] = []
    private var components: [[UInt8]] = []
    private var snapshot: [UInt8] = []
    /// Places that got something back, and those that still lack something.
    private(set) var healed = CheckFindings()
    private var failed = CheckFindings()

    private struct Frame {
        var id: ObjectID
        var node: DirectoryNode
        /// The nodes of the whole directory.
        var rebuilt: RebuiltNodes
        var next = 0
        /// How many components lead to the directory that the node belongs to.
        var depth: Int
        var isWhole = true
    }

    init(_ writer: HealingWriter, _ objects: ObjectCheck, _ observer: CheckObserver) {
        self.writer = writer
        self.objects = objects
        self.observer = observer
    }

    /// Heals a snapshot; returns what it still lacks.
    func run(_ manifest: Manifest, from other: TreeTranslation?) throws -> CheckFindings {
        self.other = other
        (snapshot, components, failed) = (manifest.id, [], CheckFindings())
        try heal(manifest.root)
        while let frame = stack.last {
            try observer.throwIfInterrupted()
            try writer.heartbeat()
            guard frame.next < frame.node.count else {
                end(frame)
                continue
            }
            stack[stack.count - 1].next += 1
            components.removeSubrange(frame.depth...)
            if frame.node.level > 0 {
                try enter(frame.node.child(at: frame.next).id, frame.rebuilt)
            } else {
                try healEntry(frame.node, frame.next)
            }
        }
        return failed
    }

    private func end(_ frame: Frame) {
        stack.removeLast()
        if frame.isWhole { whole.insert(frame.id) } else { taint() }
    }

    private func healEntry(_ node: DirectoryNode, _ index: Int) throws {
        components.append(node.name(at: index))
        do { try heal(try node.entry(at: index)) } catch let error as SnapError
            where error.isFinding
        { fail(error) }
    }

    private func heal(_ entry: Entry) throws {
        try healXattrs(of: entry)
        switch entry.content {
        case .none, .inline: break
        case .chunk(let id):
            try healChunk(Extent(end: entry.attributes.size, id: id), from: 0)
        case .extents(let extents): try heal(extents, from: 0)
        case .list(let id): try healList(id)
        case .directory(let id): try enter(id, rebuilt(directory: components))
        }
    }

    // MARK: What became of it

    private func taint() {
        if !stack.isEmpty { stack[stack.count - 1].isWhole = false }
    }

    private func fail(_ error: SnapError) {
        taint()
        failed.add(place(error.message))
    }

    private func place(_ message: String) -> CheckFinding {
        CheckFinding(.entry(snapshot: snapshot, path: absolutePath(components)), message)
    }

    // MARK: Nodes

    /// Goes on with a node of a directory, which is brought back if it is lost.
    private func enter(_ id: ObjectID, _ rebuilt: RebuiltNodes) throws {
        if whole.contains(id) { return }
        do {
            let node = try DirectoryNode(try bytes(id, .directory, rebuilt))
            stack.append(
                Frame(id: id, node: node, rebuilt: rebuilt, depth: components.count))
        } catch let error as SnapError where error.isFinding { fail(error) }
    }

    /// The bytes of a node, if need be from the other repository. Throws what is wrong with the one
    /// here where they cannot be had there.
    private func bytes(
        _ id: ObjectID, _ kind: ObjectKind, _ rebuilt: RebuiltNodes
    ) throws -> [UInt8] {
        do { return try objects.verified(id, kind) } catch let error as SnapError
            where error.isFinding
        {
            guard let bytes = try rebuilt[id] else { throw error }
            try add(bytes, as: id, kind, or: error)
            return bytes
        }
    }

    /// Adds what the other repository gave; throws `error` unless it is what the id names.
    private func add(
        _ bytes: [UInt8]?, as id: ObjectID, _ kind: ObjectKind, or error: SnapError
    ) throws {
        let isNew = !writer.has(id)
        guard let bytes else { throw error }
        guard try writer.add(bytes, as: id, kind) else {
            throw error.within("the other repository has something else there")
        }
        if isNew { healed.add(place("\(kind.word) of \(bytes.count) bytes")) }
    }

    private func rebuilt(directory path: [[UInt8]]) -> RebuiltNodes {
        RebuiltNodes { [other] in
            guard let other, let place = try other.view.place(components: path),
                place.attributes.isDirectory
            else { return [:] }
            return try other.nodes(ofDirectory: place)
        }
    }

    private func rebuilt(list path: [[UInt8]]) -> RebuiltNodes {
        RebuiltNodes { [other] in
            guard let other, let place = try other.view.place(components: path) else { return [:] }
            return try other.nodes(ofList: try other.view.entry(place))
        }
    }

    // MARK: Content

    private func healXattrs(of entry: Entry) throws {
        guard case .object(let id, let length) = entry.xattrs, !writer.has(id) else { return }
        try healing({ try objects.require(id, length: UInt64(length), exactly: true) }) { error in
            let run = try fromOther { view in
                try view.place(components: components).map { try view.xattrRun(of: view.entry($0)) }
            }
            try add(run, as: id, .data, or: error)
        }
    }

    private func heal(_ extents: [Extent], from start: UInt64) throws {
        var start = start
        for extent in extents {
            try healChunk(extent, from: start)
            start = extent.end
        }
    }

    private func healChunk(_ extent: Extent, from start: UInt64) throws {
        guard let id = extent.id, !writer.has(id) else { return }
        try healing({ try objects.require(extent, from: start) }) { error in
            try writer.heartbeat()
            let bytes = try fromOther { view in
                try view.place(components: components).flatMap {
                    try Self.read($0, view, start, extent)
                }
            }
            try add(bytes, as: id, .data, or: error)
        }
    }

    /// The bytes where a chunk is to be; nil where the file has none there, or too many.
    private static func read(
        _ place: Place, _ view: SnapshotView, _ start: UInt64, _ extent: Extent
    ) throws -> [UInt8]? {
        let (attributes, length) = (place.attributes, extent.end - start)
        guard attributes.isRegular, extent.end <= attributes.size,
            length <= RecordHead.rawSizeMax
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        let count = try bytes.withUnsafeMutableBytes { try view.read(place, at: start, into: $0) }
        return count == bytes.count ? bytes : nil
    }

    /// Runs `check`, and `heal` with what it finds; what cannot be healed is noted for this path.
    private func healing(
        _ check: () throws -> Void, _ heal: (SnapError) throws -> Void
    ) throws {
        do {
            do { try check() } catch let error as SnapError where error.isFinding {
                try heal(error)
            }
        } catch let error as SnapError where error.isFinding { fail(error) }
    }

    /// What body reads of the other repository; nil where that is damaged, too.
    private func fromOther<R>(_ body: (SnapshotView) throws -> R?) throws -> R? {
        guard let other else { return nil }
        do { return try body(other.view) } catch let error as SnapError where error.isFinding {
            return nil
        }
    }

    // MARK: Lists

    /// Heals the list of a file node by node, with the chunks that it names.
    private func healList(_ id: ObjectID) throws {
        if whole.contains(id) { return }
        let (before, rebuilt) = (failed.count, rebuilt(list: components))
        var open: [(id: ObjectID, start: UInt64)] = [(id, 0)]
        while let next = open.popLast() {
            do {
                let node = try ListNode(try bytes(next.id, .list, rebuilt), from: next.start)
                guard node.level > 0 else {
                    try heal(node.extents, from: next.start)
                    continue
                }
                var start = next.start
                for extent in node.extents {
                    // Above level 0 every extent has an id.
                    open.append((extent.id!, start))
                    start = extent.end
                }
            } catch let error as SnapError where error.isFinding { fail(error) }
        }
        if failed.count == before { whole.insert(id) }
    }
}

/// The nodes of a directory or list as the other repository has them, made when one is asked for.
/// Not thread-safe.
private final class RebuiltNodes {
    private let make: () throws -> [ObjectID: [UInt8]]
    private var nodes: [ObjectID: [UInt8]]?

    init(_ make: @escaping () throws -> [ObjectID: [UInt8]]) { self.make = make }

    /// nil where the other repository does not have it, or cannot be read there.
    subscript(id: ObjectID) -> [UInt8]? {
        get throws {
            if let nodes { return nodes[id] }
            var made: [ObjectID: [UInt8]] = [:]
            do { made = try make() } catch let error as SnapError where error.isFinding {}
            nodes = made
            return made[id]
        }
    }
}

extension SnapshotView {
    /// The entry to which these names lead from the root; nil where there is none.
    fileprivate func place(components: [[UInt8]]) throws -> Place? {
        var place = root
        for name in components {
            guard let next = try lookup(name, in: place) else { return nil }
            place = next
        }
        return place
    }
}

extension ObjectKind {
    fileprivate var word: String {
        switch self {
        case .data: "content"
        case .list: "a list of extents"
        case .directory: "a directory node"
        }
    }
}
