// SPDX-License-Identifier: MIT
//
// Reads a pack once, from the first byte to the last: the same bytes go into the SHA-256 that must
// be its name, are opened and decompressed, and give the ids of the objects again. Only the
// trailer, under 1 % of a pack, is read before, because it says where records end.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapZstd

/// What reading a whole pack showed.
package struct PackVerdict: Sendable {
    static let problemsMax = 8

    package let name: ObjectID
    /// The first problems, each with the name of the pack.
    package private(set) var problems: [String] = []
    package private(set) var problemCount = 0
    package var objects = 0
    /// Bytes of the objects.
    package var bytes: UInt64 = 0

    init(_ name: ObjectID) { self.name = name }

    mutating func add(_ problem: String) {
        problemCount += 1
        if problems.count < Self.problemsMax { problems.append(problem) }
    }
}

/// Memory for reading a pack; one per thread.
private final class ScrubBuffers {
    static let size = RecordHead.rawSizeMax + 4096

    let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    let raw = UnsafeMutableRawBufferPointer.allocate(
        byteCount: RecordHead.rawSizeMax, alignment: 4096)
    let decompressor = Decompressor()

    deinit {
        sealed.deallocate()
        raw.deallocate()
    }
}

/// Reads whole packs. Thread-safe.
final class PackScrubber: Sendable {
    private let objects: ObjectReader
    private let keys: DerivedKeys
    private let observer: CheckObserver
    private let buffers = ContextPool { ScrubBuffers() }

    init(_ repository: Repository, _ observer: CheckObserver) {
        objects = repository.objects
        keys = repository.keys
        self.observer = observer
    }

    /// Reads a pack and compares it with what the index says. Throws only what is no finding.
    func scrub(_ expected: ExpectedPack) throws -> PackVerdict {
        var verdict = PackVerdict(expected.description.name)
        do {
            let pack = try objects.pack(PackReference(expected.description))
            try buffers.use { buffers in
                var run = try PackScrub(pack, keys, observer, buffers)
                defer { verdict = run.verdict }
                try run.run()
                if let trailer = run.trailer {
                    try run.verdict.compare(pack, trailer, expected, objects)
                }
            }
        } catch let error as SnapError where error.isFinding {
            verdict.add(error.message)
        }
        return verdict
    }
}

/// One reading of one pack.
private struct PackScrub {
    private let pack: Pack
    private let keys: DerivedKeys
    private let observer: CheckObserver
    private let buffers: ScrubBuffers
    private let hash: SHA256
    /// Bytes that were read and hashed.
    private var position = 0
    private(set) var trailer: PackTrailer?
    var verdict: PackVerdict

    init(
        _ pack: Pack, _ keys: DerivedKeys, _ observer: CheckObserver, _ buffers: ScrubBuffers
    ) throws {
        self.pack = pack
        self.keys = keys
        self.observer = observer
        self.buffers = buffers
        hash = try SHA256()
        verdict = PackVerdict(pack.description.name)
    }

    mutating func run() throws {
        do { trailer = try pack.trailer() } catch let error as SnapError where error.isFinding {
            verdict.add(error.message)
        }
        if let trailer { try readRecords(trailer) }
        while position < pack.file.size {
            _ = try read(min(buffers.sealed.count, pack.file.size - position))
        }
        if try hash.finish() != pack.description.name {
            verdict.add("\(pack.name): the content is not what the name says")
        }
    }

    /// Reads and hashes the next bytes of the file.
    private mutating func read(_ count: Int) throws -> UnsafeMutableRawBufferPointer {
        try observer.throwIfInterrupted()
        let part = UnsafeMutableRawBufferPointer(rebasing: buffers.sealed[..<count])
        try pack.file.read(at: position, into: part)
        try hash.update(UnsafeRawBufferPointer(part))
        position += count
        observer.done(0, count)
        return part
    }

