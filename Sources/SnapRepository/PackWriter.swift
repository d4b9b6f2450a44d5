// SPDX-License-Identifier: MIT
//
// Writes one pack: seals records behind each other into a staged file, opens each again, and closes
// with trailer and footer. The name, the SHA-256 of all of it, comes last.
// See snapfs-format(5), PACKS and DURABILITY.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// An object of a record that is about to be written.
struct RecordObject: Sendable {
    var id: ObjectID
    var kind: ObjectKind
    var offset: UInt32
    var length: UInt32
}

/// What the index must know of a finished pack.
struct FinishedPack: Sendable {
    var description: PackDescription
    var objects: [PackedObject]
    var records: [RecordPlace]
}

/// Not thread-safe.
final class PackWriter {
    private let key: FileKey
    private let kind: FileKind
    private let staged: any StagedFile
    private let hash: SHA256
    private var trailer = PackTrailer()
    private var sealed: [UInt8] = []
    private var opened: [UInt8] = []
    private(set) var size = 0

    init(store: any Store, key: FileKey) throws {
        self.key = key
        kind = key.header.kind
        staged = try store.stage()
        hash = try SHA256()
        try write(key.header.bytes)
    }

    /// Full packs are finished, so that the padding is small against them.
    var isFull: Bool {
        size >= PackTrailer.packSizeTarget || trailer.objects.count >= PackTrailer.objectsTarget
    }

    func append(_ record: CompressedRecord, _ objects: [RecordObject]) throws {
        let offset = size
        try seal(record.bytes, role: .middle)
        let number = UInt32(trailer.records.count)
        trailer.records.append(
            RecordPlace(offset: UInt32(offset), size: UInt32(size - offset)))
        for object in objects {
            trailer.objects.append(
                PackedObject(
                    id: object.id, kind: object.kind, record: number, offset: object.offset,
                    length: object.length))
        }
    }

    /// Closes the pack and gives it its name.
    func finish(store: any Store) throws -> FinishedPack {
        let start = size
        try seal(trailer.bytes(recordsEnd: start, tag: SealingKey.tagSize), role: .trailer)
        try seal(
            PackTrailer.footer(trailerOffset: start, trailerSize: size - start), role: .last)
        let name = try hash.finish()
        try store.commit(staged, as: PackDescription.storeName(name, kind), digest: name)
        let description = PackDescription(
            name: name, salt: key.header.salt, fileSize: UInt32(size),
            generation: key.header.generation, kind: kind)
        return FinishedPack(
            description: description, objects: trailer.objects, records: trailer.records)
    }

    func discard() { staged.discard() }

    /// Seals plain at the end of the file, and opens it again before anything relies on it.
    private func seal(_ plain: [UInt8], role: RecordRole) throws {
        let count = plain.count + SealingKey.tagSize
        if sealed.count < count { sealed = [UInt8](repeating: 0, count: count) }
        if opened.count < plain.count { opened = [UInt8](repeating: 0, count: plain.count) }
        let offset = UInt64(size)
        try plain.withUnsafeBytes { plain in
            try sealed.withUnsafeMutableBytes { all in
                let sealed = UnsafeMutableRawBufferPointer(rebasing: all[..<count])
                try key.seal(at: offset, role: role, plain, into: sealed)
                try opened.withUnsafeMutableBytes { all in
                    let opened = UnsafeMutableRawBufferPointer(rebasing: all[..<plain.count])
                    let authentic = try key.open(
                        at: offset, role: role, UnsafeRawBufferPointer(sealed), into: opened)
                    guard authentic,
                        memcmp(opened.baseAddress!, plain.baseAddress!, plain.count) == 0
                    else {
                        throw SnapError(
                            .io, "sealed data does not open again: check this machine's memory")
                    }
                }
                try write(UnsafeRawBufferPointer(sealed))
            }
        }
    }

    private func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        try hash.update(bytes)
        try staged.append(bytes)
        size += bytes.count
    }
}
