// SPDX-License-Identifier: MIT
//
// What parts of a tree of one repository would be in another, whose keys give other ids: nodes of
// directories and of lists, encoded anew. Nothing is stored; whether the result is what the other
// one has lost is for its ids to tell.

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// Which objects of one repository are which in another. It only spares translating again.
final class TranslatedIDs {
    let chunks = CopiedChunks()
    /// Some 100 bytes for each distinct directory below a damaged one.
    var directories: [ObjectID: ObjectID] = [:]
}

/// Translates one snapshot. Used by one thread.
struct TreeTranslation {
    let view: SnapshotView
    /// Those of the repository that ids are wanted of.
    private let keys: DerivedKeys
    private let known: TranslatedIDs
    private let observer: CheckObserver

    /// A directory whose entries are being translated.
    private struct Frame {
        var entry: Entry
        var children: [Entry] = []
    }

    init(
        _ view: SnapshotView, keys: DerivedKeys, known: TranslatedIDs, _ observer: CheckObserver
    ) {
        self.view = view
        self.keys = keys
        self.known = known
        self.observer = observer
    }

    /// The nodes of a directory by their ids. Reads what is below it, but for what is known.
    func nodes(ofDirectory directory: Place) throws -> [ObjectID: [UInt8]] {
        var open = [Frame(entry: try view.entry(directory))]
        var tree = TreeIterator(view, below: directory)
        while let place = try tree.next() {
            try observer.throwIfInterrupted()
            // The components lead from the directory: one for each that is open.
            while open.count > tree.components.count { try close(&open) }
            var entry = try view.entry(place)
            entry.xattrs = try xattrs(of: entry)
            if case .directory(let id) = entry.content {
                guard let there = known.directories[id] else {
                    open.append(Frame(entry: entry))
                    continue
                }
                entry.content = .directory(there)
                tree.skip()
            } else {
                entry.content = try content(of: entry) { _, _ in }
            }
            open[open.count - 1].children.append(entry)
        }
        while open.count > 1 { try close(&open) }
        var nodes: [ObjectID: [UInt8]] = [:]
        _ = try encode(open[0]) { nodes[$0] = $1 }
        return nodes
    }

    private func close(_ open: inout [Frame]) throws {
        let frame = open.removeLast()
        var entry = frame.entry
        entry.content = try encode(frame) { _, _ in }.map { .directory($0) } ?? .none
        open[open.count - 1].children.append(entry)
    }

    private func encode(
        _ frame: Frame, _ made: (ObjectID, [UInt8]) -> Void
    ) throws -> ObjectID? {
        let id = try DirectoryEncoder.encode(frame.children, keys: keys) { bytes in
            let id = try keys.id(.directory, bytes)
            made(id, bytes)
            return id
        }
        if case .directory(let old) = frame.entry.content { known.directories[old] = id }
        return id
    }

    /// The nodes of a file's list of extents by their ids. Reads the file, but for what is known.
    func nodes(ofList entry: Entry) throws -> [ObjectID: [UInt8]] {
        var nodes: [ObjectID: [UInt8]] = [:]
        _ = try content(of: entry) { nodes[$0] = $1 }
        return nodes
    }

    // MARK: Content

    private func xattrs(of entry: Entry) throws -> ExtendedAttributes {
        guard case .object(_, let length) = entry.xattrs else { return entry.xattrs }
        return .object(try keys.id(.data, try view.xattrRun(of: entry)), length: length)
    }

    /// The content of anything but a directory; `made` is called with the nodes of its list.
    private func content(
        of entry: Entry, _ made: (ObjectID, [UInt8]) -> Void
    ) throws -> Content {
        switch entry.content {
        case .none, .inline, .directory: return entry.content
        case .chunk, .extents, .list: break
        }
        var list = ListBuilder()
        func store(_ kind: ObjectKind, _ bytes: [UInt8]) throws -> ObjectID {
            let id = try keys.id(kind, bytes)
            made(id, bytes)
            return id
        }
        try view.forEachExtent(entry) { placed in
            try observer.throwIfInterrupted()
            try list.append(
                count: placed.extent.end - placed.start, id: try chunk(placed), store: store)
            return true
        }
        return try list.finish(store: store)
    }

    /// What the bytes of an extent are as a chunk of their own; nil for a hole.
    private func chunk(_ placed: PlacedExtent) throws -> ObjectID? {
        guard let old = placed.extent.id else { return nil }
        let isWhole = placed.extent.offset == 0
        if isWhole, let copy = known.chunks.copy(of: old), copy.count == placed.length {
            return copy.id
        }
        let id = try view.withBytes(of: placed) { try keys.id(.data, $0) }
        if isWhole { known.chunks.note(old, as: id, count: placed.length) }
        return id
    }
}
