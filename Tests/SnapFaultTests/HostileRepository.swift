// SPDX-License-Identifier: MIT
//
// A repository written by somebody who has the key and means ill: everything is authentic, and
// nothing needs to be true.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapView

@testable import SnapRepository

/// Collects objects and lies about them. Not thread-safe.
final class HostileRepository {
    /// An object in a record of its own.
    private struct Piece {
        var id: ObjectID
        var kind: ObjectKind
        var record: [UInt8]
        var length: Int
    }

    let files: AmnesiaFileLayer
    let repository: Repository
    private let session: Session<SealedLedger>
    private let keys: FileKeys
    private var pieces: [Piece] = []
    private var count: UInt64 = 0
    private let compressor = RecordCompressor()
    /// Changes what the index says of each object.
    var lie: (inout IndexEntry) -> Void = { _ in }
    private static let key = Secret([UInt8](repeating: 7, count: 32))

    init() throws {
        files = AmnesiaFileLayer()
        let store = LocalStore(files: files, location: "memory")
        try store.makeDirectories()
        try Repository.create(store, .keyFile(Self.key), label: "test")
        repository = try Repository.open(store, .keyFile(Self.key))
        session = try Session(repository.ledger, kind: .writer, host: "hostile")
        keys = FileKeys(repository, session: session.id)
    }

    /// Any id does: only `check` computes them again.
    func newID() -> ObjectID {
        count += 1
        return ObjectID(words: (count &* 0x9e37_79b9_7f4a_7c15, 0, 0, count))
    }

    @discardableResult
    func add(_ kind: ObjectKind, _ bytes: [UInt8], id: ObjectID? = nil) throws -> ObjectID {
        let record = try bytes.withUnsafeBytes { try compressor.compress($0) }
        return add(kind, record: record.bytes, length: bytes.count, id: id)
    }

    /// Adds an object whose record is this, head and content.
    @discardableResult
    func add(
        _ kind: ObjectKind, record: [UInt8], length: Int, id: ObjectID? = nil
    ) -> ObjectID {
        let piece = Piece(id: id ?? newID(), kind: kind, record: record, length: length)
        pieces.append(piece)
        return piece.id
    }

    /// Adds a directory of these entries, in this order.
    func directory(_ entries: [Entry], name: String = "d") throws -> Entry {
        let id = try add(.directory, DirectoryEncoder.leaf(entries))
        var entry = Self.directory(name, id)
        entry.attributes.count = entries.reduce(0) { $0 &+ $1.weight }
        entry.attributes.size = entries.reduce(0) { $0 &+ $1.byteWeight }
        return entry
    }

    static func directory(_ name: String, _ id: ObjectID) -> Entry {
        var entry = Entry(name: Array(name.utf8), attributes: Attributes(mode: 0o040755))
        entry.content = .directory(id)
        return entry
    }

    static func file(_ name: String, _ content: Content, size: UInt64) -> Entry {
        var entry = Entry(name: Array(name.utf8), attributes: Attributes(mode: 0o100644))
        entry.content = content
        entry.attributes.size = size
        return entry
    }

    static func empty(_ name: [UInt8]) -> Entry {
        Entry(name: name, attributes: Attributes(mode: 0o100644))
    }

    // MARK: Writing

    private func writePack(_ kind: FileKind) throws -> FinishedPack? {
        let own = pieces.filter { $0.kind.packKind == kind }
        if own.isEmpty { return nil }
        let writer = try PackWriter(
            store: repository.store, key: try keys.next(kind))
        for piece in own {
            try writer.append(
                CompressedRecord(bytes: piece.record, codec: .stored),
                [
                    RecordObject(
                        id: piece.id, kind: piece.kind, offset: 0, length: UInt32(piece.length))
                ])
        }
        return try writer.finish(store: repository.store)
    }

    private func writeIndex(_ packs: [FinishedPack]) throws {
        var entries: [IndexEntry] = []
        for (number, pack) in packs.enumerated() {
            for object in pack.objects {
                var entry = IndexEntry(
                    id: object.id, pack: UInt32(number), record: pack.records[Int(object.record)],
                    offset: object.offset, length: object.length)
                lie(&entry)
                entries.append(entry)
            }
        }
        entries.sort { $0.id < $1.id }
        let header = IndexHeader(
            entryCount: entries.count, packCount: packs.count, supersededCount: 0,
            session: session.id)
        _ = try IndexWriter.write(
            store: repository.store, key: try keys.next(.index), header: header,
            packs: { body in try packs.forEach { try body($0.description) } }, superseded: [],
            entries: { try entries.forEach($0) })
    }

