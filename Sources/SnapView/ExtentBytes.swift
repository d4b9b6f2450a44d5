// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

extension PlacedExtent {
    /// A file that is one chunk.
    package init(whole id: ObjectID, size: UInt64) {
        self.init(start: 0, extent: Extent(end: size, id: id))
    }
}

extension SnapshotView {
    /// Calls body with the bytes of an extent that is no hole, in the memory of their record:
    /// nothing is copied.
    package func withBytes<R>(
        of placed: PlacedExtent, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        guard let id = placed.extent.id else {
            throw SnapError(.invalid, "a hole has no bytes")
        }
        let (record, location) = try record(of: id)
        let from = Int(placed.extent.offset)
        guard placed.length <= location.length - from else {
            throw SnapError(.damaged, "object \(id.hex.prefix(16)): shorter than its extent")
        }
        return try record.withBytes(
            offset: location.offset + from, count: placed.length, body)
    }
}
