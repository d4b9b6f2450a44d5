// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapView

/// What the walk hands to the workers.
enum Job: Sendable {
    case entries([Item])
    /// Extents of a large file that are no holes, in order.
    case extents(LargeFile, [PlacedExtent])
}

/// An entry that is no directory, to be made in a directory that it holds.
struct Item: Sendable {
    let directory: TargetDirectory
    /// nil in a dry run where the directory does not exist.
    let descriptor: FileDescriptor?
    let place: Place

    var path: [UInt8] { directory.path(of: place.name) }

    /// Runs body with the place in the file system; its pointer is valid inside only.
    @inline(__always)
    func withSpot<R>(_ body: (Spot) throws -> R) throws -> R {
        try place.leaf.withName(at: place.index) { bytes in
            guard isValidName(bytes) else { throw SnapError(.damaged, "an entry with a bad name") }
            return try withTerminated(bytes) { name in
                try body(
                    Spot(
                        item: self, directory: descriptor?.number ?? -1, name: name,
                        attributes: place.attributes))
            }
        }
    }
}

/// A name in an open directory, and the entry that belongs there.
struct Spot {
    let item: Item
    let directory: Int32
    let name: UnsafePointer<CChar>
    let attributes: Attributes

    /// What is there; nil for nothing.
    func existing() throws -> FileAttributes? {
        if directory < 0 { return nil }
        do { return try FileAttributes(directory, name, "it") } catch let error as SnapError
            where error.kind == .notFound
        { return nil }
    }

    func identity() throws -> FileIdentity {
        FileIdentity(try FileAttributes(directory, name, "it"))
    }

    func unlink() throws {
        do {
            try systemCall("removing what is in its place") { unlinkat(directory, name, 0) }
        } catch let error as SnapError where error.kind == .notFound {}
    }
}

extension FileAttributes {
    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    var isRegular: Bool { mode & S_IFMT == S_IFREG }
    var mtime: Timestamp { Timestamp(seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds) }
}

/// What the overwrite mode says of an entry that is there.
enum Decision {
    case write
    /// Its content is right.
    case attributesOnly
    case keep
}

extension Restore {
    func decide(_ attributes: Attributes, over found: FileAttributes) -> Decision {
        switch options.overwrite {
        case .always: return .write
        case .never: return .keep
        case .ifNewer: return attributes.mtime > found.mtime ? .write : .keep
        case .ifChanged:
            let same =
                attributes.isRegular && found.isRegular && found.size == attributes.size
                && found.mtime == attributes.mtime
            return same ? .attributesOnly : .write
        }
    }

    /// Makes room for an entry: removes what is there, a directory only if it is empty or `delete`
    /// is on.
    func clear(_ spot: Spot, _ found: FileAttributes) throws {
        guard found.isDirectory else { return try spot.unlink() }
        try requireUnguarded(found)
        if unlinkat(spot.directory, spot.name, AT_REMOVEDIR) == 0 { return }
        let code = errno
        if code == ENOENT { return }
        guard code == ENOTEMPTY || code == EEXIST else {
            throw SnapError(errno: code, "removing the directory in its place")
        }
        guard options.delete, let directory = spot.item.descriptor else {
            throw SnapError(.exists, "a directory that is not empty is in its place")
        }
        let path = spot.item.path
        try TreeRemoval.remove(
            spot.item.place.name, in: directory, path: path, parts: parts(of: path), self)
        if try spot.existing() != nil {
            throw SnapError(.exists, "a directory in its place holds what is not deleted")
        }
    }

    /// The parts below the start of a path in the snapshot.
    func parts(of path: [UInt8]) -> [[UInt8]] {
        Array(pathComponents(path).dropFirst(startPath.count))
    }

    /// Extended attributes of an entry, and the rest.
    func entryAttributes(_ place: Place, _ attributes: Attributes) throws -> EntryAttributes {
        EntryAttributes(
            attributes: attributes, xattrs: try view.xattrs(place), isPrivileged: isPrivileged)
    }

    /// Gives up a hold on a directory; with the last one it gets its attributes.
    func release(_ directory: TargetDirectory) {
        guard directory.release() else { return }
        defer { directory.descriptor = nil }
        guard directory.applies, let place = directory.place, !isStopped else { return }
        let never = options.overwrite == .never && !directory.isNew
        let action: Action = directory.isNew ? .restored : never ? .kept : .unchanged
        if let descriptor = directory.descriptor, !options.dryRun, !never {
            do {
                let all = try entryAttributes(place, place.attributes)
                let failure = all.apply(
                    to: .descriptor(descriptor.number),
                    clean: !directory.isNew || directory.inheritsACL)
                if let failure { throw failure }
            } catch { return problem(directory.path, error) }
        }
        done(action, bytes: 0, directory.path)
    }
}