    /// Writes everything below a root, reads it back as any user would. Throws what opening throws.
    func view(_ root: Entry, limits: ObjectReader.Limits = .init()) throws -> SnapshotView {
        let packs = try [FileKind.dataPack, .metadataPack].compactMap { try writePack($0) }
        if !packs.isEmpty { try writeIndex(packs) }
        var root = root
        root.name = []
        let manifest = Manifest(id: session.id, time: Timestamp(seconds: 0), root: root)
        let name = Manifest.storeName(session.id)
        try repository.store.create(
            name, try keys.next(.manifest).sealFile(manifest.fields, storeName: name))
        let opened = try Repository.open(
            LocalStore(files: files, location: "memory"), .keyFile(Self.key), limits: limits)
        try opened.refresh()
        guard case .committed(let found, _)? = try opened.ledger.decision(session.id) else {
            throw SnapError(.notFound, "the snapshot is not there")
        }
        return try SnapshotView(found, repository: opened, caches: ViewCaches())
    }
}

/// Uses a view in every way that mount and restore do. What does not come back, or traps, fails the
/// test by itself.
final class Probe {
    private let view: SnapshotView
    private var random: SeededRandom
    /// Entries that were reached.
    private(set) var entries = 0
    /// Errors by kind.
    private(set) var errors: [SnapError.Kind: Int] = [:]

    var damaged: Int { errors[.damaged] ?? 0 }
    /// Errors that a hostile repository cannot be the reason of.
    var strange: Int {
        errors.filter { ![.damaged, .unsupported, .notFound, .invalid].contains($0.key) }
            .values.reduce(0, +)
    }

    init(_ view: SnapshotView, seed: UInt64) {
        self.view = view
        random = SeededRandom(seed)
    }

    private func attempt<R>(_ body: () throws -> R) -> R? {
        do { return try body() } catch {
            errors[(error as? SnapError)?.kind ?? .io, default: 0] += 1
            return nil
        }
    }

    func run() {
        walk()
        let total = view.root.attributes.count
        var ranks: [UInt64] = [0, 1, 2, total, total &+ 1, .max, .max - 1, 1 << 40, 1 << 63]
        ranks += (0..<40).map { _ in UInt64.random(in: 0...max(total, 1), using: &random) }
        for rank in ranks {
            if let place = attempt({ try view.place(rank) }) { use(place) }
        }
        for name in ["a", "b", "..", "", "zz"] {
            if let place = attempt({ try view.lookup(Array(name.utf8), in: view.root) }) ?? nil {
                use(place)
            }
        }
        for first in [0, 1, 1000, Int.max] {
            let root = view.root
            _ = attempt {
                var left = 1000
                try view.forEach(in: root, from: first) { _ in
                    left -= 1
                    return left > 0
                }
            }
        }
    }

    private func walk() {
        var iterator = TreeIterator(view, below: view.root)
        while entries < 5000 {
            guard let place = attempt({ try iterator.next() }) ?? nil else { break }
            entries += 1
            precondition(place.name.withUnsafeBytes { isValidName($0) }, "a bad name came out")
            use(place)
        }
    }

    private func use(_ place: Place) {
        let size = place.attributes.size
        let offsets: [UInt64] = [
            0, 1, size / 2, size &- 1, size, size &+ 1, UInt64(Int64.max) - 1, .max,
            UInt64.random(in: 0...max(size, 1), using: &random),
        ]
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { buffer.deallocate() }
        for offset in offsets {
            if let count = attempt({ try view.read(place, at: offset, into: buffer) }) {
                precondition(count <= buffer.count)
            }
            guard place.attributes.isRegular else { continue }
            _ = attempt { try view.seek(place, from: offset, data: true) }
            _ = attempt { try view.seek(place, from: offset, data: false) }
        }
        _ = attempt { try view.xattrs(place) }
        _ = attempt { try view.linkTarget(place) }
        guard let entry = attempt({ try view.entry(place) }), entry.attributes.isRegular
        else { return }
        _ = attempt {
            var left = 10_000
            try view.forEachExtent(entry) { placed in
                // A consumer writes as many bytes as the extent has.
                precondition(placed.extent.end <= size, "an extent past the end came out")
                left -= 1
                if placed.extent.id != nil, placed.length <= 8 << 20 {
                    _ = try view.withBytes(of: placed) { $0.count }
                }
                return left > 0
            }
        }
    }
}
