// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapZstd

extension Structure {
    // MARK: Lists, attributes, directories

    static func list(_ vector: Vector) throws -> Decoded {
        let node = try ListNode(vector.bytes, from: try vector.number("start"))
        func joined(_ value: (Extent) -> String) -> String {
            node.extents.map(value).joined(separator: ",")
        }
        return Decoded(
            [
                "level": "\(node.level)", "ends": joined { "\($0.end)" },
                "offsets": joined { "\($0.offset)" }, "ids": joined { $0.id?.hex ?? "hole" },
            ], encoded: node.bytes)
    }

    static func xattrs(_ vector: Vector) throws -> Decoded {
        let found = try ExtendedAttribute.decode(vector.bytes)
        return Decoded(
            [
                "names": found.map { Hex.encode($0.name) }.joined(separator: ","),
                "values": found.map { Hex.encode($0.value) }.joined(separator: ","),
            ], encoded: ExtendedAttribute.encode(found))
    }

    static func directory(_ vector: Vector, root: Bool) throws -> Decoded {
        let node = try DirectoryNode(vector.bytes, root: root)
        var values = [
            "level": "\(node.level)", "below": "\(node.entriesBelow)",
            "bytes": "\(node.bytesBelow)",
        ]
        let indices = 0..<node.count
        func joined(_ value: (Int) throws -> String) rethrows -> String {
            try indices.map(value).joined(separator: ",")
        }
        values["names"] = joined { Hex.encode(node.name(at: $0)) }
        values["ranks"] = (0...node.count).map { "\(node.rank(at: $0))" }.joined(separator: ",")
        for rank in Set([0, node.entriesBelow / 2, node.entriesBelow &- 1])
        where rank < node.entriesBelow { _ = node.index(ofRank: rank) }
        for index in indices {
            let name = node.name(at: index)
            guard name.withUnsafeBytes({ node.search($0) })! == (index, true) else {
                fatalError("a name is not found where it is")
            }
        }
        if node.level > 0 {
            values["children"] = joined {
                "\(node.child(at: $0).entries):\(node.child(at: $0).id.hex)"
            }
            return Decoded(values)
        }
        let entries = try indices.map { try node.entry(at: $0) }
        values["modes"] = joined { String(entries[$0].attributes.mode, radix: 8) }
        values["sizes"] = joined { "\(entries[$0].attributes.size)" }
        values["contents"] = joined { name(entries[$0].content) }
        values["xattrs"] = joined { name(entries[$0].xattrs) }
        values["targets"] = joined { Hex.encode(entries[$0].target) }
        if let a = entries.first?.attributes {
            values["first"] =
                "uid \(a.uid) gid \(a.gid) mtime \(a.mtime.seconds).\(a.mtime.nanoseconds) "
                + "ctime \(a.ctime.seconds).\(a.ctime.nanoseconds) inode \(a.inode) "
                + "links \(a.links) group \(a.linkGroup) allocated \(a.allocated)"
        }
        return Decoded(values, encoded: DirectoryEncoder.leaf(entries))
    }

    private static func name(_ content: Content) -> String {
        switch content {
        case .none: "none"
        case .inline(let bytes): "inline:\(Hex.encode(bytes))"
        case .chunk: "chunk"
        case .extents(let extents): "extents:\(extents.count)"
        case .list: "list"
        case .directory: "directory"
        }
    }

    private static func name(_ xattrs: ExtendedAttributes) -> String {
        switch xattrs {
        case .none: "none"
        case .inline(let run): "inline:\(Hex.encode(run))"
        case .object(_, let length): "object:\(length)"
        }
    }

    // MARK: Packs

    static func record(_ vector: Vector) throws -> Decoded {
        let head = try vector.bytes.withUnsafeBytes { try RecordHead($0, name: vector.name) }
        let content = Array(vector.bytes.dropFirst(RecordHead.size))
        var raw = [UInt8](repeating: 0, count: head.rawSize)
        switch head.codec {
        case .stored:
            guard content.count == head.rawSize else { throw SnapError(.damaged, "size") }
            raw = content
        case .zstd:
            try content.withUnsafeBytes { frame in
                try raw.withUnsafeMutableBytes { try Decompressor().decompress(frame, into: $0) }
            }
        }
        var again = ByteWriter()
        again.u32(head.word)
        again.append(content)
        return Decoded(
            ["raw": Hex.encode(raw), "codec": "\(head.codec.rawValue)"], encoded: again.bytes)
    }

    static func trailer(_ vector: Vector) throws -> Decoded {
        let end: Int = try vector.number("end")
        let found = try PackTrailer(vector.bytes, name: vector.name)
        let encoded = found.bytes(recordsEnd: end, tag: SealingKey.tagSize)
        let size = end + encoded.count + SealingKey.tagSize + PackTrailer.footerSize
        return Decoded(
            [
                "records": places(found.records),
                "ids": found.objects.map(\.id.hex).joined(separator: ","), "file-size": "\(size)",
            ], encoded: encoded)
    }

    private static func places(_ records: [RecordPlace]) -> String {
        records.map { "\($0.offset):\($0.size)" }.joined(separator: ",")
    }

    static func footer(_ vector: Vector) throws -> Decoded {
        let place = try PackTrailer.place(
            footer: vector.bytes, fileSize: try vector.number("size"), name: vector.name)
        // A footer is 16 bytes; what the sealed record holds beyond them has no meaning.
        guard vector.bytes.count == 16 else { throw SnapError(.damaged, "size") }
        return Decoded(
            ["place": "\(place)"],
            encoded: PackTrailer.footer(
                trailerOffset: place.lowerBound, trailerSize: place.count))
    }

