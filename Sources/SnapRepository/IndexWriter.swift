// SPDX-License-Identifier: MIT
//
// Writes index segments: from the entries of finished packs, or by merging segments. The stream is
// sealed page by page into a staged file, so memory does not grow with the index. Measured: a
// million entries or ten take 15 MiB, and 0.5 s of one core a million.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// Seals a stream of bytes as pages. Not thread-safe.
private final class PageWriter {
    private let store: any Store
    private let key: FileKey
    private let staged: any StagedFile
    private let hash: SHA256
    private var page: [UInt8] = []
    private var block: [UInt8] = []
    private var offset = UInt64(ContainerHeader.size)
    private(set) var written = 0

    init(store: any Store, key: FileKey) throws {
        self.store = store
        self.key = key
        staged = try store.stage()
        hash = try SHA256()
        block = key.header.bytes
        page.reserveCapacity(IndexHeader.pageSize)
    }

    func append(_ bytes: [UInt8]) throws {
        written += bytes.count
        var start = 0
        while start < bytes.count {
            // A full page waits for the next byte: only then it is not the last.
            if page.count == IndexHeader.pageSize { try seal(.middle) }
            let end = min(bytes.count, start + IndexHeader.pageSize - page.count)
            page += bytes[start..<end]
            start = end
        }
    }

    func align() throws {
        let rest = written % IndexHeader.alignment
        if rest > 0 { try append([UInt8](repeating: 0, count: IndexHeader.alignment - rest)) }
    }

    func finish() throws -> ObjectID {
        page += [UInt8](repeating: 0, count: IndexHeader.pageSize - page.count)
        try seal(.last)
        try flush()
        let name = try hash.finish()
        try store.commit(staged, as: IndexSegment.storeName(name), digest: name)
        return name
    }

    private func seal(_ role: RecordRole) throws {
        block += try key.seal(at: offset, role: role, page)
        offset += UInt64(IndexHeader.sealedPageSize)
        page.removeAll(keepingCapacity: true)
        if block.count >= 256 << 10 { try flush() }
    }

    private func flush() throws {
        try block.withUnsafeBytes {
            try hash.update($0)
            try staged.append($0)
        }
        block.removeAll(keepingCapacity: true)
    }
}

package enum IndexWriter {
    /// Writes a segment and returns its name. `packs` calls its argument with each pack of the
    /// table. `entries` calls its argument with each entry in strictly ascending order, and is
    /// called twice: for the fan-out and for the entries. Nothing of it stays in memory.
    package static func write(
        store: any Store, key: FileKey, header: IndexHeader,
        packs: ((PackDescription) throws -> Void) throws -> Void, superseded: [ObjectID],
        entries: ((IndexEntry) throws -> Void) throws -> Void
    ) throws -> ObjectID {
        let pages = try PageWriter(store: store, key: key)
        try pages.append(header.bytes)
        try packs { pack in
            var writer = ByteWriter(capacity: PackDescription.size)
            pack.encode(into: &writer)
            try pages.append(writer.bytes)
        }
        try pages.align()
        try writeFanOut(header, pages, entries)
        try pages.align()
        var batch = ByteWriter(capacity: IndexHeader.pageSize)
        try entries { entry in
            entry.encode(into: &batch)
            if batch.count == IndexHeader.pageSize {
                try pages.append(batch.bytes)
                batch = ByteWriter(capacity: IndexHeader.pageSize)
            }
        }
        try pages.append(batch.bytes)
        try pages.align()
        for name in superseded { try pages.append(name.bytes) }
        precondition(pages.written == header.streamEnd)
        return try pages.finish()
    }

    private static func writeFanOut(
        _ header: IndexHeader, _ pages: PageWriter,
        _ entries: ((IndexEntry) throws -> Void) throws -> Void
    ) throws {
        var writer = ByteWriter(capacity: IndexHeader.pageSize)
        var slot = 0
        var count: UInt32 = 0
        func close(upTo next: Int) throws {
            while slot < next {
                writer.u32(count)
                slot += 1
                if writer.count >= IndexHeader.pageSize {
                    try pages.append(writer.bytes)
                    writer = ByteWriter(capacity: IndexHeader.pageSize)
                }
            }
        }
        try entries { entry in
            try close(upTo: header.slot(of: entry.id))
            count += 1
        }
        try close(upTo: header.fanOutCount)
        try pages.append(writer.bytes)
    }

    /// A segment of the objects of packs. Of an object that is in several of them, one place.
    static func write(
        _ packs: [FinishedPack], superseding superseded: [ObjectID] = [], store: any Store,
        key: FileKey, session: [UInt8], collection: UInt64
    ) throws -> ObjectID {
        var entries: [IndexEntry] = []
        entries.reserveCapacity(packs.reduce(0) { $0 + $1.objects.count })
        for (number, pack) in packs.enumerated() {
            for object in pack.objects {
                entries.append(
                    IndexEntry(
                        id: object.id, pack: UInt32(number),
                        record: pack.records[Int(object.record)], offset: object.offset,
                        length: object.length))
            }
        }
        entries.sort { ($0.id, $0.pack) < ($1.id, $1.pack) }
        var last: ObjectID?
        entries.removeAll { entry in
            defer { last = entry.id }
            return entry.id == last
        }
        let header = IndexHeader(
            entryCount: entries.count, packCount: packs.count,
            supersededCount: superseded.count, session: session, collection: collection)
        return try write(
            store: store, key: key, header: header,
            packs: { body in try packs.forEach { try body($0.description) } },
            superseded: superseded,
            entries: { try entries.forEach($0) })
    }

    /// Merges segments into one that supersedes them, or what they supersede. Of equal ids the
    /// first segment's entry stays whose pack is not one to avoid; what is in no other goes if
    /// `isDropping`, and the pack stays in the table. Packs can be left out, and what is in no
    /// other.
    package static func merge(
        _ segments: [IndexSegment], superseding: [ObjectID]? = nil, store: any Store, key: FileKey,
        session: [UInt8], collection: UInt64 = 0, avoiding isAvoided: ((ObjectID) -> Bool)? = nil,
        droppingAvoided isDropping: Bool = false,
        leavingOut isLeftOut: (PackName) -> Bool = { _ in false }
    ) throws -> ObjectID {
        let names = superseding ?? segments.map(\.name)
        let packs = try MergedPacks(segments, leavingOut: isLeftOut)
        let avoided = try isAvoided.map { try packs.numbers(where: $0) } ?? []
        func pass(_ body: (IndexEntry) throws -> Void) throws {
            var merge = try IndexMerge(segments)
            while let next = try merge.next(avoiding: {
                let pack = try packs.number($0.pack, segment: $1)
                return pack == MergedPacks.leftOut || avoided.contains(pack)
            }) {
                var entry = next.entry
                entry.pack = try packs.number(entry.pack, segment: next.segment)
                if entry.pack == MergedPacks.leftOut { continue }
                if isDropping && avoided.contains(entry.pack) { continue }
                try body(entry)
            }
        }
        var count = 0
        try pass { _ in count += 1 }
        let header = IndexHeader(
            entryCount: count, packCount: packs.count, supersededCount: names.count,
            session: session, collection: collection)
        return try write(
            store: store, key: key, header: header, packs: packs.forEach,
            superseded: names, entries: pass)
    }
}
