// SPDX-License-Identifier: MIT
//
// The road into a repository, the same for every source:
//
//   source thread      fills batches: reads into their buffers, cuts            (sequential)
//   workers            hash the chunks of a batch                               (parallel)
//   assembler thread   looks ids up, groups new objects, builds trees           (sequential)
//   workers            compress records, and decompress them to compare         (parallel)
//   packing thread     seals, fills packs, publishes the index, commits         (sequential)
//
// Order is kept from end to end, so the same input gives the same tree. Memory is bounded by the
// batch pool and the limits of the two parallel stages. The first failure ends all stages and is
// thrown to the source.

import SnapBase
import SnapFormat

/// Writes one snapshot. Used by one thread, the source's.
package final class SnapshotWriter {
    private let repository: Repository
    private let pool = BatchPool(count: batchCount)
    private let workers: WorkerPool
    private let hashing: OrderedWork<Batch>
    private let packing: OrderedWork<PackingJob>
    private let outcome = Outcome()
    private var threads: [Thread] = []
    private var batch: Batch
    private var chunker: Chunker
    /// Where the unfinished chunk of the open file begins in the batch.
    private var chunkStart = 0
    /// Bytes and holes of the open file so far.
    private var fileSize: UInt64 = 0
    private var isCut = false
    private var ended = false
    /// The sizes of the files of several links that came, by group.
    private var links: [UInt64: UInt64] = [:]
    /// Bytes that the files still to come may have, holes included: a directory cannot count more.
    package private(set) var room = UInt64(Int64.max)

    package let progress: BackupProgress
    private let copied: CopiedChunks?
    private let stored = SessionIndex()
    /// Packs of the repository that were not there in full when this backup began.
    package private(set) var absentPacks = 0

    private static let batchCount = 6
    private static let packingLimit = 6

    /// How the two background threads ended.
    private final class Outcome: @unchecked Sendable {
        // Sendable: `value` and `failure` are used inside monitor.locked.
        private let monitor = Monitor()
        private var value: Manifest?
        private var failure: SnapError?

        func fail(_ error: SnapError) { monitor.locked { failure = failure ?? error } }
        func succeed(_ manifest: Manifest?) { monitor.locked { value = manifest } }
        func result() throws -> Manifest? {
            try monitor.locked {
                if let failure { throw failure }
                return value
            }
        }
    }

    /// Announces a session and starts the stages. `template` has everything of the manifest that
    /// the source decides, and the entry of "/" as root; id and tree are filled in, the rest as
    /// `words` says. `predecessor` names the one that entries are taken from: it is called after
    /// the announcement and is told what may be built upon. `copied` is told of chunks that another
    /// repository has.
    package init(
        repository: Repository, template: Manifest, progress: BackupProgress, threads count: Int,
        words: ManifestWords = .source, copied: CopiedChunks? = nil,
        predecessor: (Building) throws -> [UInt8]? = { _ in nil }
    ) throws {
        self.repository = repository
        self.progress = progress
        self.copied = copied
        chunker = Chunker(
            try ChunkerParameters(
                repository.configuration.chunking, key: repository.chunkerKey))
        // The source adds problems to it.
        let size = template.fields.count
        let share = words == .source ? 4 : 1
        guard size <= ContainerHeader.wholeFileSizeMax / share else {
            throw Manifest.tooLarge(size)
        }
        workers = try WorkerPool(threads: count)
        hashing = OrderedWork(pool: workers, limit: Self.batchCount)
        packing = OrderedWork(pool: workers, limit: Self.packingLimit)
        batch = try pool.acquire()
        // What has started ends with this object.
        let session = try Session(repository.ledger, kind: .writer, host: template.host)
        do {
            // After the announcement: what a collection takes from now on, it takes knowing of us.
            try repository.objects.refresh(session.state)
            absentPacks = try repository.avoidAbsentPacks(session.state.building)
            var template = template
            template.predecessor = try predecessor(session.state.building)
            try start(session, template, words)
        } catch {
            session.end()
            throw error
        }
    }

    private func start(
        _ session: Session<SealedLedger>, _ template: Manifest, _ words: ManifestWords
    ) throws {
        let (repository, hashing, packing, outcome, pool, progress, index, copied) =
            (repository, hashing, packing, outcome, pool, progress, stored, copied)
        let fail: @Sendable (any Error) -> Void = {
            let error = SnapError.wrap($0)
            outcome.fail(error)
            hashing.fail(error)
            packing.fail(error)
            pool.fail(error)
        }
        let root = template.root
        threads.append(
            try Thread("assemble") {
                let assembler = TreeAssembler(
                    repository: repository, session: index, progress: progress, copied: copied,
                    output: packing)
                assembler.begin(root: root)
                do {
                    while let batch = try hashing.next() { try assembler.take(batch) }
                    packing.finish()
                } catch { fail(error) }
            })
        // Handed over to the packing thread, which alone uses it from here on.
        nonisolated(unsafe) let stage = PackingStage(
            repository: repository, session: session, sessionIndex: index, template: template,
            words: words, progress: progress)
        threads.append(
            try Thread("pack") {
                do { outcome.succeed(try stage.run(packing)) } catch { fail(error) }
            })
    }

    // MARK: Tree

    /// Begins a directory; what follows until endDirectory is in it.
    package func beginDirectory(_ entry: Entry, xattrs: [UInt8]) throws {
        try emit(.beginDirectory(try with(xattrs, entry)))
    }

    package func endDirectory() throws { try emit(.endDirectory) }

    /// Why the tree cannot take an entry, nil where it can; sent all the same, it ends the backup.
    package func refusal(of entry: Entry) -> SnapError? {
        guard entry.byteWeight > room else { return nil }
        return SnapError(
            .unsupported,
            "left out: the files of one snapshot have at most 8 EiB together, holes included")
    }

    /// Counts an entry that is about to be sent.
    private func take(_ entry: Entry) throws {
        if let refusal = refusal(of: entry) { throw refusal }
        room -= entry.byteWeight
        guard entry.attributes.isRegular else { return }
        let group = entry.attributes.linkGroup
        if group != 0, links.count < Self.linksMax { links[group] = entry.attributes.size }
    }

    /// Adds an entry that needs no content, or whose content the repository has.
    package func add(_ entry: Entry, xattrs: [UInt8]) throws {
        try take(entry)
        try emit(.entry(try with(xattrs, entry)))
    }

    /// Adds an entry just as a predecessor has it, a directory with all that is in it.
    package func reuse(_ entry: Entry) throws {
        if entry.xattrs != .none { progress.noteXattrs() }
        try take(entry)
        try emit(.entry(entry))
    }

    /// Groups of hard links whose content is remembered; beyond, each link is read for itself.
    package static let linksMax = 1 << 20

    /// The size of the regular file of this link group that came before, so that `addLink` may
    /// follow; nil without one.
    package func linkedSize(_ group: UInt64) -> UInt64? { group == 0 ? nil : links[group] }

    /// Adds a further link to a file that came before; size and content are that file's.
    package func addLink(_ entry: Entry, xattrs: [UInt8], before: Entry?) throws {
        try take(entry)
        try emit(.link(try with(xattrs, entry), before: before))
    }

    /// Makes everything so far durable as a checkpoint, while the backup goes on. Of an open file
    /// the chunks become known, but the checkpoint does not have it.
    package func checkpoint() throws {
        try emit(.checkpoint)
        try renew()
    }

    private func with(_ xattrs: [UInt8], _ entry: Entry) throws -> Entry {
        if xattrs.isEmpty { return entry }
        progress.noteXattrs()
        var entry = entry
        if xattrs.count <= ExtendedAttribute.inlineMax {
            entry.xattrs = .inline(xattrs)
            return entry
        }
        precondition(xattrs.count <= ExtendedAttribute.runMax)
        if Batch.size - batch.used < xattrs.count { try renew() }
        let range = batch.used..<batch.used + xattrs.count
        UnsafeMutableRawBufferPointer(rebasing: batch.memory[range]).copyBytes(from: xattrs)
        batch.used = range.upperBound
        // No file is open here: the batch may be sent off behind this event.
        chunkStart = batch.used
        try emit(.xattrs(range))
        return entry
    }

    // MARK: File content

    /// Begins the content of a file.
    package func beginFile() {
        fileSize = 0
        isCut = false
        beginStretch()
    }

    private func beginStretch() {
        chunkStart = batch.used
        chunker.reset()
    }

    /// Lets body fill a buffer with the next bytes of the file and say how many it wrote. Returns
    /// that count.
    package func append(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> Int {
        if batch.used == Batch.size { try renew() }
        let count = try body(
            UnsafeMutableRawBufferPointer(rebasing: batch.memory[batch.used...]))
        batch.used += count
        fileSize += UInt64(count)
        while let length = chunker.cut(batch.bytes(chunkStart..<batch.used)) {
            try emitChunk(length)
        }
        return count
    }

    /// Whether an object is on its way into a pack of this backup, or can be built upon.
    package func isStored(_ id: ObjectID) throws -> Bool {
        // In this order: what leaves the first is in the second.
        if stored.contains(id) { return true }
        return try repository.objects.contains(id)
    }

    /// Appends one chunk, cut where another repository cut it; `body` fills all of the buffer.
    /// `origin` is the id of the chunk there, nil where these bytes are only a part of it.
    package func appendChunk(
        _ count: Int, origin: ObjectID?, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        guard count <= Batch.size else {
            throw SnapError(.damaged, "a chunk of \(count) bytes, more than an object may have")
        }
        try endStretch()
        if Batch.size - batch.used < count { try renew() }
        let range = batch.used..<batch.used + count
        try body(UnsafeMutableRawBufferPointer(rebasing: batch.memory[range]))
        batch.used = range.upperBound
        fileSize += UInt64(count)
        isCut = true
        chunkStart = batch.used
        try emit(.chunk(range, origin: origin))
        beginStretch()
    }

    /// Appends a chunk that `isStored`.
    package func appendStored(_ id: ObjectID, count: Int) throws {
        try endStretch()
        fileSize += UInt64(count)
        isCut = true
        try emit(.stored(id, count: count))
        beginStretch()
    }

    /// Appends bytes that nothing is stored for.
    package func appendHole(_ count: UInt64) throws {
        if count == 0 { return }
        try endStretch()
        isCut = true
        fileSize += count
        try emit(.hole(count))
        beginStretch()
    }

    private func emitChunk(_ length: Int) throws {
        isCut = true
        batch.events.append(.chunk(chunkStart..<chunkStart + length))
        chunkStart += length
    }

    private func endStretch() throws {
        if chunkStart < batch.used { try emitChunk(batch.used - chunkStart) }
    }

    /// Bytes of the open file so far, holes included.
    package var openFileSize: UInt64 { fileSize }

    /// Ends the file; its size is what was appended. `before` is the predecessor's entry.
    package func endFile(_ entry: Entry, xattrs: [UInt8], before: Entry? = nil) throws {
        var entry = entry
        entry.attributes.size = fileSize
        let tail = chunkStart..<batch.used
        if !isCut && tail.count <= Content.inlineMax {
            if !tail.isEmpty { entry.content = .inline(Array(batch.bytes(tail))) }
            batch.used = chunkStart
            try take(entry)
            return try emit(.inlineFile(try with(xattrs, entry), before: before))
        }
        try endStretch()
        try take(entry)
        try emit(.file(try with(xattrs, entry), before: before))
    }

    // MARK: Batches

    private func emit(_ event: TreeEvent) throws {
        batch.events.append(event)
        if batch.events.count >= Batch.eventsMax && chunkStart >= batch.used { try renew() }
    }

    /// Sends the batch off. The new one begins with the unfinished chunk of the open file.
    private func renew() throws {
        let rest = chunkStart..<batch.used
        let next = try pool.acquire()
        next.memory.copyMemory(from: batch.bytes(rest))
        next.used = rest.count
        batch.used = chunkStart
        try submit()
        batch = next
        chunkStart = 0
    }

    private func submit() throws {
        let (full, repository) = (batch, repository)
        if full.events.isEmpty { return }
        try hashing.submit {
            for event in full.events {
                switch event {
                case .chunk(let range, _), .xattrs(let range):
                    full.ids.append(try repository.keys.id(.data, full.bytes(range)))
                default: break
                }
            }
            return full
        }
    }

    // MARK: End

    /// Ends the tree, waits until everything is durable and the manifest committed.
    package func finish(root: Entry, xattrs: [UInt8] = []) throws -> Manifest {
        do {
            try emit(.finish(try with(xattrs, root)))
            try submit()
        } catch {
            abandon()
            throw error
        }
        hashing.finish()
        join()
        guard let manifest = try outcome.result() else {
            preconditionFailure("the packing stage ended without a manifest or a failure")
        }
        return manifest
    }

    /// Stops without a snapshot, once what was sent is stored and the checkpoints are committed.
    package func drain() throws {
        try submit()
        hashing.finish()
        join()
        _ = try outcome.result()
    }

    /// Stops without a snapshot.
    package func abandon() {
        if ended { return }
        let error = SnapError(.interrupted, "the backup was abandoned")
        pool.fail(error)
        hashing.fail(error)
        packing.fail(error)
        join()
    }

    private func join() {
        ended = true
        threads.forEach { $0.join() }
        workers.close()
    }

    deinit { abandon() }
}
