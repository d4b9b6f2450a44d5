// SPDX-License-Identifier: MIT
//
// Encodes directories: one leaf, or a tree of nodes cut by content, so that an insertion into a
// huge directory rewrites a few nodes. See snapfs-format(5), Directories.

import SnapBase

/// A record of an index node: what is known of a child.
package struct DirectoryChild: Sendable {
    var first: [UInt8]
    var last: [UInt8]
    var entries: UInt64
    var entriesBelow: UInt64
    var bytesBelow: UInt64
    var id: ObjectID
}

package enum DirectoryEncoder {
    private static let leafMin = 16 << 10
    private static let leafMax = 128 << 10
    private static let indexMax = 512

    /// A leaf of entries that are sorted by name.
    package static func leaf(_ entries: some Collection<Entry>) -> [UInt8] {
        var records = ByteWriter(capacity: entries.count * DirectoryNode.leafRecordSize + 32)
        var heap = ByteWriter()
        let heapStart = DirectoryNode.headerSize + entries.count * DirectoryNode.leafRecordSize
        header(
            &records, level: 0, count: entries.count,
            entries: entries.reduce(0) { $0 + $1.weight },
            bytes: entries.reduce(0) { $0 + $1.byteWeight })
        for entry in entries { record(entry, &records, &heap, heapStart) }
        records.append(heap.bytes)
        return records.bytes
    }

    /// Encodes sorted entries as one or more nodes, children first; each is given to `store`, which
    /// answers its id. Returns the id of the first node; nil for an empty directory.
    package static func encode(
        _ entries: [Entry], keys: DerivedKeys, store: ([UInt8]) throws -> ObjectID
    ) throws -> ObjectID? {
        if entries.isEmpty { return nil }
        var level = try leaves(entries, keys: keys, store: store)
        var height: UInt8 = 0
        while level.count > 1 {
            height += 1
            level = try indexNodes(level, height, keys: keys, store: store)
        }
        return level[0].id
    }

    private static func leaves(
        _ entries: [Entry], keys: DerivedKeys, store: ([UInt8]) throws -> ObjectID
    ) throws -> [DirectoryChild] {
        let sizes = entries.map { encodedSize($0) }
        let whole = sizes.reduce(DirectoryNode.headerSize, +) <= leafMax
        var children: [DirectoryChild] = []
        var start = 0
        var size = DirectoryNode.headerSize
        for index in entries.indices {
            size += sizes[index]
            let last = index == entries.count - 1
            let full = !last && size + sizes[index + 1] > leafMax
            guard try last
                || !whole
                    && (full || size >= leafMin
                        && keys.splitCode(name: entries[index].name).leaf & 511 == 0)
            else { continue }
            let part = entries[start...index]
            let id = try store(leaf(part))
            children.append(
                DirectoryChild(
                    first: part.first!.name, last: part.last!.name, entries: UInt64(part.count),
                    entriesBelow: part.reduce(0) { $0 + $1.weight },
                    bytesBelow: part.reduce(0) { $0 + $1.byteWeight }, id: id))
            start = index + 1
            size = DirectoryNode.headerSize
        }
        return children
    }

    private static func indexNodes(
        _ children: [DirectoryChild], _ level: UInt8, keys: DerivedKeys,
        store: ([UInt8]) throws -> ObjectID
    ) throws -> [DirectoryChild] {
        var nodes: [DirectoryChild] = []
        var start = 0
        for index in children.indices {
            let count = index - start + 1
            let last = index == children.count - 1
            let cut =
                try count >= indexMax
                || count > 1 && children.count > indexMax
                    && keys.splitCode(name: children[index].last).index & 511 == 0
            guard last || cut else { continue }
            let part = children[start...index]
            nodes.append(
                DirectoryChild(
                    first: part.first!.first, last: part.last!.last,
                    entries: part.reduce(0) { $0 + $1.entries },
                    entriesBelow: part.reduce(0) { $0 + $1.entriesBelow },
                    bytesBelow: part.reduce(0) { $0 + $1.bytesBelow },
                    id: try store(indexNode(part, level))))
            start = index + 1
        }
        return nodes
    }

    private static func indexNode(
        _ children: ArraySlice<DirectoryChild>, _ level: UInt8
    ) -> [UInt8] {
        var records = ByteWriter()
        var heap = ByteWriter()
        let heapStart = DirectoryNode.headerSize + children.count * DirectoryNode.indexRecordSize
        header(
            &records, level: level, count: children.count,
            entries: children.reduce(0) { $0 + $1.entriesBelow },
            bytes: children.reduce(0) { $0 + $1.bytesBelow })
        for child in children {
            records.u32(UInt32(heapStart + heap.count))
            records.u16(UInt16(child.first.count))
            records.u16(0)
            records.u64(child.entries)
            records.u64(child.entriesBelow)
            records.u64(child.bytesBelow)
            records.append(child.id)
            heap.append(child.first)
        }
        records.append(heap.bytes)
        return records.bytes
    }

    private static func header(
        _ writer: inout ByteWriter, level: UInt8, count: Int, entries: UInt64, bytes: UInt64
    ) {
        writer.append([level, 0, 0, 0])
        writer.u32(UInt32(count))
        writer.u64(entries)
        writer.u64(bytes)
        writer.u64(0)
    }

    private static func record(
        _ entry: Entry, _ records: inout ByteWriter, _ heap: inout ByteWriter, _ heapStart: Int
    ) {
        let a = entry.attributes
        let fields = entry.extensionFields
        records.u32(UInt32(heapStart + heap.count))
        records.u16(UInt16(entry.name.count))
        records.u16(a.mode)
        records.u32(a.uid)
        records.u32(a.gid)
        records.i64(a.mtime.seconds)
        records.i64(a.ctime.seconds)
        records.u32(a.mtime.nanoseconds)
        records.u32(a.ctime.nanoseconds)
        records.u64(a.size)
        records.u64(a.count)
        records.u64(a.inode)
        records.u32(a.links)
        heap.append(entry.name)
        records.u32(UInt32(heapStart + heap.count))
        precondition(fields.count < 1 << 24)
        records.u32(UInt32(fields.count) | UInt32(entry.content.code) << 24)
        heap.append(fields)
        records.u32(UInt32(a.flags))
        records.u64(a.linkGroup)
        records.u64(a.allocated)
        switch entry.content {
        case .chunk(let id), .list(let id), .directory(let id): records.append(id)
        default: records.append(.zero)
        }
    }

    /// What an entry takes in a leaf.
    private static func encodedSize(_ entry: Entry) -> Int {
        var size = DirectoryNode.leafRecordSize + entry.name.count
        if case .inline(let bytes) = entry.content { size += 8 + bytes.count }
        if case .extents(let extents) = entry.content { size += 8 + extents.count * Extent.size }
        if !entry.target.isEmpty { size += 8 + entry.target.count }
        switch entry.xattrs {
        case .none: break
        case .inline(let run): size += 8 + run.count
        case .object: size += 44
        }
        return size
    }
}
