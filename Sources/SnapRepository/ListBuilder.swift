// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// Builds the content of one file from its extents; a long list becomes a tree of list objects
/// while it grows, so memory stays at one node a level. See snapfs-format(5), Extents.
package struct ListBuilder {
    private var levels: [[Extent]] = [[]]
    private(set) var end: UInt64 = 0

    package init() {}

    var isEmpty: Bool { end == 0 }

    package mutating func append(
        count: UInt64, id: ObjectID?, store: (ObjectKind, [UInt8]) throws -> ObjectID
    ) throws {
        end += count
        if id == nil, levels[0].last?.id == nil, !levels[0].isEmpty {
            // Holes behind each other are one.
            levels[0][levels[0].count - 1].end = end
            return
        }
        try add(Extent(end: end, id: id), at: 0, store: store)
    }

    private mutating func add(
        _ extent: Extent, at level: Int, store: (ObjectKind, [UInt8]) throws -> ObjectID
    ) throws {
        if level == levels.count { levels.append([]) }
        levels[level].append(extent)
        if ListNode.cuts(after: extent.id, count: levels[level].count) {
            try close(level, store: store)
        }
    }

    private mutating func close(
        _ level: Int, store: (ObjectKind, [UInt8]) throws -> ObjectID
    ) throws {
        let node = ListNode(level: UInt8(level), extents: levels[level])
        levels[level] = []
        let id = try store(.list, node.bytes)
        try add(Extent(end: node.extents.last!.end, id: id), at: level + 1, store: store)
    }

    /// The content; the builder is empty afterwards.
    package mutating func finish(
        store: (ObjectKind, [UInt8]) throws -> ObjectID
    ) throws -> Content {
        defer { self = ListBuilder() }
        if levels.count == 1 && levels[0].count <= Extent.inlineMax {
            let extents = levels[0]
            if extents.isEmpty { return .none }
            if extents.count == 1, let id = extents[0].id { return .chunk(id) }
            return .extents(extents)
        }
        var level = 0
        while level < levels.count - 1 || levels[level].count > 1 || level == 0 {
            if !levels[level].isEmpty { try close(level, store: store) }
            level += 1
        }
        return .list(levels[level][0].id!)
    }
}
