// SPDX-License-Identifier: MIT
//
// A segment of the index, read page by page: nothing of it is resident but its header. A lookup
// reads a fan-out slot and a page of entries through the shared cache. See snapfs-format(5), INDEX.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import Synchronization

/// A pack as an index segment describes it; shared by all locations inside it.
package final class PackReference: Sendable {
    package let description: PackDescription
    init(_ description: PackDescription) { self.description = description }
}

/// Where an object is found.
package struct ObjectLocation: Sendable {
    package var pack: PackReference
    package var record: RecordPlace
    package var offset: Int
    package var length: Int
}

package struct PageKey: Hashable, Sendable {
    var segment: UInt64
    var page: Int
}

/// Opened pages of all segments, 4,080 bytes each.
package typealias PageCache = LRUCache<PageKey, [UInt8]>

/// A segment: its header, and its pages once it is held. Thread-safe.
package final class IndexSegment: Sendable {
    package let name: ObjectID
    package let header: IndexHeader
    package let superseded: [ObjectID]
    /// Its name on the store, for messages.
    private let path: String
    private let store: any Store
    /// Open from `hold` or the first page on.
    private let file = Mutex<(any StoreFile)?>(nil)
    private let key: FileKey
    private let pages: PageCache
    /// Of this open file: names are a store's to give, and its pages must be no other's.
    private let serial: UInt64
    private static let serials = Atomic<UInt64>(0)
    private let packs = LRUCache<UInt32, PackReference>(costMax: 4096)
    private let pageCount: Int
    /// Offsets in the stream, which the header computes.
    private let fanOutStart, entryStart: Int

    package static func storeName(_ name: ObjectID) -> String { "index/\(name.hex)" }

    /// Reads a segment's header and the names it supersedes; `master` gives the secret that it is
    /// sealed under. Its file is not kept open: most of
    /// what a repository lists has been superseded.
    package init(
        _ name: ObjectID, store: any Store, repository: [UInt8], pages: PageCache,
        master: (_ generation: UInt32, _ name: String) throws -> Secret
    ) throws {
        let path = Self.storeName(name)
        self.name = name
        self.path = path
        self.pages = pages
        self.store = store
        serial = Self.serials.add(1, ordering: .relaxed).newValue
        let file = try store.open(path)
        guard file.size >= ContainerHeader.size + IndexHeader.sealedPageSize else {
            throw SnapError(.damaged, "\(path): is too short")
        }
        var head = [UInt8](repeating: 0, count: ContainerHeader.size)
        try head.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        let container = try ContainerHeader(head, name: path)
        key = try FileKey(
            container, kind: .index, master: try master(container.generation, path),
            repository: repository, name: path)
        pageCount = (file.size - ContainerHeader.size) / IndexHeader.sealedPageSize
        let first = try Self.open(0, 1, file, key, pageCount, path)
        header = try IndexHeader(
            Array(first.prefix(IndexHeader.alignment)), fileSize: file.size, name: path)
        (fanOutStart, entryStart) = (header.fanOutStart, header.entryStart)
        superseded = try Self.superseded(header, file, key, pageCount, path)
    }

    private static func superseded(
        _ header: IndexHeader, _ file: any StoreFile, _ key: FileKey, _ pageCount: Int,
        _ path: String
    ) throws -> [ObjectID] {
        if header.supersededCount == 0 { return [] }
        let firstPage = header.supersededStart / IndexHeader.pageSize
        let bytes = try open(firstPage, pageCount - firstPage, file, key, pageCount, path)
        let start = header.supersededStart - firstPage * IndexHeader.pageSize
        return bytes.withUnsafeBytes { bytes in
            (0..<header.supersededCount).map { ObjectID(bytes, at: start + $0 * ObjectID.size) }
        }
    }

    /// Opens `count` pages behind each other.
    private static func open(
        _ page: Int, _ count: Int, _ file: any StoreFile, _ key: FileKey, _ pageCount: Int,
        _ path: String
    ) throws -> [UInt8] {
        let sealedSize = IndexHeader.sealedPageSize
        let offset = ContainerHeader.size + page * sealedSize
        return try withUnsafeTemporaryAllocation(byteCount: count * sealedSize, alignment: 16) {
            sealed in
            try file.read(at: offset, into: sealed)
            return try [UInt8](unsafeUninitializedCapacity: count * IndexHeader.pageSize) {
                buffer, initialized in
                let plain = UnsafeMutableRawBufferPointer(buffer)
                for index in 0..<count {
                    let from = index * sealedSize
                    let to = index * IndexHeader.pageSize
                    let authentic = try key.open(
                        at: UInt64(offset + from),
                        role: page + index == pageCount - 1 ? .last : .middle,
                        UnsafeRawBufferPointer(rebasing: sealed[from..<from + sealedSize]),
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: plain[to..<to + IndexHeader.pageSize]))
                    guard authentic else {
                        throw SnapError(
                            .damaged, "\(path): page \(page + index) fails authentication")
                    }
                }
                initialized = count * IndexHeader.pageSize
            }
        }
    }

    /// Keeps the file open from now on, so that it can be read even when it is deleted. Throws
    /// `.notFound` when it already is.
    func hold() throws { _ = try openFile() }

    private func openFile() throws -> any StoreFile {
        try file.withLock { open in
            if let open { return open }
            let file = try store.open(path)
            open = file
            return file
        }
    }

    private func page(_ number: Int) throws -> [UInt8] {
        try pages.value(
            PageKey(segment: serial, page: number), cost: { $0.count + 100 },
            make: {
                try Self.open(number, 1, openFile(), key, pageCount, path)
            })
    }

    private func damaged(_ problem: String) -> SnapError {
        SnapError(.damaged, "\(path): \(problem)")
    }

    func counts(_ counting: Counting) -> Bool {
        counting.countsSegment(name, collection: header.collection)
    }

    // MARK: Lookup

    /// The entry of an id, nil where the segment has none.
    package func lookup(_ id: ObjectID) throws -> IndexEntry? { try position(id)?.entry }

    /// The same, with its place among the entries.
    func position(_ id: ObjectID) throws -> (number: Int, entry: IndexEntry)? {
        var range = try fanOut(id)
        // Ids are uniform: how far the id lies into its slot nearly always leads to the page.
        let fraction = id.words.0 << UInt64(header.fanOutBits)
        var guess =
            range.lowerBound
            + Int(UInt64(range.count).multipliedFullWidth(by: fraction).high)
        while !range.isEmpty {
            let number = (entryStart + guess * IndexEntry.size) / IndexHeader.pageSize
            let bytes = try page(number)
            let start = number * IndexHeader.pageSize - entryStart
            let part = range.clamped(
                to: max(0, start / IndexEntry.size)..<(start + IndexHeader.pageSize)
                    / IndexEntry.size)
            let (place, entry) = bytes.withUnsafeBytes {
                Self.search($0, start, part, id)
            }
            if let entry { return (place, entry) }
            if place > part.lowerBound && place < part.upperBound { return nil }
            range =
                place == part.lowerBound
                ? range.lowerBound..<place : place..<range.upperBound
            guess = (range.lowerBound + range.upperBound) / 2
        }
        return nil
    }

    /// The entry of an id among those in `range`, and where it is or would be. `start` is where the
    /// page begins, counted from the first entry.
    private static func search(
        _ page: UnsafeRawBufferPointer, _ start: Int, _ range: Range<Int>, _ id: ObjectID
    ) -> (place: Int, entry: IndexEntry?) {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            let offset = middle * IndexEntry.size - start
            let found = ObjectID(page, at: offset)
            if found == id { return (middle, IndexEntry(page, at: offset)) }
            if found < id { low = middle + 1 } else { high = middle }
        }
        return (low, nil)
    }

    /// The entries of an id's slot.
    private func fanOut(_ id: ObjectID) throws -> Range<Int> {
        let slot = header.slot(of: id)
        // Both bounds are nearly always on one page.
        let position = fanOutStart + slot * 4
        let bytes = try page(position / IndexHeader.pageSize)
        let high = Self.count(bytes, position % IndexHeader.pageSize)
        let low: Int
        if slot == 0 {
            low = 0
        } else if position % IndexHeader.pageSize >= 4 {
            low = Self.count(bytes, position % IndexHeader.pageSize - 4)
        } else {
            low = try fanOutSlot(slot - 1)
        }
        guard low <= high, high <= header.entryCount else { throw damaged("bad fan-out") }
        return low..<high
    }

    /// How many entries have an id up to those of a slot.
    func fanOutSlot(_ slot: Int) throws -> Int {
        let position = fanOutStart + slot * 4
        return Self.count(
            try page(position / IndexHeader.pageSize), position % IndexHeader.pageSize)
    }

    private static func count(_ page: [UInt8], _ offset: Int) -> Int {
        page.withUnsafeBytes {
            Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
    }

    /// Throws `.damaged` unless the segment's table has a pack of this number.
    func requirePack(_ number: UInt32) throws {
        guard number < header.packCount else { throw damaged("a pack out of range") }
    }

    /// A pack of the segment's table.
    package func pack(_ number: UInt32) throws -> PackReference {
        try requirePack(number)
        return try packs.value(
            number, cost: { _ in 1 },
            make: {
                let position = header.packStart + Int(number) * PackDescription.size
                let bytes = try page(position / IndexHeader.pageSize)
                var reader = ByteReader(
                    bytes, name: path, offset: position % IndexHeader.pageSize)
                return PackReference(try PackDescription(&reader))
            })
    }

    // MARK: Passes

    /// Calls body with every pack of the table in order; memory stays at some pages.
    func forEachPack(_ body: (PackDescription) throws -> Void) throws {
        var number = 0
        while number < header.packCount {
            let position = header.packStart + number * PackDescription.size
            let page = position / IndexHeader.pageSize
            let block = try block(from: page, count: IndexPageReader.blockPages)
            var reader = ByteReader(block, name: path, offset: position % IndexHeader.pageSize)
            let end = page * IndexHeader.pageSize + block.count - header.packStart
            while number < min(header.packCount, end / PackDescription.size) {
                try body(try PackDescription(&reader))
                number += 1
            }
        }
    }

    /// Calls body with every entry in ascending order; memory stays at some pages.
    package func forEachEntry(_ body: (IndexEntry) throws -> Void) throws {
        let reader = IndexPageReader(self)
        while let entry = try reader.next() { try body(entry) }
    }

    /// `count` pages from `number` on, or as many as there are.
    func block(from number: Int, count: Int) throws -> [UInt8] {
        try Self.open(number, min(count, pageCount - number), openFile(), key, pageCount, path)
    }
}
