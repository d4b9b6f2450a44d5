// SPDX-License-Identifier: MIT

import Glibc

/// A file as the kernel tells it from others.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    package init(_ attributes: FileAttributes) {
        device = attributes.device
        inode = attributes.inode
    }
}

/// Where a path leads in the tree of directories, through links and mount points.
package struct DirectoryPosition: Sendable {
    /// The directory itself; nil where there is none that this process can get at.
    package let identity: FileIdentity?
    /// The directories in which it lies, or would lie, from the nearest to the root.
    private let above: [FileIdentity]

    /// Throws where this cannot be found out.
    package init(_ path: [UInt8]) throws {
        let shown = String(decoding: path, as: UTF8.self)
        let chain: [FileIdentity]
        var nearest = path
        var directory = try Self.open(path)
        while directory == nil {
            let parent = parentPath(nearest)
            guard parent != nearest else {
                throw SnapError(
                    .io, "finding the place of \(shown): the directory it begins in is closed to us"
                )
            }
            nearest = parent
            directory = try Self.open(nearest)
        }
        // The loop has ended with one.
        chain = try within("finding the place of \(shown)") { try Self.chain(directory!) }
        let isThere = nearest == path
        identity = isThere ? chain.first : nil
        above = Array(isThere ? chain.dropFirst() : chain[...])
    }

    /// Whether it is this directory, or lies in it.
    package func isWithin(_ other: FileIdentity) -> Bool {
        identity == other || above.contains(other)
    }

    /// nil where there is no directory, or none for us.
    private static func open(_ path: [UInt8]) throws -> FileDescriptor? {
        do {
            return try path.withUnsafeBytes {
                try withTerminated($0) { name in
                    try FileDescriptor.open(name: name, TargetCalls.path | O_DIRECTORY)
                }
            }
        } catch let error as SnapError where error.kind == .notFound || error.code == EACCES {
            return nil
        }
    }

    /// A directory and those above it.
    private static func chain(_ start: FileDescriptor) throws -> [FileIdentity] {
        var directory = start
        var found = try FileAttributes(of: start, label: "a directory")
        var chain = [FileIdentity(found)]
        while true {
            directory = try FileDescriptor.open(
                "..", at: directory, TargetCalls.path | O_DIRECTORY)
            let above = try FileAttributes(of: directory, label: "a directory above it")
            // What is mounted in itself is the same directory, but another mount.
            let isRoot = FileIdentity(above) == chain.last && above.mount == found.mount
            if isRoot { return chain }
            chain.append(FileIdentity(above))
            found = above
        }
    }
}

/// What is before the last name of a path: "/" or "." where there is nothing.
package func parentPath(_ path: [UInt8]) -> [UInt8] {
    let slash: UInt8 = 0x2f
    let named = path.reversed().drop { $0 == slash }
    let parent = named.drop { $0 != slash }.drop { $0 == slash }
    if parent.isEmpty { return path.first == slash ? [slash] : [0x2e] }
    return parent.reversed()
}
