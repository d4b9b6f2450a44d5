// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// A cursor over the entries of a segment in ascending order. Not thread-safe.
package final class IndexPageReader {
    package let segment: IndexSegment
    /// Pages that a pass over one segment reads at once.
    static let blockPages = 64
    private let blockPages: Int
    private var block: [UInt8] = []
    private var blockStart = 0
    private var index = 0
    private var last: ObjectID?

    /// Memory stays at `blockPages` pages.
    init(_ segment: IndexSegment, blockPages: Int = IndexPageReader.blockPages) {
        self.segment = segment
        self.blockPages = blockPages
    }

    /// The next entry; nil after the last. Throws `.damaged` where the order is broken.
    package func next() throws -> IndexEntry? {
        guard index < segment.header.entryCount else { return nil }
        let position = segment.header.entryStart + index * IndexEntry.size
        if position < blockStart || position >= blockStart + block.count {
            let page = position / IndexHeader.pageSize
            block = try segment.block(from: page, count: blockPages)
            blockStart = page * IndexHeader.pageSize
        }
        let entry = block.withUnsafeBytes { IndexEntry($0, at: position - blockStart) }
        if let last, last >= entry.id {
            throw SnapError(
                .damaged, "\(IndexSegment.storeName(segment.name)): entries out of order")
        }
        last = entry.id
        index += 1
        return entry
    }
}
