// SPDX-License-Identifier: MIT
//
// One mount: made by init, served by run, ended by stop or by umount(8) from outside.
//
// The session's threads are libfuse's and block all signals that end a program; who calls run
// handles those and calls stop. FUSE's first request, INIT, is answered before init returns: only
// then may read-ahead be raised, since the answer lowers it again, and from then on the mount
// answers as soon as run starts, so init having returned is what "mounted" means to a user.
//
// Measured on 2 busy cores, best of 2 to 3, seconds, cold and warm page cache. `cp -a` of 60,000
// files of 4 KiB in 600 directories into tmpfs (from tmpfs: 1.6):
//
//     16 threads                               4.3   2.7
//      4 threads                               4.8   2.4
//      2 threads                               6.1   2.4
//     16 threads, empty attribute lists        7.4   8.8    (242,400 listxattr for two copies)
//     16 threads, open and opendir asked       6.5   5.8
//
// So the number of threads costs nothing and is chosen for the store's latency, while attributes
// and opens are what counts. `cat` of 1 GiB, read-ahead 128, 1024, 4096 KiB: 0.52, 0.51, 0.54 cold,
// 0.16 warm: no difference without decoding; 1024 asks for as many bytes as one request may carry.
//
// With three questions a file about attributes, most of `cp -a` is the waking of processors: see
// LatencyRequest. Pinning the answering thread to its client's processor did not help, as the
// kernel then moves the client to the idle one.

import CFuse
import Glibc
import SnapBase

package struct MountOptions: Sendable {
    /// The first column of df(1) and mount(8).
    package var source = "snapfs"
    /// Shows as the type fuse.SUBTYPE.
    package var subtype = "snapfs"
    /// Whether others than the mounting user may look inside; permissions are checked either way.
    package var allowOther = false
    /// Requests served at once; most of them wait for the store.
    package var threads = 16
    /// How far the kernel reads ahead of a sequential reader; the size of its requests, up to 1024.
    /// Raised by root only; otherwise it stays at 128.
    package var readAheadKiB = 1024
    /// Whether the kernel opens files and directories without asking. False only to test what an
    /// old kernel does.
    package var noOpen = true

    package init() {}
}

/// A mounted file system. All methods may be called from any thread.
package final class MountSession: @unchecked Sendable {
    // Sendable: session is freed by deinit only and its descriptor closed by closeDown only, which
    // waits for every use that isOpen let in; context is Sendable; the rest is constant or used
    // inside monitor.locked.
    private let session: OpaquePointer
    private let context: Unmanaged<CallbackContext>
    private let monitor = Monitor()
    private var isOpen = true
    private var isRunning = false
    private var users = 0
    /// Absolute and without links.
    package let mountPoint: String
    /// As the mount table shows it; nil when another mount namespace hides it.
    private let device: UInt64?

    /// Mounts fileSystem on the directory mountPoint, read-only, without devices and set-user-id.
    /// The process may fork (to become a daemon) between this and run, if it has no other threads.
    package init(
        mountPoint: String, fileSystem: any FileSystem, options: MountOptions = MountOptions()
    ) throws {
        self.mountPoint = try Self.directory(mountPoint)
        LibraryLog.capture()
        let context = Unmanaged.passRetained(try CallbackContext(fileSystem, options))
        var mounted: OpaquePointer?
        do {
            let session = try Self.create(context, options)
            mounted = session
            context.takeUnretainedValue().session = session
            guard fuse_session_mount(session, self.mountPoint) == 0 else {
                throw SnapError(.io, "mount on \(mountPoint): \(LibraryLog.take())")
            }
            try Self.answerInit(session)
            device = try MountTable.find(self.mountPoint)?.device
        } catch {
            if let mounted {
                fuse_session_unmount(mounted)
                fuse_session_destroy(mounted)
            }
            context.release()
            throw error
        }
        self.context = context
        session = mounted!  // set on the only way here
        raiseReadAhead(options.readAheadKiB)
    }

    /// Unmounts if run never did.
    deinit {
        closeDown()
        fuse_session_destroy(session)
        context.release()
    }

    /// Serves the mount until it is unmounted, by stop or from outside. Call once. Throws when
    /// libfuse gives up; the mount is gone then, too.
    package func run() throws {
        let configuration = fuse_loop_cfg_create()
        defer { fuse_loop_cfg_destroy(configuration) }
        let threads = UInt32(max(1, context.takeUnretainedValue().options.threads))
        fuse_loop_cfg_set_max_threads(configuration, threads)
        fuse_loop_cfg_set_idle_threads(configuration, threads)
        fuse_loop_cfg_set_clone_fd(configuration, 0)
        monitor.locked { isRunning = true }
        let status = fuse_session_loop_mt(session, configuration)
        closeDown()
        guard status == 0 else {
            throw SnapError(.io, "mount on \(mountPoint) ended: \(LibraryLog.take()) (\(status))")
        }
    }

    /// Unmounts, so that run returns: politely, or, when something of the mount is in use, by
    /// failing whatever its users ask from then on. A request that the file system is working on
    /// is waited for by run, not here. Nothing happens when run has returned. Throws `.busy` when
    /// the mount was taken out of sight lazily and its users cannot be got rid of: the end of the
    /// process does it.
    package func stop() throws {
        guard enter() else { return }
        defer { leave() }
        do {
            if try isMounted() { try Unmount.unmount(mountPoint) }
        } catch {
            if try isMounted() { try Unmount.unmount(mountPoint, .force) }
        }
        try endDetached()
    }

    /// What is not in the mount table any more has ended, ends just now, or still has users.
    private func endDetached() throws {
        guard let device, try !isMounted(), !hasEnded(within: 0.2) else { return }
        Unmount.abort(device: device)
        guard !hasEnded(within: 1) else { return }
        throw SnapError(.busy, "mount on \(mountPoint): still in use after a lazy unmount")
    }

    /// Whether run has seen the end of the connection, or does within so many seconds. A session
    /// that does not run has nobody to see it.
    private func hasEnded(within seconds: Double) -> Bool {
        let end = MonotonicClock.now + seconds
        return monitor.locked {
            // Each use of the session that ends wakes it, too.
            while isRunning && isOpen, case let left = end - MonotonicClock.now, left > 0 {
                _ = monitor.wait(seconds: left)
            }
            return !isRunning || !isOpen
        }
    }

    /// Whether this mount, and not another or none, is what the mount point shows.
    private func isMounted() throws -> Bool {
        guard let device else { return true }
        return try MountTable.find(mountPoint)?.device == device
    }

    /// Makes the kernel forget a directory's listing and attributes. The names looked up in it have
    /// their own lifetime. That the kernel knows nothing of the directory, or has no mount any
    /// more, is no error.
    ///
    /// It may wait for requests to be answered: never call it from within the file system's
    /// methods, or holding a lock that these take.
    package func invalidateDirectory(_ node: UInt64) throws {
        guard enter() else { return }
        defer { leave() }
        let code = -fuse_lowlevel_notify_inval_inode(session, node, 0, 0)
        guard code > 0, code != ENOENT, code != ENODEV, code != ENOTCONN else { return }
        throw SnapError(errno: code, "invalidate a directory")
    }

    /// Gives the kernel the first bytes of a file before anybody asks for them; the file must have
    /// no others, or bytes must be whole pages. Under the same rule as invalidateDirectory. False
    /// when the kernel does not know the node, or the mount has ended.
    package func store(_ node: UInt64, _ bytes: UnsafeRawBufferPointer) throws -> Bool {
        guard enter() else { return false }
        defer { leave() }
        var vector = fuse_bufvec()
        vector.count = 1
        vector.buf.size = bytes.count
        vector.buf.mem = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        let code = -fuse_lowlevel_notify_store(session, node, 0, &vector, FUSE_BUF_NO_SPLICE)
        if code == 0 { return true }
        if code == ENOENT || code == ENODEV || code == ENOTCONN { return false }
        throw SnapError(errno: code, "giving the kernel a file ahead")
    }

    private func enter() -> Bool {
        monitor.locked {
            if isOpen { users += 1 }
            return isOpen
        }
    }

    private func leave() {
        monitor.locked {
            users -= 1
            monitor.wakeAll()
        }
    }

    /// Unmounts what is still there and closes the connection, once nobody uses it. A loop that
    /// ended by itself leaves requests that nobody answers: those have to fail first.
    private func closeDown() {
        let first = monitor.locked {
            defer {
                isOpen = false
                monitor.wakeAll()
            }
            return isOpen
        }
        guard first else { return }
        if device != nil, (try? isMounted()) == true {
            try? Unmount.unmount(mountPoint, .force)
        }
        monitor.locked { while users > 0 { monitor.wait() } }
        fuse_session_unmount(session)
        context.takeUnretainedValue().latency.end()
    }
}

