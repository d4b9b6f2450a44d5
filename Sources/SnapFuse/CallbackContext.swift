// SPDX-License-Identifier: MIT
//
// What a callback finds behind its request: the file system, what was negotiated with the kernel,
// what its clients are used to, and a buffer of the thread's own, so that a read or a directory
// listing allocates nothing.

import CFuse
import Glibc
import SnapBase

/// What the callbacks of one session share; passed through libfuse as the user data.
final class CallbackContext: @unchecked Sendable {
    // Sendable: the two variables are written by onInit, which MountSession.init runs to its end
    // before any thread of the session starts.
    let fileSystem: any FileSystem
    let options: MountOptions
    var noOpen = false
    var noOpenDirectory = false
    /// Set before any thread of the session starts, and lives longer than they do.
    var session: OpaquePointer?
    let habits = ListingHabits()
    let latency = LatencyRequest()
    private let scratchKey: pthread_key_t

    init(_ fileSystem: any FileSystem, _ options: MountOptions) throws {
        self.fileSystem = fileSystem
        self.options = options
        var key = pthread_key_t()
        let status = pthread_key_create(&key, releaseScratch)
        guard status == 0 else { throw SnapError(errno: status, "thread storage for the mount") }
        scratchKey = key
    }

    /// The session's threads have ended, and with them their buffers.
    deinit { pthread_key_delete(scratchKey) }

    /// The context of a request that has just arrived. Call once a request: it is counted.
    static func of(_ request: OpaquePointer) -> CallbackContext {
        // Set by fuse_session_new; the session outlives its requests and holds the context.
        let context = Unmanaged<CallbackContext>.fromOpaque(fuse_req_userdata(request))
            .takeUnretainedValue()
        context.latency.didAsk()
        return context
    }

    /// size bytes that belong to this thread until its next request. A thread keeps the largest
    /// buffer it needed: 1 MiB, the kernel's largest request, and a name.
    func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
        let scratch: Scratch
        if let kept = pthread_getspecific(scratchKey) {
            scratch = Unmanaged<Scratch>.fromOpaque(kept).takeUnretainedValue()
        } else {
            scratch = Scratch()
            pthread_setspecific(scratchKey, Unmanaged.passRetained(scratch).toOpaque())
        }
        return scratch.room(size)
    }

    /// How a directory is listed, from an offset on, for who asks.
    func listing(_ request: OpaquePointer, _ directory: UInt64, _ offset: off_t) -> Listing {
        let (listing, stale) = habits.list(
            directory, isStart: offset == 0, client: client(request))
        if let stale {
            // Not of the directory that is asked for, whose pages the kernel may hold now.
            fuse_lowlevel_notify_inval_inode(session, stale, 0, 0)
        }
        return listing
    }

    /// Answers with the error's errno, after it was reported.
    func fail(
        _ reply: consuming Reply, _ operation: StaticString, _ node: UInt64, _ error: any Error
    ) {
        let error = SnapError.wrap(error)
        fileSystem.failed(operation, node: node, error)
        reply.error(errnoOf(error))
    }
}

/// One thread's answer buffer.
private final class Scratch {
    private var memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 132 << 10, alignment: 4096)

    func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
        if size > memory.count {
            memory.deallocate()
            memory = .allocate(byteCount: max(size, (1 << 20) + 4096), alignment: 4096)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<size])
    }

    deinit { memory.deallocate() }
}

private func releaseScratch(_ kept: UnsafeMutableRawPointer?) {
    if let kept { Unmanaged<Scratch>.fromOpaque(kept).release() }
}
