// SPDX-License-Identifier: MIT
//
// Taking a mount away: by umount2(2) as root, otherwise by the set-user-id helper fusermount3.
// Works for the mount of this process, of another one, and of one that has died.

import CFuse
import Glibc
import SnapBase

package enum Unmount {
    package enum Mode: Sendable {
        /// Refuses with `.busy` while a process has something of the mount open.
        case plain
        /// Takes the mount out of sight at once; it ends when its last user does.
        case lazy
        /// Lazy, and every request that is open or comes later fails, even if the daemon hangs.
        case force
    }

    /// Takes away the topmost mount at mountPoint, an absolute path without links. Throws `.busy`,
    /// or `.notFound` when nothing is mounted there.
    package static func unmount(_ mountPoint: String, _ mode: Mode = .plain) throws {
        guard let mount = try MountTable.find(mountPoint) else {
            throw SnapError(.notFound, "nothing is mounted on \(mountPoint)")
        }
        if geteuid() == 0 {
            try systemCall("unmount \(mountPoint)") { umount2(mountPoint, flags(mode)) }
        } else {
            if mode == .force { abort(device: mount.device) }
            try runHelper(mountPoint, lazy: mode != .plain)
        }
    }

    private static func flags(_ mode: Mode) -> Int32 {
        let detach = Int32(MNT_DETACH)
        let force = Int32(MNT_FORCE)
        let noFollow = Int32(UMOUNT_NOFOLLOW)
        switch mode {
        case .plain: return noFollow
        case .lazy: return noFollow | detach
        case .force: return noFollow | detach | force
        }
    }

    /// Ends the connection by the control file system, whose files belong to who mounted. Where it
    /// is not mounted there is no other way: requests that are open stay open.
    static func abort(device: UInt64) {
        let minor = UInt32(truncatingIfNeeded: device)
        let control = open("/sys/fs/fuse/connections/\(minor)/abort", O_WRONLY | O_CLOEXEC)
        guard control >= 0 else { return }
        _ = write(control, "1", 1)
        close(control)
    }

    private static func runHelper(_ mountPoint: String, lazy: Bool) throws {
        let arguments = ["fusermount3", lazy ? "-uqz" : "-uq", "--", mountPoint]
        var list = arguments.map { strdup($0) } + [nil]
        defer { list.forEach { free($0) } }
        var child = pid_t()
        let status = posix_spawnp(&child, "fusermount3", nil, nil, &list, environ)
        guard status == 0 else { throw SnapError(errno: status, "fusermount3") }
        var result: Int32 = 0
        try systemCall("fusermount3") { waitpid(child, &result, 0) }
        guard result != 0 else { return }
        guard try MountTable.find(mountPoint) != nil else { return }
        throw SnapError(.busy, "unmount \(mountPoint): in use, or not yours to unmount")
    }
}
