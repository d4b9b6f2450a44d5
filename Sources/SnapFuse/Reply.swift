// SPDX-License-Identifier: MIT
//
// Answers to the kernel. Every request is answered exactly once: each answering method consumes the
// reply, and one that is dropped unanswered is answered EIO, so that no process hangs on it.

import CFuse
import Glibc
import SnapBase

/// The one place where an error becomes an errno: EIO, but for a node that is not known any more.
///
/// "Could not read" must never look like "nothing there". Programs take ENOENT for a file that need
/// not be copied and EOPNOTSUPP for attributes that need not be; an errno inside the error belongs
/// to the repository (a pack that is missing or forbidden), not to the node that was asked for. So
/// none of these is ever answered for something thrown. ESTALE makes the kernel look the path up
/// again.
func errnoOf(_ error: SnapError) -> Int32 {
    error.kind == .notFound && error.code == 0 ? ESTALE : EIO
}

/// The duty to answer one request.
struct Reply: ~Copyable {
    private let request: OpaquePointer

    init(_ request: OpaquePointer) { self.request = request }

    deinit {
        fuse_reply_err(request, EIO)
        assertionFailure("a request was left without an answer")
    }

    consuming func error(_ code: Int32) {
        fuse_reply_err(request, code)
        discard self
    }

    consuming func entry(_ result: LookupResult) {
        var parameters: fuse_entry_param
        switch result {
        case .entry(let entry): parameters = fuse_entry_param(entry)
        case .absent(let lifetime):
            parameters = fuse_entry_param()
            parameters.entry_timeout = lifetime
        }
        fuse_reply_entry(request, &parameters)
        discard self
    }

    consuming func attributes(_ attributes: NodeAttributes, lifetime: Double) {
        var status = stat(attributes)
        fuse_reply_attr(request, &status, lifetime)
        discard self
    }

    /// What READ, READDIR and READLINK are answered with: the bytes themselves.
    consuming func bytes(_ bytes: UnsafeRawBufferPointer) {
        send(bytes)
        discard self
    }

    consuming func bytes(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { send($0) }
        discard self
    }

    /// The value, or only its length when the caller passed no room.
    consuming func extendedAttribute(_ value: [UInt8], room: Int) {
        if room == 0 {
            fuse_reply_xattr(request, value.count)
        } else if value.count > room {
            fuse_reply_err(request, ERANGE)
        } else {
            value.withUnsafeBytes { send($0) }
        }
        discard self
    }

    private func send(_ bytes: UnsafeRawBufferPointer) {
        fuse_reply_buf(request, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    consuming func position(_ offset: Int) {
        fuse_reply_lseek(request, offset)
        discard self
    }

    consuming func statistics(_ statistics: Statistics) {
        var answer = statvfs()
        answer.f_bsize = UInt(statistics.blockSize)
        answer.f_frsize = UInt(statistics.blockSize)
        answer.f_blocks = fsblkcnt_t(statistics.blocks)
        answer.f_files = fsfilcnt_t(statistics.files)
        answer.f_namemax = UInt(NAME_MAX)
        fuse_reply_statfs(request, &answer)
        discard self
    }

    /// An open that keeps no state and lets the kernel keep its caches.
    consuming func open(_ info: UnsafeMutablePointer<fuse_file_info>, directory: Bool) {
        info.pointee.fh = 0
        info.pointee.keep_cache = 1
        if directory { info.pointee.cache_readdir = 1 }
        fuse_reply_open(request, info)
        discard self
    }
}

extension stat {
    init(_ attributes: NodeAttributes) {
        self.init()
        st_ino = ino_t(attributes.inode)
        st_mode = attributes.mode
        st_nlink = nlink_t(attributes.links)
        st_uid = attributes.uid
        st_gid = attributes.gid
        st_size = off_t(truncatingIfNeeded: attributes.size)
        st_blocks = blkcnt_t(truncatingIfNeeded: attributes.blocks)
        // Not larger: the kernel takes it as the unit of its page cache, not only as a hint.
        st_blksize = 4096
        st_rdev = gnu_dev_makedev(
            UInt32(truncatingIfNeeded: attributes.device >> 32),
            UInt32(truncatingIfNeeded: attributes.device))
        st_mtim = timespec(
            tv_sec: Int(attributes.mtimeSeconds), tv_nsec: Int(attributes.mtimeNanoseconds))
        st_atim = st_mtim
        st_ctim = timespec(
            tv_sec: Int(attributes.ctimeSeconds), tv_nsec: Int(attributes.ctimeNanoseconds))
    }
}

extension fuse_entry_param {
    init(_ entry: NodeEntry) {
        self.init()
        ino = entry.node
        attr = stat(entry.attributes)
        entry_timeout = entry.lifetime
        attr_timeout = entry.lifetime
    }
}
