// SPDX-License-Identifier: MIT
//
// The sequential middle of a backup: takes hashed batches in order, leaves out what the repository
// has, groups what is new into records, and builds lists and directories as their parts complete.
// Runs on one thread; the only place that decides what is stored.

import SnapBase
import SnapCrypto
import SnapFormat

/// What the packing stage is to do with the result of one compression job.
struct PackingJob: Sendable {
    enum Action: Sendable {
        case records([NewRecord])
        /// Make everything before durable, then commit the root as a checkpoint.
        case checkpoint(Entry, Totals)
        /// Make everything durable; the root and totals of the snapshot.
        case finish(Entry, Totals)
    }
    var action: Action
}

/// Not thread-safe.
final class TreeAssembler {
    private struct Frame {
        var entry: Entry
        var children: [Entry] = []
    }

    private let repository: Repository
    private let session: SessionIndex
    private let progress: BackupProgress
    private let output: OrderedWork<PackingJob>
    private let copied: CopiedChunks?
    private let compressor = RecordCompressor()
    private var stack: [Frame] = []
    private var list = ListBuilder()
    private var xattrs: ExtendedAttributes = .none
    private var groups: [FileKind: RecordGroup] = [
        .dataPack: RecordGroup(), .metadataPack: RecordGroup(),
    ]
    private var totals = Totals()
    /// Content of files with several links, by group.
    private var links: [UInt64: (content: Content, size: UInt64)] = [:]

    /// Small objects gathered for one record.
    private struct RecordGroup {
        var bytes: [UInt8] = []
        var objects: [RecordObject] = []
    }

    /// New chunks that lie behind each other in the batch and go into one record.
    private var run: (range: Range<Int>, objects: [RecordObject])?

    /// Smaller objects are gathered with others of their kind.
    private static let largeMin = RecordHead.groupSize / 2

    init(
        repository: Repository, session: SessionIndex, progress: BackupProgress,
        copied: CopiedChunks?, output: OrderedWork<PackingJob>
    ) {
        self.repository = repository
        self.progress = progress
        self.session = session
        self.copied = copied
        self.output = output
    }

    /// Handles one batch. The events refer to its bytes, so the batch lives as long as they need.
    func take(_ batch: Batch) throws {
        var ids = batch.ids.makeIterator()
        for event in batch.events {
            switch event {
            case .beginDirectory(let entry):
                stack.append(Frame(entry: withXattrs(entry)))
            case .endDirectory: try endDirectory()
            case .entry(let entry): add(withXattrs(entry))
            case .chunk(let range, let origin):
                let id = ids.next()!
                try store(id, .data, range, of: batch)
                if let origin { copied?.note(origin, as: id, count: range.count) }
                try list.append(count: UInt64(range.count), id: id, store: storeNode)
            case .stored(let id, let count):
                try list.append(count: UInt64(count), id: id, store: storeNode)
            case .hole(let count): try list.append(count: count, id: nil, store: storeNode)
            case .file(var entry, let before):
                entry.content = try list.finish(store: storeNode)
                addFile(withXattrs(entry), before)
            case .inlineFile(let entry, let before): addFile(withXattrs(entry), before)
            case .link(let entry, let before): addFile(linked(withXattrs(entry)), before)
            case .xattrs(let range):
                let id = ids.next()!
                try store(id, .data, range, of: batch)
                xattrs = .object(id, length: UInt32(range.count))
            case .checkpoint:
                try flushRun(of: batch)
                try checkpoint()
            case .finish(let root):
                try flushRun(of: batch)
                try finish(withXattrs(root))
            }
        }
        try flushRun(of: batch)
    }

    private func withXattrs(_ entry: Entry) -> Entry {
        guard case .object = xattrs else { return entry }
        var entry = entry
        entry.xattrs = xattrs
        xattrs = .none
        return entry
    }

    // MARK: Tree

    private func linked(_ entry: Entry) -> Entry {
        // The source links only to what it has sent, in the same order and under the same bound.
        let first = links[entry.attributes.linkGroup]!
        var entry = entry
        entry.content = first.content
        entry.attributes.size = first.size
        return entry
    }

    private func addFile(_ entry: Entry, _ before: Entry?) {
        progress.file(entry, before: before)
        add(entry)
    }

    private func add(_ entry: Entry) {
        let group = entry.attributes.linkGroup
        if group != 0, entry.attributes.isRegular, links.count < SnapshotWriter.linksMax {
            links[group] = (entry.content, entry.attributes.size)
        }
        switch entry.attributes.kind {
        case .regular:
            totals.files += 1
            totals.bytes += entry.attributes.size
        case .directory: totals.directories += 1
        default: totals.others += 1
        }
        stack[stack.count - 1].children.append(entry)
    }

    private func endDirectory() throws {
        let frame = stack.removeLast()
        add(try complete(frame))
    }

