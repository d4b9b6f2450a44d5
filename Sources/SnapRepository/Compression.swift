// SPDX-License-Identifier: MIT
//
// Compresses records on many threads, each with a zstd context of its own that is kept for reuse.

import Glibc
import SnapBase
import SnapFormat
import SnapZstd

/// A record ready to be sealed, after the compressor.
struct CompressedRecord: Sendable {
    /// Head and content.
    var bytes: [UInt8]
    var codec: RecordHead.Codec
}

/// A record that is about to be written, and what it holds.
struct NewRecord: Sendable {
    var record: CompressedRecord
    var objects: [RecordObject]
}

/// Compresses the content of records and proves that each can be had back. Thread-safe.
final class RecordCompressor: Sendable {
    private final class Context {
        let compressor = Compressor(level: level)
        let decompressor = Decompressor()
        let scratch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: RecordHead.rawSizeMax, alignment: 16)
        deinit { scratch.deallocate() }
    }

    /// zstd's default: 1.7 times the speed of level 5 for 2 % more bytes on a system tree.
    static let level: Int32 = 3

    private let contexts = ContextPool { Context() }

    func compress(_ raw: UnsafeRawBufferPointer) throws -> CompressedRecord {
        precondition(raw.count <= RecordHead.rawSizeMax)
        return try contexts.use { context in
            // Below a saving of 1/64 it is not worth the decompression.
            let limit = raw.count - raw.count / 64
            var codec = RecordHead.Codec.stored
            let bytes = try [UInt8](unsafeUninitializedCapacity: RecordHead.size + raw.count) {
                buffer, count in
                let out = UnsafeMutableRawBufferPointer(buffer)
                let room = UnsafeMutableRawBufferPointer(
                    rebasing: out[RecordHead.size..<RecordHead.size + limit])
                if let size = context.compressor.compress(raw, into: room) {
                    codec = .zstd
                    count = RecordHead.size + size
                    try Self.verify(
                        UnsafeRawBufferPointer(rebasing: room[..<size]), raw, context)
                } else {
                    UnsafeMutableRawBufferPointer(rebasing: out[RecordHead.size...])
                        .copyMemory(from: raw)
                    count = RecordHead.size + raw.count
                }
                let head = RecordHead(rawSize: raw.count, codec: codec)
                out.storeBytes(of: head.word.littleEndian, as: UInt32.self)
            }
            return CompressedRecord(bytes: bytes, codec: codec)
        }
    }

    /// Large objects behind each other: one record where that saves bytes, else one of each, so
    /// that a reader of one need not read them all.
    func compress(run: UnsafeRawBufferPointer, _ objects: [RecordObject]) throws -> [NewRecord] {
        let whole = try compress(run)
        if objects.count == 1 || whole.codec != .stored {
            return [NewRecord(record: whole, objects: objects)]
        }
        return objects.map { object in
            let head = RecordHead(rawSize: Int(object.length), codec: .stored)
            let start = Int(object.offset)
            let bytes =
                withUnsafeBytes(of: head.word.littleEndian) { Array($0) }
                + run[start..<start + Int(object.length)]
            var alone = object
            alone.offset = 0
            return NewRecord(
                record: CompressedRecord(bytes: bytes, codec: .stored), objects: [alone])
        }
    }

    /// A library or a memory fault must show before the data is trusted to it.
    private static func verify(
        _ frame: UnsafeRawBufferPointer, _ raw: UnsafeRawBufferPointer, _ context: Context
    ) throws {
        let out = UnsafeMutableRawBufferPointer(rebasing: context.scratch[..<raw.count])
        try context.decompressor.decompress(frame, into: out)
        guard memcmp(out.baseAddress!, raw.baseAddress!, raw.count) == 0 else {
            throw SnapError(
                .io, "compressed data does not give back its input: check this machine's memory")
        }
    }
}
