// SPDX-License-Identifier: MIT
//
// A snapshot that both repositories have shows what need not be read: where the snapshot that is
// being copied names the same object as the guide's original, the guide's copy tells its id at the
// destination. Damage in a guide is no failure: what it hides counts as not there.

import SnapBase
import SnapFormat
import SnapView

/// A snapshot of the source and its copy, or a checkpoint of its copy, at the destination.
package struct Guide: Sendable {
    package let original: SnapshotView
    package let copy: SnapshotView

    package init(original: SnapshotView, copy: SnapshotView) {
        self.original = original
        self.copy = copy
    }
}

/// One entry as both sides of a guide have it.
struct GuideEntry {
    fileprivate let places: GuideDirectory.Places
    fileprivate let guide: Guide
    let original: Entry
    let copy: Entry

    /// What an equal content has become; nil where it is another one, or not all there.
    func content(of entry: Entry) throws -> Content? {
        guard entry.content == original.content, try isStored() else { return nil }
        return copy.content
    }

    /// What equal extended attributes have become.
    func xattrs(of entry: Entry) throws -> ExtendedAttributes? {
        guard entry.xattrs == original.xattrs, try isStored() else { return nil }
        return copy.xattrs
    }

    /// What an equal directory has become, with all that is in it.
    func tree(of entry: Entry) -> Content? {
        let (old, new) = (entry.attributes, copy.attributes)
        // Of a checkpoint a directory may hold a part only.
        guard entry.content == original.content, old.count == new.count, old.size == new.size else {
            return nil
        }
        return copy.content
    }

    private func isStored() throws -> Bool {
        do { return try guide.copy.isStored(copy) } catch let error as SnapError
            where error.isFinding
        { return false }
    }

    /// Tells which chunks of a file have become which, in the order of the file.
    func extents() -> GuideExtents { GuideExtents(guide, original, copy) }

    var directory: GuideDirectory? {
        original.attributes.isDirectory ? GuideDirectory(guide, places) : nil
    }
}

/// A directory that both sides of a guide have. Not thread-safe.
final class GuideDirectory {
    struct Places {
        var original, copy: Place
    }

    private let guide: Guide
    private let places: Places
    /// What was found last: names are asked for in order, so the next is nearly always behind it.
    private var last: (original: Place?, copy: Place?)
    /// Damage seldom hides one name alone, and each further try would read it again.
    private var isHidden = false

    fileprivate init(_ guide: Guide, _ places: Places) {
        self.guide = guide
        self.places = places
    }

    /// The roots.
    convenience init(_ guide: Guide) {
        self.init(guide, Places(original: guide.original.root, copy: guide.copy.root))
    }

    func find(_ name: [UInt8]) throws -> GuideEntry? {
        if isHidden { return nil }
        do {
            guard
                let original = try Self.find(
                    name, guide.original, places.original, &last.original),
                let copy = try Self.find(name, guide.copy, places.copy, &last.copy)
            else { return nil }
            let (a, b) = (try guide.original.entry(original), try guide.copy.entry(copy))
            // Of a checkpoint, directories may be in part.
            guard
                a.attributes.isDirectory
                    ? b.attributes.isDirectory : a.attributes == b.attributes
            else { return nil }
            return GuideEntry(
                places: Places(original: original, copy: copy), guide: guide, original: a, copy: b)
        } catch let error as SnapError where error.isFinding {
            isHidden = true
            return nil
        }
    }

    private static func find(
        _ name: [UInt8], _ view: SnapshotView, _ directory: Place, _ last: inout Place?
    ) throws -> Place? {
        if let next = last?.next, next.hasName(name) {
            last = next
            return next
        }
        let found = try view.lookup(name, in: directory)
        last = found ?? last
        return found
    }
}

/// The extents of a file at both sides of a guide, read as far as somebody asks.
struct GuideExtents {
    private let guide: Guide
    private let original, copy: Entry
    /// Where the next extent begins; the size once there are no more to be had.
    private var offset: UInt64 = 0

    fileprivate init(_ guide: Guide, _ original: Entry, _ copy: Entry) {
        self.guide = guide
        self.original = original
        self.copy = copy
    }

    /// The next pair of chunks that are the same bytes; nil at the end. Holes are skipped.
    mutating func next() throws -> (original: ObjectID, copy: ObjectID, count: Int)? {
        let size = original.attributes.size
        do {
            while offset < size {
                let a = try guide.original.extent(of: original.content, size: size, at: offset)
                let b = try guide.copy.extent(of: copy.content, size: size, at: offset)
                let isSame =
                    a.start == b.start && a.extent.end == b.extent.end
                    && a.extent.offset == 0 && b.extent.offset == 0
                offset = isSame ? a.extent.end : min(a.extent.end, b.extent.end)
                if isSame, let old = a.extent.id, let new = b.extent.id {
                    return (old, new, a.length)
                }
            }
        } catch let error as SnapError where error.isFinding { offset = size }
        return nil
    }
}