    private func complete(_ frame: Frame) throws -> Entry {
        var entry = frame.entry
        let children = Self.sorted(frame.children)
        entry.attributes.count = children.reduce(0) { $0 + $1.weight }
        entry.attributes.size = children.reduce(0) { $0 + $1.byteWeight }
        let id = try DirectoryEncoder.encode(children, keys: repository.keys) { bytes in
            // What could not be read is not stored.
            try within("the directory \(String(decoding: entry.name, as: UTF8.self))") {
                _ = try DirectoryNode(bytes)
            }
            return try storeNode(.directory, bytes)
        }
        entry.content = id.map { .directory($0) } ?? .none
        return entry
    }

    private static func sorted(_ entries: [Entry]) -> [Entry] {
        func precedes(_ a: Entry, _ b: Entry) -> Bool {
            a.name.withUnsafeBytes { a in b.name.withUnsafeBytes { compareNames(a, $0) < 0 } }
        }
        let inOrder = zip(entries, entries.dropFirst()).allSatisfy { precedes($0, $1) }
        return inOrder ? entries : entries.sorted(by: precedes)
    }

    /// The tree as it would be if every open directory ended here.
    private func checkpoint() throws {
        let (open, kept) = (stack, totals)
        while stack.count > 1 { try endDirectory() }
        let root = try complete(stack[0])
        try flushGroups()
        let seen = totals
        try output.submit { PackingJob(action: .checkpoint(root, seen)) }
        let (added, stored) = (totals.bytesAdded, totals.bytesStored)
        (stack, totals) = (open, kept)
        (totals.bytesAdded, totals.bytesStored) = (added, stored)
    }

    private func finish(_ entry: Entry) throws {
        precondition(stack.count == 1)
        stack[0].entry = entry
        let root = try complete(stack.removeLast())
        try flushGroups()
        let seen = totals
        try output.submit { PackingJob(action: .finish(root, seen)) }
    }

    /// The frame of "/", which everything else is under.
    func begin(root: Entry) { stack = [Frame(entry: root)] }

    // MARK: Objects

    private func isNew(_ id: ObjectID, _ kind: ObjectKind) throws -> Bool {
        if session.contains(id) { return false }
        // A directory of many unchanged files asks for the same few pages of the index.
        guard try !repository.objects.isReusable(id, kind) else { return false }
        return session.insert(id)
    }

    private func storeNode(_ kind: ObjectKind, _ bytes: [UInt8]) throws -> ObjectID {
        let id = try repository.keys.id(kind, bytes)
        if try isNew(id, kind) {
            totals.bytesAdded += UInt64(bytes.count)
            try bytes.withUnsafeBytes { try group(id, kind, $0) }
        }
        return id
    }

    private func store(
        _ id: ObjectID, _ kind: ObjectKind, _ range: Range<Int>, of batch: Batch
    ) throws {
        guard try isNew(id, kind) else { return }
        totals.bytesAdded += UInt64(range.count)
        if range.count < Self.largeMin {
            try group(id, kind, batch.bytes(range))
            return
        }
        if let run,
            run.range.upperBound != range.lowerBound
                || run.range.count + range.count > RecordHead.rawSizeMax
        {
            try flushRun(of: batch)
        }
        let start = run?.range.lowerBound ?? range.lowerBound
        let object = RecordObject(
            id: id, kind: kind, offset: UInt32(range.lowerBound - start),
            length: UInt32(range.count))
        run = (start..<range.upperBound, (run?.objects ?? []) + [object])
    }

    private func flushRun(of batch: Batch) throws {
        guard let run else { return }
        self.run = nil
        let compressor = compressor
        try output.submit {
            PackingJob(
                action: .records(
                    try compressor.compress(run: batch.bytes(run.range), run.objects)))
        }
    }

    private func group(_ id: ObjectID, _ kind: ObjectKind, _ bytes: UnsafeRawBufferPointer) throws {
        let pack = kind.packKind
        if groups[pack]!.bytes.count + bytes.count > RecordHead.groupSize { try flush(pack) }
        groups[pack]!.objects.append(
            RecordObject(
                id: id, kind: kind, offset: UInt32(groups[pack]!.bytes.count),
                length: UInt32(bytes.count)))
        groups[pack]!.bytes.append(contentsOf: bytes)
    }

    private func flushGroups() throws {
        try flush(.dataPack)
        try flush(.metadataPack)
    }

    private func flush(_ pack: FileKind) throws {
        let group = groups[pack]!
        if group.objects.isEmpty { return }
        groups[pack] = RecordGroup()
        let compressor = compressor
        try output.submit {
            let record = try group.bytes.withUnsafeBytes { try compressor.compress($0) }
            return PackingJob(
                action: .records([NewRecord(record: record, objects: group.objects)]))
        }
    }
}
