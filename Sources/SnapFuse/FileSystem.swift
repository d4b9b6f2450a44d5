// SPDX-License-Identifier: MIT
//
// What a read-only file system tells the kernel, free of libfuse: the protocol that a mount serves
// and its values. A node is known by a number that the file system chooses and understands for as
// long as the mount lives; FORGET is not passed on, so nothing may be kept per looked-up node.
// There is no open either: a read names its node.

import SnapBase

/// The number of the mount's root directory, fixed by FUSE.
package let rootNode: UInt64 = 1

/// What stat(2) answers for a node. The access time is answered as the modification time.
package struct NodeAttributes: Sendable, Equatable {
    /// st_ino. Below 2^62, so that overlayfs can add its own bits.
    package var inode: UInt64 = 0
    package var size: UInt64 = 0
    /// In units of 512 bytes.
    package var blocks: UInt64 = 0
    /// Type and permission bits. The type of a node never changes.
    package var mode: UInt32 = 0
    package var links: UInt32 = 1
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    /// Major in the upper, minor in the lower 32 bits; of a device node only.
    package var device: UInt64 = 0
    package var mtimeSeconds: Int64 = 0
    package var mtimeNanoseconds: UInt32 = 0
    package var ctimeSeconds: Int64 = 0
    package var ctimeNanoseconds: UInt32 = 0

    package init() {}
}

/// How long the kernel may answer from its caches without asking.
package enum Lifetime {
    /// For what never changes. Some 30 years: FUSE has no other infinity.
    package static let forever: Double = 1e9
}

/// A name's node with its attributes.
package struct NodeEntry: Sendable {
    /// Not 0; equal numbers are the same file.
    package var node: UInt64
    package var attributes: NodeAttributes
    /// Seconds that the name and the attributes stay valid.
    package var lifetime: Double

    package init(node: UInt64, attributes: NodeAttributes, lifetime: Double) {
        self.node = node
        self.attributes = attributes
        self.lifetime = lifetime
    }
}

package enum LookupResult: Sendable {
    case entry(NodeEntry)
    /// There is no such name, and will not be for so many seconds.
    case absent(lifetime: Double)
}

package enum SeekTarget: Sendable { case data, hole }

/// What statfs(2) answers; nothing is ever free.
package struct Statistics: Sendable {
    package var blockSize: UInt64
    package var blocks: UInt64
    package var files: UInt64

    package init(blockSize: UInt64 = 4096, blocks: UInt64, files: UInt64) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.files = files
    }
}

/// A read-only tree that a MountSession serves.
///
/// Every method is called on the session's threads, many at once, and may block; a process that
/// waits for an answer cannot be killed meanwhile, so nothing may block without end. Pointers
/// passed in are valid during the call only. What is thrown is answered as EIO, so that nothing
/// looks absent that only could not be read; `.notFound` without an errno means that the node
/// itself is not known any more, and is answered as ESTALE.
package protocol FileSystem: AnyObject, Sendable {
    /// False: no node has extended attributes now or later; the kernel asks once and never again.
    /// Read once, when mounting.
    var hasExtendedAttributes: Bool { get }

    /// The node called name in the directory parent. A name that is not there is `.absent`;
    /// throwing never says that.
    func lookup(parent: UInt64, name: UnsafeRawBufferPointer) throws -> LookupResult

    /// The attributes and the seconds that they stay valid.
    func attributes(node: UInt64) throws -> (NodeAttributes, lifetime: Double)

    /// A symbolic link's target, without a terminator. The kernel asks once and keeps it.
    func readLink(node: UInt64) throws -> [UInt8]

    /// Fills buffer with the file's bytes from offset on and returns how many there were: fewer
    /// than the buffer holds only at the end of the file.
    func read(
        node: UInt64, offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int

    /// Adds the entries behind cookie (0: all of them) until the reply is full or the directory
    /// ends. A cookie is what was passed as `next` with the entry before; it must stay good for as
    /// long as the mount lives, since there is no open directory to tie it to.
    func readDirectory(
        node: UInt64, from cookie: UInt64, into reply: inout DirectoryReply
    ) throws

    /// The names of the extended attributes, each with a NUL behind it.
    func extendedAttributeNames(node: UInt64) throws -> [UInt8]

    /// The value of one extended attribute; nil when the node has none of that name.
    func extendedAttribute(node: UInt64, name: UnsafeRawBufferPointer) throws -> [UInt8]?

    /// Where the next data or hole begins, not before offset; the end of the file is a hole. nil
    /// when there is none: offset is beyond the end, or only a hole follows and data was wanted.
    func seek(node: UInt64, offset: Int, to target: SeekTarget) throws -> Int?

    func statistics() throws -> Statistics

    /// Hears of every error thrown by the methods above, for a log. Must not throw or block.
    func failed(_ operation: StaticString, node: UInt64, _ error: SnapError)
}
