// SPDX-License-Identifier: MIT
//
// A program that copies a tree asks one small question after the other and sleeps until each is
// answered. Answered on another processor, every question wakes that processor and every answer the
// program's own: nothing on a busy machine, but on an idle one, and most of all in a virtual
// machine whose idle processors are given back to the host, several times what the answer costs. So
// a thread that keeps hearing the same client goes to the client's processor: nobody loses by it,
// since one of the two always sleeps.

import Glibc
import SnapBase

/// Where one thread of a session runs. Used by that thread only.
struct ClientAffinity {
    /// Questions in a row from the same client before it is followed.
    static let followAfter = 4
    /// Questions until it is looked for again: the kernel may have moved it.
    static let lookEvery = 256

    private let everywhere: ProcessorSet?
    private var client: pid_t = 0
    private var questions = 0
    private var isFollowing = false

    /// For the calling thread, which is returned to the processors it may use now.
    init() { everywhere = ProcessorSet(ofThread: ()) }

    /// The thread is about to answer a small question of a thread of this number, 0 if unknown.
    mutating func willAnswer(_ client: pid_t) {
        guard client == self.client, client != 0, everywhere != nil else {
            leave()
            self.client = client
            return
        }
        questions += 1
        guard questions % Self.lookEvery == Self.followAfter else { return }
        guard let processor = ProcessorSet.last(of: client) else { return leave() }
        isFollowing = ProcessorSet(only: processor).apply() || isFollowing
    }

    /// Back to all processors, for work that may run beside its client.
    mutating func leave() {
        questions = 0
        guard isFollowing, let everywhere else { return }
        isFollowing = !everywhere.apply()
    }
}