    /// A whole pack in a store: its trailer, every record and its digest.
    static func pack(_ vector: Vector) throws -> Decoded {
        let kind = FileKind(rawValue: try vector.number("kind"))!
        let name = try SHA256.digest(vector.bytes)
        let description = PackDescription(
            name: name, salt: Array(vector.bytes.dropFirst(16).prefix(32)) + [],
            fileSize: UInt32(vector.bytes.count), generation: 0, kind: kind)
        guard description.salt.count == 32 else { throw SnapError(.damaged, "salt") }
        let store = BytesStore([description.storeName: vector.bytes])
        let pack = try Pack(
            description, store: store, master: Secret(try vector.hex("master")),
            repository: try vector.hex("repository"))
        let trailer = try pack.trailer()
        let raw = try trailer.objects.map { object in
            try pack.record(trailer.records[Int(object.record)]).withBytes(
                offset: Int(object.offset), count: Int(object.length)
            ) { Hex.encode($0) }
        }
        return Decoded([
            "raw": raw.joined(), "name": name.hex, "places": places(trailer.records),
        ])
    }

    // MARK: Index

    static func indexEntry(_ vector: Vector) throws -> Decoded {
        guard vector.bytes.count == IndexEntry.size else { throw SnapError(.damaged, "size") }
        let entry = vector.bytes.withUnsafeBytes { IndexEntry($0, at: 0) }
        var writer = ByteWriter()
        entry.encode(into: &writer)
        return Decoded(
            [
                "id": entry.id.hex, "pack": "\(entry.pack)", "record": places([entry.record]),
                "offset": "\(entry.offset)", "length": "\(entry.length)",
            ], encoded: writer.bytes)
    }

    static func packDescription(_ vector: Vector) throws -> Decoded {
        var reader = ByteReader(vector.bytes, name: vector.name)
        let found = try PackDescription(&reader)
        var writer = ByteWriter()
        found.encode(into: &writer)
        return Decoded(
            [
                "name": found.name.hex, "salt": Hex.encode(found.salt),
                "size": "\(found.fileSize)", "generation": "\(found.generation)",
                "kind": "\(found.kind.rawValue)",
            ], encoded: writer.bytes)
    }

    static func indexHeader(_ vector: Vector) throws -> Decoded {
        let h = try IndexHeader(
            vector.bytes, fileSize: try vector.number("size"), name: vector.name)
        let starts = [h.packStart, h.fanOutStart, h.entryStart, h.supersededStart]
        return Decoded(
            [
                "entries": "\(h.entryCount)", "packs": "\(h.packCount)", "bits": "\(h.fanOutBits)",
                "superseded": "\(h.supersededCount)", "session": Hex.encode(h.session),
                "starts": starts.map { "\($0)" }.joined(separator: ","),
            ], encoded: h.bytes)
    }

    /// A whole segment in a store: every entry by a pass and by a lookup, packs, superseded names.
    static func segment(_ vector: Vector) throws -> Decoded {
        let name = try SHA256.digest(vector.bytes)
        let store = BytesStore([IndexSegment.storeName(name): vector.bytes])
        let master = Secret(try vector.hex("master"))
        let segment = try IndexSegment(
            name, store: store, repository: try vector.hex("repository"),
            pages: PageCache(costMax: 1 << 20), master: { _, _ in master })
        var writer = ByteWriter()
        var ids: [ObjectID] = []
        try segment.forEachEntry { entry in
            guard try segment.lookup(entry.id) == entry else {
                throw SnapError(.damaged, "an entry is not found")
            }
            _ = try segment.pack(entry.pack)
            entry.encode(into: &writer)
            ids.append(entry.id)
        }
        var values = [
            "count": "\(ids.count)", "name": name.hex, "crc": "\(crc32(writer.bytes))",
            "superseded": segment.superseded.map(\.hex).joined(separator: ","),
            "first": ids.first?.hex ?? "", "last": ids.last?.hex ?? "",
        ]
        if let absent = vector.values["absent"], let bytes = Hex.decode(absent) {
            values["absent"] = try segment.lookup(ObjectID(bytes)) == nil ? absent : "found"
        }
        return Decoded(values)
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xedb8_8320 : crc >> 1 }
        }
        return ~crc
    }

    // MARK: Cutting

    static func chunks(_ vector: Vector) throws -> Decoded {
        var chunking = Configuration.Chunking()
        chunking.minimum = try vector.number("minimum")
        chunking.target = try vector.number("target")
        chunking.maximum = try vector.number("maximum")
        let parameters = try ChunkerParameters(chunking, key: Secret(try vector.hex("key")))
        let count: Int = try vector.number("length")
        var input: [UInt8] = []
        while input.count < count {
            input += try SHA256.digest(Array("input \(input.count / 32)".utf8)).bytes
        }
        let cuts = input[..<count].withUnsafeBytes { cutLengths(of: $0, parameters) }
        return Decoded(["cuts": cuts.map { "\($0)" }.joined(separator: ",")])
    }
}

/// The lengths of all chunks of data, the unfinished last one included.
package func cutLengths(
    of data: UnsafeRawBufferPointer, _ parameters: ChunkerParameters
) -> [Int] {
    var chunker = Chunker(parameters)
    var lengths: [Int] = []
    var rest = data
    while !rest.isEmpty {
        let length = chunker.cut(rest) ?? rest.count
        lengths.append(length)
        rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    return lengths
}
