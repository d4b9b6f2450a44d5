// SPDX-License-Identifier: MIT
//
// Who takes turns need no threads of their own: a switch of the system from one to the next takes a
// third of the time of a schedule.

import CCoroutine
import Glibc

/// A place on a stack of its own, from which it goes on when it is its turn. All switches are made
/// by one thread.
final class Coroutine {
    private let context = UnsafeMutablePointer<ucontext_t>.allocate(capacity: 1)
    private let stack: UnsafeMutableRawPointer?
    private let body: () -> Void

    /// Bytes; debug builds need a good part of it.
    private static let stackSize = 1 << 20
    private static let guardSize = 1 << 12

    /// The place where the caller's thread is, for a way back.
    init() {
        stack = nil
        body = {}
    }

    /// A place that begins with body, which must not return.
    init(_ body: @escaping () -> Void) {
        // mmap gives an address or MAP_FAILED.
        let stack = mmap(
            nil, Self.stackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(stack != MAP_FAILED, "no memory for a stack")
        precondition(mprotect(stack, Self.guardSize, PROT_NONE) == 0, "no memory for a guard")
        self.stack = stack
        self.body = body
        let status = snapfs_prepare(
            context, stack, Self.stackSize,
            { argument in
                // The argument given below, which lives as long as anybody switches to it.
                Unmanaged<Coroutine>.fromOpaque(argument!).takeUnretainedValue().body()
            }, Unmanaged.passUnretained(self).toOpaque())
        precondition(status == 0, "getcontext fails for nobody")
    }

    deinit {
        if let stack { munmap(stack, Self.stackSize) }
        context.deallocate()
    }

    /// Goes on there; returns when somebody switches back here. Called at this place.
    func `switch`(to other: Coroutine) {
        precondition(snapfs_switch(context, other.context) == 0, "swapcontext fails for nobody")
    }
}
