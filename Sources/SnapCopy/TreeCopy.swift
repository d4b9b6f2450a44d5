// SPDX-License-Identifier: MIT
//
// Sends the tree of one snapshot to a snapshot writer of another repository. Chunks stay cut as
// they are; what a guide or an earlier chunk tells is not read. Ids are those of the destination
// everywhere, since each repository has its own keys for them.

import SnapBase
import SnapFormat
import SnapRepository
import SnapView

/// The copy of one tree. Used by one thread, once.
final class TreeCopy {
    private let view: SnapshotView
    private let writer: SnapshotWriter
    private let copied: CopiedChunks
    private let pulse: BackupPulse
    private let advance: (_ entries: UInt64, _ bytes: UInt64) -> Void
    /// Whether directories may be taken from a guide without a look at what is in them.
    private let takesTrees: Bool
    private var tree: TreeIterator
    /// The guides' part of each open directory, the root first.
    private var open: [[GuideDirectory]]
    /// Content at the source of files of several links, by group.
    private var links: [UInt64: Content] = [:]
    /// Bytes of content that were read.
    private(set) var bytesRead: UInt64 = 0
    /// What the source turned out to have lost.
    private(set) var damage: SnapError?

    /// Chunks of a guide's file that are told of before they are asked for.
    private static let lead = 32 << 10

    init(
        _ view: SnapshotView, to writer: SnapshotWriter, guides: [Guide], takesTrees: Bool,
        copied: CopiedChunks, pulse: BackupPulse,
        advance: @escaping (_ entries: UInt64, _ bytes: UInt64) -> Void
    ) {
        self.view = view
        self.writer = writer
        self.takesTrees = takesTrees
        self.copied = copied
        self.pulse = pulse
        self.advance = advance
        tree = TreeIterator(view, below: view.root)
        open = [guides.map { GuideDirectory($0) }]
    }

    /// Sends everything below the root; returns the root's extended attributes. Throws `.damaged`
    /// with `damage` set where the source cannot be read.
    func run() throws -> [UInt8] {
        while let place = try reading({ try tree.next() }) {
            // The components lead from the root: one for each open directory, and its own name.
            while open.count > tree.components.count { try endDirectory() }
            try copy(try reading { try view.entry(place) })
            try pulse.beat()
        }
        while open.count > 1 { try endDirectory() }
        return try reading { try run(of: view.manifest.root) }
    }

