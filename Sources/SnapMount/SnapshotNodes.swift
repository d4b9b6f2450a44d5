// SPDX-License-Identifier: MIT
//
// The part of a mount that is inside a snapshot: immutable, so the kernel may keep all of it for
// ever, absent names too.

import SnapBase
import SnapFormat
import SnapFuse
import SnapView

/// A file system that works along with its session.
package protocol MountedFileSystem: FileSystem {
    /// Begins the background work. Call once, before the session runs.
    func follow(_ session: MountSession) throws
    /// Ends it, or what of it has begun. Call once, after the session has ended.
    func stop()
}

/// Answers for the nodes of one slot.
struct SnapshotNodes: Sendable {
    let view: SnapshotView
    let slot: Int

    func entry(_ place: Place) -> NodeEntry {
        let node = NodeNumber.number(slot: slot, place: place)
        return NodeEntry(
            node: node, attributes: NodeAttributes(place.attributes, node: node),
            lifetime: Lifetime.forever)
    }

    func place(_ node: UInt64) throws -> Place { try view.place(NodeNumber.rank(node)) }

    func lookup(_ name: UnsafeRawBufferPointer, in directory: Place) throws -> LookupResult {
        guard let found = try view.lookup(name, in: directory) else {
            return .absent(lifetime: Lifetime.forever)
        }
        return .entry(entry(found))
    }

    /// Cookies: 1 after ".", 2 after "..", n + 2 after the n-th entry.
    func list(_ directory: Place, from cookie: UInt64, into reply: inout DirectoryReply) throws {
        let node = NodeNumber.number(slot: slot, rank: directory.rank)
        if cookie < 1, !reply.addCurrent(inode: node, next: 1) { return }
        if cookie < 2, !reply.addParent(inode: node, next: 2) { return }
        var number = max(cookie, 2)
        var full = false
        // The reply cannot be captured: entries are collected a leaf at a time.
        while !full {
            var places: [Place] = []
            try view.forEach(in: directory, from: Int(number) - 2) { place in
                places.append(place)
                return places.count < 256
            }
            if places.isEmpty { return }
            for place in places {
                number += 1
                let added = try place.leaf.withName(at: place.index) {
                    try reply.add(name: $0, entry: entry(place), next: number)
                }
                if !added {
                    full = true
                    break
                }
            }
        }
    }

    /// Reads a file, and lets the small ones that follow it be pushed.
    func read(
        _ place: Place, at offset: Int, into buffer: UnsafeMutableRawBufferPointer,
        _ push: PushAhead
    ) throws -> Int {
        if offset == 0, place.attributes.size <= PushAhead.fileSizeMax {
            push.willRead(place, self)
        }
        return try view.read(place, at: UInt64(offset), into: buffer)
    }

    func xattrNames(_ place: Place) throws -> [UInt8] {
        try view.xattrs(place).flatMap { $0.name + [0] }
    }

    func xattr(_ place: Place, _ name: UnsafeRawBufferPointer) throws -> [UInt8]? {
        try view.xattrs(place).first { name.elementsEqual($0.name) }?.value
    }

    func seek(_ place: Place, from offset: Int, to target: SeekTarget) throws -> Int? {
        try view.seek(place, from: UInt64(offset), data: target == .data).map { Int($0) }
    }
}