    private mutating func readRecords(_ trailer: PackTrailer) throws {
        _ = try read(ContainerHeader.size)
        var objects = trailer.objects[...]
        for (number, place) in trailer.records.enumerated() {
            let size = Int(place.size)
            guard Int(place.offset) == position, size <= buffers.sealed.count,
                size >= SealingKey.tagSize + RecordHead.size, position + size <= pack.file.size
            else {
                verdict.add("\(pack.name): record \(number) is not behind the one before")
                return
            }
            let mine = objects.prefix { $0.record == number }
            objects = objects.dropFirst(mine.count)
            let sealed = try read(size)
            do { try check(open(sealed, place), mine) } catch let error as SnapError
                where error.isFinding
            {
                verdict.add(error.message)
            }
        }
        if !objects.isEmpty { verdict.add("\(pack.name): objects out of the order of records") }
    }

    /// Opens a record where it lies; the content is valid until the next one.
    private func open(
        _ sealed: UnsafeMutableRawBufferPointer, _ place: RecordPlace
    ) throws -> UnsafeRawBufferPointer {
        let (head, content) = try pack.open(sealed, place)
        if head.codec == .stored { return content }
        let raw = UnsafeMutableRawBufferPointer(rebasing: buffers.raw[..<head.rawSize])
        try pack.decompress(content, into: raw, place, buffers.decompressor)
        return UnsafeRawBufferPointer(raw)
    }

    private mutating func check(
        _ content: UnsafeRawBufferPointer, _ objects: ArraySlice<PackedObject>
    ) throws {
        for object in objects {
            let start = Int(object.offset)
            let end = start + Int(object.length)
            guard end <= content.count else {
                add(object, "runs past its record")
                continue
            }
            let bytes = UnsafeRawBufferPointer(rebasing: content[start..<end])
            if try keys.id(object.kind, bytes) != object.id {
                add(object, "is not what its id says")
            }
            if object.kind.packKind != pack.description.kind {
                add(object, "is of the wrong kind")
            }
            verdict.objects += 1
            verdict.bytes += UInt64(object.length)
        }
    }

    private mutating func add(_ object: PackedObject, _ problem: String) {
        verdict.add("\(pack.name): object \(object.id.hex.prefix(16)) \(problem)")
    }
}

extension PackVerdict {
    /// Adds a problem unless the index says of the pack what its own tables say. A merged segment
    /// may have left out objects that another pack holds, too.
    fileprivate mutating func compare(
        _ pack: Pack, _ trailer: PackTrailer, _ expected: ExpectedPack, _ index: ObjectReader
    ) throws {
        var all = PlacedObjects()
        for object in trailer.objects {
            all.add(
                object.id, trailer.records[Int(object.record)], offset: object.offset,
                length: object.length)
        }
        if expected.objects.allSatisfy({ $0 == all }) { return }
        do { try compareSingly(pack, trailer, expected, index) } catch let error as SnapError
            where error.isFinding
        {
            add("\(pack.name): compared with the index: \(error.message)")
        }
    }

    private mutating func compareSingly(
        _ pack: Pack, _ trailer: PackTrailer, _ expected: ExpectedPack, _ index: ObjectReader
    ) throws {
        var found = 0
        for object in trailer.objects {
            var isKnown = false
            for segment in index.segments {
                guard let entry = try segment.lookup(object.id) else { continue }
                isKnown = true
                guard try segment.pack(entry.pack).description.name == name else { continue }
                found += 1
                if entry.record != trailer.records[Int(object.record)]
                    || entry.offset != object.offset || entry.length != object.length
                {
                    add("\(pack.name): the index has another place for \(object.id.hex.prefix(16))")
                }
            }
            if !isKnown {
                add("\(pack.name): object \(object.id.hex.prefix(16)) is missing from the index")
            }
        }
        if found != expected.objects.reduce(0, { $0 + $1.count }) {
            add("\(pack.name): the index has objects that the pack does not hold")
        }
    }
}
