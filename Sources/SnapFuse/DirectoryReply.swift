// SPDX-License-Identifier: MIT
//
// The answer to READDIR and READDIRPLUS, packed by libfuse into the thread's buffer. With
// READDIRPLUS the kernel takes each entry as looked up; `.` and `..` are not.

import CFuse
import Glibc
import SnapBase

/// Collects the entries of one directory request; lives during readDirectory only.
package struct DirectoryReply: ~Copyable {
    private let request: OpaquePointer
    private let buffer: UnsafeMutableRawBufferPointer
    /// Where a name gets its terminator: behind the part that is answered.
    private let nameBuffer: UnsafeMutableRawBufferPointer
    /// nil: an answer to READDIR, which has no room for attributes.
    private let listing: Listing?
    private var used = 0
    /// Whether a file is listed without attributes, to see whether they are asked for.
    private(set) var hasProbe = false

    /// The bytes of room that a DirectoryReply needs beyond the size that the kernel asked for.
    static let nameRoom = 4096

    /// room has size bytes for the answer and nameRoom more.
    init(
        _ request: OpaquePointer, room: UnsafeMutableRawBufferPointer, size: Int,
        listing: Listing?
    ) {
        self.request = request
        buffer = UnsafeMutableRawBufferPointer(rebasing: room[..<size])
        nameBuffer = UnsafeMutableRawBufferPointer(rebasing: room[size...])
        self.listing = listing
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<used]) }

    /// Adds an entry; false when it does not fit, and then the caller stops. `next` (from 1 up to
    /// 2^63-1) is the cookie with which to go on behind this entry. Throws `.damaged` for a name
    /// that cannot be one, which the kernel would refuse together with the whole answer.
    package mutating func add(
        name: UnsafeRawBufferPointer, entry: NodeEntry, next: UInt64
    ) throws -> Bool {
        guard Self.isName(name) else {
            throw SnapError(.damaged, "a name in a directory is not one")
        }
        var parameters = fuse_entry_param(entry)
        let withhold = withholdsAttributes(entry)
        // FUSE's sign that an entry is not looked up.
        if withhold { parameters.ino = 0 }
        guard append(name, &parameters, next) else { return false }
        if withhold && listing == .probing { hasProbe = true }
        return true
    }

    private func withholdsAttributes(_ entry: NodeEntry) -> Bool {
        guard entry.attributes.mode & S_IFMT != S_IFDIR else { return false }
        return listing == .names || listing == .probing && !hasProbe
    }

    /// Adds `.`, which is never taken as looked up. Only the inode number is answered.
    package mutating func addCurrent(inode: UInt64, next: UInt64) -> Bool {
        addDots(".", inode, next)
    }

    /// Adds `..`, like addCurrent.
    package mutating func addParent(inode: UInt64, next: UInt64) -> Bool {
        addDots("..", inode, next)
    }

    private mutating func addDots(_ name: StaticString, _ inode: UInt64, _ next: UInt64) -> Bool {
        var parameters = fuse_entry_param()
        parameters.attr.st_ino = ino_t(inode)
        parameters.attr.st_mode = S_IFDIR
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return append(bytes, &parameters, next)
    }

    private mutating func append(
        _ name: UnsafeRawBufferPointer, _ parameters: inout fuse_entry_param, _ next: UInt64
    ) -> Bool {
        nameBuffer.copyMemory(from: name)
        nameBuffer[name.count] = 0
        // Both bound: the buffers are never empty, and the name is shorter than nameRoom.
        let text = nameBuffer.baseAddress!.assumingMemoryBound(to: CChar.self)
        let free = buffer.count - used
        let place = (buffer.baseAddress! + used).assumingMemoryBound(to: CChar.self)
        let offset = off_t(bitPattern: UInt(next))
        let size =
            listing != nil
            ? fuse_add_direntry_plus(request, place, free, text, &parameters, offset)
            : fuse_add_direntry(request, place, free, text, &parameters.attr, offset)
        guard size <= free else { return false }
        used += size
        return true
    }

    private static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let start = name.baseAddress, name.count > 0, name.count <= NAME_MAX else {
            return false
        }
        return memchr(start, 0, name.count) == nil
            && memchr(start, Int32(UInt8(ascii: "/")), name.count) == nil
    }
}
