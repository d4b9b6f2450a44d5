// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// How many objects a repository holds.
package struct IndexStatistics: Sendable {
    /// Distinct objects.
    package private(set) var objects: UInt64 = 0
    /// Their bytes before compression.
    package private(set) var bytes: UInt64 = 0

    /// One pass over all segments at once, each in order of ids, so that memory stays flat.
    /// `progress` is called now and then.
    package init(_ reader: ObjectReader, progress: () throws -> Void) throws {
        var merge = try IndexMerge(reader.segments)
        while let (entry, _) = try merge.next() {
            if objects % 65536 == 0 { try progress() }
            objects += 1
            bytes += UInt64(entry.length)
        }
    }
}