    /// Runs what reads the source, and remembers where it is damaged.
    private func reading<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch {
            let error = SnapError.wrap(error).within(
                String(decoding: tree.path, as: UTF8.self))
            if error.isFinding { damage = damage ?? error }
            throw error
        }
    }

    private func endDirectory() throws {
        open.removeLast()
        try writer.endDirectory()
    }

    // MARK: Entries

    private func copy(_ entry: Entry) throws {
        // The root stays open until the end.
        let guides = try open[open.count - 1].compactMap { try $0.find(entry.name) }
        var entry = entry
        let run = try xattrs(&entry, guides)
        if entry.attributes.isDirectory {
            try copyDirectory(entry, xattrs: run, guides)
        } else {
            try copyFile(entry, xattrs: run, guides)
            advance(1, entry.attributes.size)
        }
    }

    /// Gives the entry the extended attributes that a guide tells; otherwise returns them.
    private func xattrs(_ entry: inout Entry, _ guides: [GuideEntry]) throws -> [UInt8] {
        guard case .object = entry.xattrs else {
            defer { entry.xattrs = .none }
            return try reading { try run(of: entry) }
        }
        for guide in guides {
            if let known = try guide.xattrs(of: entry) {
                entry.xattrs = known
                return []
            }
        }
        defer { entry.xattrs = .none }
        return try reading { try run(of: entry) }
    }

    private func copyDirectory(
        _ entry: Entry, xattrs: [UInt8], _ guides: [GuideEntry]
    ) throws {
        if takesTrees, let known = try knownTree(entry, guides) {
            var entry = entry
            entry.content = known
            try writer.add(entry, xattrs: xattrs)
            tree.skip()
            return advance(entry.weight, entry.attributes.size)
        }
        var entry = entry
        entry.content = .none
        try writer.beginDirectory(entry, xattrs: xattrs)
        open.append(guides.compactMap(\.directory))
        advance(1, 0)
    }

    private func knownTree(_ entry: Entry, _ guides: [GuideEntry]) throws -> Content? {
        for guide in guides {
            if let known = guide.tree(of: entry), case .directory(let id) = known,
                try writer.isStored(id)
            {
                return known
            }
        }
        return nil
    }

    private func run(of entry: Entry) throws -> [UInt8] {
        let run = try view.xattrRun(of: entry)
        guard run.count <= ExtendedAttribute.runMax else {
            throw SnapError(.damaged, "extended attributes of \(run.count) bytes")
        }
        return run
    }

    // MARK: Files

    private func copyFile(_ entry: Entry, xattrs: [UInt8], _ guides: [GuideEntry]) throws {
        if try isFurtherLink(entry) {
            return try writer.addLink(entry, xattrs: xattrs, before: nil)
        }
        switch entry.content {
        case .none, .inline: return try writer.add(entry, xattrs: xattrs)
        case .chunk, .extents, .list, .directory: break
        }
        for guide in guides {
            if let known = try guide.content(of: entry) {
                var entry = entry
                entry.content = known
                return try writer.add(entry, xattrs: xattrs)
            }
        }
        try send(entry, xattrs: xattrs, guides)
    }

    /// Whether the file of this group that was sent last has the same content. Remembers just what
    /// the writer does.
    private func isFurtherLink(_ entry: Entry) throws -> Bool {
        let group = entry.attributes.linkGroup
        guard group != 0, entry.attributes.isRegular else { return false }
        if writer.linkedSize(group) == entry.attributes.size, links[group] == entry.content {
            return true
        }
        if links.count < SnapshotWriter.linksMax { links[group] = entry.content }
        return false
    }

    /// Sends the content chunk by chunk.
    private func send(_ entry: Entry, xattrs: [UInt8], _ guides: [GuideEntry]) throws {
        var told = guides.filter { $0.original.attributes.isRegular }.map { $0.extents() }
        var lead = 0
        var offset: UInt64 = 0
        writer.beginFile()
        while offset < entry.attributes.size {
            lead = try learn(&told, lead)
            let placed = try reading { try extent(of: entry, at: offset) }
            try send(placed)
            offset = placed.extent.end
            lead -= 1
            try pulse.beat()
        }
        var end = entry
        end.content = .none
        try writer.endFile(end, xattrs: xattrs)
    }

    /// Learns of some chunks more from the guides' files; returns how far that is ahead.
    private func learn(_ told: inout [GuideExtents], _ lead: Int) throws -> Int {
        var lead = max(lead, 0)
        guard lead < Self.lead / 2 else { return lead }
        for index in told.indices {
            var count = lead
            while count < Self.lead, let pair = try told[index].next() {
                copied.note(pair.original, as: pair.copy, count: pair.count)
                count += 1
            }
        }
        lead = Self.lead
        return lead
    }

    private func extent(of entry: Entry, at offset: UInt64) throws -> PlacedExtent {
        let placed = try view.extent(of: entry.content, size: entry.attributes.size, at: offset)
        guard placed.extent.id == nil || placed.length <= RecordHead.rawSizeMax else {
            throw SnapError(.damaged, "an extent of \(placed.length) bytes")
        }
        return placed
    }

    private func send(_ placed: PlacedExtent) throws {
        let count = placed.extent.end - placed.start
        guard let id = placed.extent.id else { return try writer.appendHole(count) }
        let isWhole = placed.extent.offset == 0
        if isWhole, let known = copied.copy(of: id), known.count == placed.length,
            try writer.isStored(known.id)
        {
            return try writer.appendStored(known.id, count: known.count)
        }
        try writer.appendChunk(placed.length, origin: isWhole ? id : nil) { buffer in
            try reading { try view.withBytes(of: placed) { buffer.copyMemory(from: $0) } }
        }
        bytesRead += count
    }
}