extension MountSession {
    /// The absolute path without links. FUSE would mount on a plain file, too.
    private static func directory(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw SnapError(errno: errno, "mount point \(path)")
        }
        defer { free(resolved) }
        var status = stat()
        try systemCall("mount point \(path)") { stat(resolved, &status) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw SnapError(.invalid, "mount point \(path): not a directory")
        }
        return String(cString: resolved)
    }

    private static func create(
        _ context: Unmanaged<CallbackContext>, _ options: MountOptions
    ) throws -> OpaquePointer {
        var mountOptions = "ro,nosuid,nodev,default_permissions"
        mountOptions += ",fsname=\(escape(options.source)),subtype=\(escape(options.subtype))"
        if options.allowOther { mountOptions += ",allow_other" }
        var arguments = fuse_args(argc: 0, argv: nil, allocated: 0)
        defer { fuse_opt_free_args(&arguments) }
        for argument in ["snapfs", "-o", mountOptions] { fuse_opt_add_arg(&arguments, argument) }
        let hasAttributes = context.takeUnretainedValue().fileSystem.hasExtendedAttributes
        var table = callbackTable(extendedAttributes: hasAttributes)
        let session = fuse_session_new(
            &arguments, &table, MemoryLayout.size(ofValue: table), context.toOpaque())
        guard let session else { throw SnapError(.io, "FUSE session: \(LibraryLog.take())") }
        return session
    }

    /// Commas end an option.
    private static func escape(_ value: String) -> String {
        value.reduce(into: "") { out, character in
            if character == "," || character == "\\" { out.append("\\") }
            out.append(character)
        }
    }

    /// The kernel sends INIT with the mount and nothing else before its answer.
    private static func answerInit(_ session: OpaquePointer) throws {
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        var count: Int32
        repeat { count = fuse_session_receive_buf(session, &buffer) } while count == -EINTR
        guard count > 0 else {
            throw SnapError(errno: -count, "the kernel ended the mount at once")
        }
        fuse_session_process_buf(session, &buffer)
        if fuse_session_exited(session) != 0 {
            throw SnapError(.unsupported, "FUSE of this kernel: \(LibraryLog.take())")
        }
    }

    /// Without it the kernel asks for 128 KiB at a time. A matter of speed only: failing is fine.
    private func raiseReadAhead(_ kibibytes: Int) {
        guard let device, geteuid() == 0 else { return }
        let path = "/sys/class/bdi/\(device >> 32):\(device & 0xffff_ffff)/read_ahead_kb"
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        let text = String(kibibytes)
        _ = write(file, text, text.utf8.count)
        close(file)
    }
}
