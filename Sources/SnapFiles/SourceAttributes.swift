// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository

extension FileAttributes {
    /// What an entry says of the file. The link group comes from keys, so it is set where they are.
    func attributes(keys: DerivedKeys) throws -> Attributes {
        var a = Attributes(mode: UInt16(truncatingIfNeeded: mode))
        a.uid = uid
        a.gid = gid
        a.mtime = Timestamp(seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds)
        a.ctime = Timestamp(seconds: ctimeSeconds, nanoseconds: ctimeNanoseconds)
        a.inode = inode
        a.allocated = blocks &* 512
        switch a.kind {
        case .regular, .symlink: a.size = size
        case .characterDevice, .blockDevice: a.count = rdev
        default: break
        }
        a.links = links
        if !a.isDirectory && links > 1 {
            a.linkGroup = try keys.linkGroup(device: device, inode: inode)
        }
        return a
    }
}

extension Attributes {
    /// Directories count what is in them, which is known only later.
    var withoutCounts: Attributes {
        var a = self
        if isDirectory {
            a.size = 0
            a.count = 0
        }
        a.changedWhileRead = false
        return a
    }

    /// Whether nothing about the file can have changed since the predecessor's entry was made by a
    /// backup that began at `start`.
    func isUnchanged(since old: Attributes, start: Timestamp) -> Bool {
        !old.changedWhileRead && old.withoutCounts == withoutCounts && !isRacy(start)
    }

    /// A file changed this recently may have changed again, within the same time stamp, after a
    /// backup that began at `start` had read it.
    func isRacy(_ start: Timestamp) -> Bool {
        let limit = start.seconds - 2
        return mtime.seconds >= limit || ctime.seconds >= limit
    }
}

/// The extended attributes of a file, ACLs and capabilities among them, in their encoded form.
enum SourceXattrs {
    /// Of name in a directory, whatever its type; never follows a link. Empty for none.
    static func run(of name: [UInt8], in directory: FileDescriptor) throws -> [UInt8] {
        // A path through the directory's descriptor: as short as the name, however deep it lies.
        let path = Array("/proc/self/fd/\(directory.number)/".utf8) + name
        return try path.withUnsafeBytes { try withTerminated($0) { try run(path: $0) } }
    }

    /// Of an open directory.
    static func run(of directory: FileDescriptor) throws -> [UInt8] {
        try run(path: "/proc/self/fd/\(directory.number)/.")
    }

    private static func run(path: UnsafePointer<CChar>) throws -> [UInt8] {
        let names = try XattrCalls.names(path: path)
        if names.isEmpty { return [] }
        let run = ExtendedAttribute.encode(
            try names.compactMap { name in
                try XattrCalls.value(path: path, name: name).map {
                    ExtendedAttribute(name: name, value: $0)
                }
            })
        guard run.count <= ExtendedAttribute.runMax else {
            throw SnapError(.unsupported, "more than 4 MiB of extended attributes")
        }
        return run
    }
}
