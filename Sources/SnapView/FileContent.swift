// SPDX-License-Identifier: MIT
//
// Reading files: from an offset to the extent that covers it, through the list tree if there is
// one.

import SnapBase
import SnapFormat
import SnapRepository

/// An extent with the offset at which it begins.
package struct PlacedExtent: Sendable {
    package var start: UInt64
    package var extent: Extent
    package var length: Int { Int(extent.end - start) }
}

extension SnapshotView {
    /// Reads from offset until buffer is full or the file ends; returns the count.
    package func read(
        _ place: Place, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        let attributes = place.attributes
        guard attributes.isRegular else {
            throw SnapError(.invalid, "only regular files have content")
        }
        guard offset < attributes.size else { return 0 }
        let count = Int(min(UInt64(buffer.count), attributes.size - offset))
        let (code, id) = place.leaf.reference(at: place.index)
        if code == 2 {
            let whole = PlacedExtent(
                start: 0, extent: Extent(end: attributes.size, id: id))
            try copy(whole, offset, UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
            return count
        }
        let content = try entry(place).content
        if case .inline(let bytes) = content {
            let from = Int(offset)
            bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + count]))
            }
            return count
        }
        var done = 0
        while done < count {
            let at = offset + UInt64(done)
            let found = try extent(of: content, size: attributes.size, at: at)
            let part = min(count - done, Int(found.extent.end - at))
            try copy(
                found, at,
                UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + part]))
            done += part
        }
        return count
    }

    /// Copies the part of an extent from a file offset on.
    private func copy(
        _ placed: PlacedExtent, _ at: UInt64, _ out: UnsafeMutableRawBufferPointer
    ) throws {
        guard let id = placed.extent.id else {
            out.initializeMemory(as: UInt8.self, repeating: 0)
            return
        }
        let (record, location) = try record(of: id)
        let (from, over) = Int(at - placed.start).addingReportingOverflow(
            Int(placed.extent.offset))
        guard !over, from <= location.length - out.count else {
            throw SnapError(.damaged, "object \(id.hex.prefix(16)): shorter than its extent")
        }
        try record.withBytes(
            offset: location.offset + from, count: out.count
        ) { out.copyMemory(from: $0) }
    }

    /// The extent that covers an offset below the size.
    package func extent(of content: Content, size: UInt64, at offset: UInt64) throws -> PlacedExtent
    {
        switch content {
        case .chunk(let id):
            return PlacedExtent(start: 0, extent: Extent(end: size, id: id))
        case .extents(let extents): return try Self.search(extents, from: 0, offset)
        case .list(var id):
            var start: UInt64 = 0
            var level: UInt8?
            while true {
                let node = try listNode(id, from: start)
                guard level == nil || node.level + 1 == level! else {
                    throw SnapError(.damaged, "list \(id.hex.prefix(16)): wrong level")
                }
                let found = try Self.search(node.extents, from: start, offset)
                if node.level == 0 {
                    guard found.extent.end <= size else {
                        throw SnapError(.damaged, "the extents go on after the file")
                    }
                    return found
                }
                level = node.level
                start = found.start
                id = found.extent.id!
            }
        case .none, .inline, .directory:
            throw SnapError(.damaged, "an entry without extents has a size")
        }
    }

    private func listNode(_ id: ObjectID, from start: UInt64) throws -> ListNode {
        // Ends are offsets in the file, so a node fits one place only and can be cached by its id.
        try caches.lists.value(
            id, cost: { $0.extents.count * 64 + 64 },
            make: {
                try within("list \(id.hex.prefix(16))") {
                    try ListNode(try bytes(id), from: start)
                }
            })
    }

    private static func search(
        _ extents: [Extent], from start: UInt64, _ offset: UInt64
    ) throws -> PlacedExtent {
        var low = 0
        var high = extents.count
        while low < high {
            let middle = (low + high) / 2
            if extents[middle].end <= offset { low = middle + 1 } else { high = middle }
        }
        guard low < extents.count else {
            throw SnapError(.damaged, "the extents end before the file")
        }
        let begin = low == 0 ? start : extents[low - 1].end
        guard begin <= offset else {
            throw SnapError(.damaged, "an extent begins after its offset")
        }
        return PlacedExtent(start: begin, extent: extents[low])
    }

    /// Calls body with every extent of a file from an offset on, in order, until it answers false.
    /// Inline content has none.
    package func forEachExtent(
        _ entry: Entry, from offset: UInt64 = 0, _ body: (PlacedExtent) throws -> Bool
    ) throws {
        if case .inline = entry.content { return }
        var at = offset
        while at < entry.attributes.size {
            let found = try extent(of: entry.content, size: entry.attributes.size, at: at)
            guard try body(found) else { return }
            at = found.extent.end
        }
    }

    /// The first offset from `offset` on that is in data (or in a hole); the end of the file counts
    /// as a hole. nil where there is none before the end.
    package func seek(_ place: Place, from offset: UInt64, data: Bool) throws -> UInt64? {
        let entry = try entry(place)
        let size = entry.attributes.size
        guard offset < size else { return nil }
        if case .inline = entry.content { return data ? offset : size }
        var result: UInt64?
        try forEachExtent(entry, from: offset) { placed in
            if (placed.extent.id != nil) == data {
                result = max(offset, placed.start)
                return false
            }
            return true
        }
        return result ?? (data ? nil : size)
    }

    /// Whether the index knows every object of a file: without that the file is not stored,
    /// whatever its entry says.
    package func isStored(_ entry: Entry) throws -> Bool {
        if case .object(let id, _) = entry.xattrs, try !objects.contains(id) { return false }
        switch entry.content {
        case .none, .inline, .directory: return true
        case .chunk(let id): return try objects.contains(id)
        case .extents(let extents): return try areStored(extents)
        case .list(let id): return try isStored(list: id, from: 0, below: nil)
        }
    }

    private func areStored(_ extents: [Extent]) throws -> Bool {
        try extents.allSatisfy { extent in try extent.id.map { try objects.contains($0) } ?? true
        }
    }

    private func isStored(list id: ObjectID, from start: UInt64, below: UInt8?) throws -> Bool {
        guard try objects.contains(id) else { return false }
        let node = try listNode(id, from: start)
        guard below == nil || node.level + 1 == below! else { return false }
        if node.level == 0 { return try areStored(node.extents) }
        var start = start
        for extent in node.extents {
            // Above level 0 every extent has an id.
            guard try isStored(list: extent.id!, from: start, below: node.level) else {
                return false
            }
            start = extent.end
        }
        return true
    }
}
