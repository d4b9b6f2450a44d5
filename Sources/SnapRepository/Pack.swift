// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapZstd
import Synchronization

/// Bytes of an opened record. Owns its memory. Thread-safe: never written after its making.
package final class Record: @unchecked Sendable {
    // Sendable: the memory is written before the only reference leaves the maker.
    private let memory: UnsafeMutableRawBufferPointer
    private let start: Int
    package let count: Int

    init(owning memory: UnsafeMutableRawBufferPointer, start: Int, count: Int) {
        self.memory = memory
        self.start = start
        self.count = count
    }

    deinit { memory.deallocate() }

    /// True the first time it is asked.
    func isFirstUse() -> Bool {
        !used.load(ordering: .relaxed) && !used.exchange(true, ordering: .relaxed)
    }
    private let used = Atomic<Bool>(false)

    /// A part of the record; throws `.damaged` when it is not inside.
    @inline(__always)
    package func withBytes<R>(
        offset: Int, count part: Int, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        guard offset >= 0, part >= 0, offset + part <= count else {
            throw SnapError(.damaged, "an object runs past its record")
        }
        return try body(
            UnsafeRawBufferPointer(rebasing: memory[start + offset..<start + offset + part]))
    }
}

/// A pack that is read record by record. Thread-safe.
package final class Pack: Sendable {
    package let description: PackDescription
    let file: any StoreFile
    let key: FileKey
    static let decompressors = ContextPool { Decompressor() }
    /// Places of all records, once somebody asked.
    private let places = Mutex<[RecordPlace]?>(nil)

    package var name: String { description.storeName }

    /// Opens the pack and checks that its size is what the index says, unless what is left of it is
    /// wanted.
    package init(
        _ description: PackDescription, store: any Store, master: Secret, repository: [UInt8],
        ofAnySize: Bool = false
    ) throws {
        self.description = description
        do { file = try store.open(description.storeName) } catch {
            let error = SnapError.wrap(error)
            // The index promised it: its absence is damage, never "nothing there".
            throw SnapError(
                error.kind == .notFound ? .damaged : error.kind, error.message, code: error.code)
        }
        guard ofAnySize || file.size == Int(description.fileSize) else {
            throw SnapError(
                .damaged,
                "\(description.storeName): has \(file.size) bytes instead of "
                    + String(description.fileSize))
        }
        key = try FileKey(
            kind: description.kind, generation: description.generation, salt: description.salt,
            master: master, repository: repository)
    }

    /// Reads, authenticates and decompresses one record.
    package func record(_ place: RecordPlace) throws -> Record {
        let size = try sealedSize(place)
        let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        var owned = true
        defer { if owned { sealed.deallocate() } }
        try file.read(at: Int(place.offset), into: sealed)
        let (head, content) = try open(sealed, place)
        if head.codec == .stored {
            owned = false
            return Record(owning: sealed, start: RecordHead.size, count: head.rawSize)
        }
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: head.rawSize, alignment: 16)
        do {
            try Self.decompressors.use { try decompress(content, into: raw, place, $0) }
        } catch {
            raw.deallocate()
            throw error
        }
        return Record(owning: raw, start: 0, count: head.rawSize)
    }

    /// Bytes of a record with its tag; throws `.damaged` unless it is one and inside the file.
    private func sealedSize(_ place: RecordPlace) throws -> Int {
        let size = Int(place.size)
        guard size >= SealingKey.tagSize + RecordHead.size,
            size <= RecordHead.rawSizeMax + 1024, Int(place.offset) + size <= file.size
        else { throw damaged(place, "outside the pack") }
        return size
    }

    /// The opened bytes of a record as they were sealed, head and content.
    func plain(_ place: RecordPlace) throws -> CompressedRecord {
        var bytes = [UInt8](repeating: 0, count: try sealedSize(place))
        let codec = try bytes.withUnsafeMutableBytes { sealed in
            try file.read(at: Int(place.offset), into: sealed)
            return try open(sealed, place).head.codec
        }
        bytes.removeLast(SealingKey.tagSize)
        return CompressedRecord(bytes: bytes, codec: codec)
    }

    /// Opens the sealed bytes of a record where they lie; its content is a part of them, and as it
    /// is to be read unless the head says that it is compressed.
    func open(
        _ sealed: UnsafeMutableRawBufferPointer, _ place: RecordPlace
    ) throws -> (head: RecordHead, content: UnsafeRawBufferPointer) {
        let plain = UnsafeMutableRawBufferPointer(
            rebasing: sealed[..<(sealed.count - SealingKey.tagSize)])
        let authentic = try key.open(
            at: UInt64(place.offset), role: .middle, UnsafeRawBufferPointer(sealed), into: plain)
        guard authentic else { throw damaged(place, "fails authentication") }
        let head = try RecordHead(UnsafeRawBufferPointer(plain), name: name)
        let content = UnsafeRawBufferPointer(rebasing: plain[RecordHead.size...])
        guard head.codec != .stored || content.count == head.rawSize else {
            throw damaged(place, "has the wrong size")
        }
        return (head, content)
    }

    /// Fills raw, which has the size that the record's head tells.
    func decompress(
        _ content: UnsafeRawBufferPointer, into raw: UnsafeMutableRawBufferPointer,
        _ place: RecordPlace, _ decompressor: Decompressor
    ) throws {
        do { try decompressor.decompress(content, into: raw) } catch {
            throw damaged(place, SnapError.wrap(error).message)
        }
    }

    private func damaged(_ place: RecordPlace, _ problem: String) -> SnapError {
        SnapError(.damaged, "\(name): the record at byte \(place.offset) \(problem)")
    }

    /// Reads the pack's own tables, authenticated from the header on.
    package func trailer() throws -> PackTrailer {
        let size = file.size
        guard size >= ContainerHeader.size + PackTrailer.footerSize else {
            throw SnapError(.damaged, "\(name): is too short")
        }
        let header = try ContainerHeader(read(0..<ContainerHeader.size), name: name)
        guard header.salt == description.salt, header.commitment == key.header.commitment,
            header.kind == description.kind
        else { throw SnapError(.damaged, "\(name): the header is not what the index says") }
        let footerStart = size - PackTrailer.footerSize
        let footer = try key.open(
            at: UInt64(footerStart), role: .last, read(footerStart..<size), name: name)
        let place = try PackTrailer.place(footer: footer, fileSize: size, name: name)
        let plain = try key.open(
            at: UInt64(place.lowerBound), role: .trailer, read(place), name: name)
        return try PackTrailer(plain, name: name)
    }

    /// The records behind one, as the pack's own table has them.
    func records(after place: RecordPlace, count: Int) throws -> ArraySlice<RecordPlace> {
        let all: [RecordPlace]
        if let known = places.withLock({ $0 }) {
            all = known
        } else {
            all = try trailer().records
            places.withLock { $0 = all }
        }
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if all[middle].offset <= place.offset { low = middle + 1 } else { high = middle }
        }
        return all[low...].prefix(count)
    }

    private func read(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        try bytes.withUnsafeMutableBytes { try file.read(at: range.lowerBound, into: $0) }
        return bytes
    }
}
