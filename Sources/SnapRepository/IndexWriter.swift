// SPDX-License-Identifier: MIT
//
// Writes index segments: from the entries of finished packs, or by merging segments. The stream is
// sealed page by page into a staged file, so memory does not grow with the index.

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
    private var page = ByteWriter(capacity: IndexHeader.pageSize)
    private var block: [UInt8] = []
    private var offset = UInt64(ContainerHeader.size)
    private(set) var written = 0

    init(store: any Store, key: FileKey) throws {
        self.store = store
        self.key = key
        staged = try store.stage()
        hash = try SHA256()
        block = key.header.bytes
    }

    func append(_ bytes: some Collection<UInt8>) throws {
        written += bytes.count
        var rest = bytes[...]
        while !rest.isEmpty {
            // A full page waits for the next byte: only then it is not the last.
            if page.count == IndexHeader.pageSize { try seal(.middle) }
            let part = rest.prefix(IndexHeader.pageSize - page.count)
            page.append(part)
            rest = rest.dropFirst(part.count)
        }
    }

    func align() throws {
        let rest = written % IndexHeader.alignment
        if rest > 0 { try append([UInt8](repeating: 0, count: IndexHeader.alignment - rest)) }
    }

    func finish() throws -> ObjectID {
        page.pad(to: IndexHeader.pageSize)
        try seal(.last)
        try flush()
        let name = try hash.finish()
        try store.commit(staged, as: IndexSegment.storeName(name), digest: name)
        return name
    }

    private func seal(_ role: RecordRole) throws {
        block += try key.seal(at: offset, role: role, page.bytes)
        offset += UInt64(IndexHeader.sealedPageSize)
        page = ByteWriter(capacity: IndexHeader.pageSize)
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

enum IndexWriter {
    /// Writes a segment and returns its name. `entries` calls its argument with each entry in
    /// strictly ascending order, and is called twice: for the fan-out and for the entries.
    static func write(
        store: any Store, key: FileKey, header: IndexHeader, packs: [PackDescription],
        superseded: [ObjectID], entries: ((IndexEntry) throws -> Void) throws -> Void
    ) throws -> ObjectID {
        let pages = try PageWriter(store: store, key: key)
        try pages.append(header.bytes)
        for pack in packs {
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
        let bits = header.fanOutBits
        var writer = ByteWriter(capacity: 4096)
        var slot = 0
        var count: UInt32 = 0
        func close(upTo next: Int) throws {
            while slot < next {
                writer.u32(count)
                slot += 1
                if writer.count >= 4080 {
                    try pages.append(writer.bytes)
                    writer = ByteWriter(capacity: 4096)
                }
            }
        }
        try entries { entry in
            try close(upTo: bits == 0 ? 0 : Int(entry.id.words.0 >> UInt64(64 - bits)))
            count += 1
        }
        try close(upTo: header.fanOutCount)
        try pages.append(writer.bytes)
    }

    /// A segment of the objects of new packs.
    static func write(
        _ packs: [FinishedPack], store: any Store, key: FileKey, session: [UInt8]
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
        entries.sort { $0.id < $1.id }
        let header = IndexHeader(
            entryCount: entries.count, packCount: packs.count, supersededCount: 0,
            session: session)
        return try write(
            store: store, key: key, header: header, packs: packs.map(\.description),
            superseded: [], entries: { try entries.forEach($0) })
    }

    /// Merges segments into one that supersedes them, or what they supersede; of equal ids the
    /// first segment's entry stays.
    static func merge(
        _ segments: [IndexSegment], superseding: [ObjectID]? = nil, store: any Store, key: FileKey,
        session: [UInt8]
    ) throws -> ObjectID {
        let names = superseding ?? segments.map(\.name)
        var packs: [PackDescription] = []
        var numbers: [ObjectID: UInt32] = [:]
        var tables: [[UInt32]] = []
        for segment in segments {
            var table: [UInt32] = []
            for number in 0..<UInt32(segment.header.packCount) {
                let description = try segment.pack(number).description
                let merged = numbers[description.name] ?? UInt32(packs.count)
                if merged == packs.count {
                    numbers[description.name] = merged
                    packs.append(description)
                }
                table.append(merged)
            }
            tables.append(table)
        }
        func pass(_ body: (IndexEntry) throws -> Void) throws {
            let readers = segments.map { IndexPageReader($0) }
            var heads = try readers.map { try $0.next() }
            while let first = heads.indices.filter({ heads[$0] != nil })
                .min(by: { heads[$0]!.id < heads[$1]!.id })
            {
                var entry = heads[first]!
                guard entry.pack < tables[first].count else {
                    throw SnapError(.damaged, "index entry: a pack out of range")
                }
                entry.pack = tables[first][Int(entry.pack)]
                try body(entry)
                for index in heads.indices where heads[index]?.id == entry.id {
                    heads[index] = try readers[index].next()
                }
            }
        }
        var count = 0
        try pass { _ in count += 1 }
        let header = IndexHeader(
            entryCount: count, packCount: packs.count, supersededCount: names.count,
            session: session)
        return try write(
            store: store, key: key, header: header, packs: packs,
            superseded: names, entries: pass)
    }
}
