// SPDX-License-Identifier: MIT
//
// Programs that snapfs starts itself: the password command and the command whose output is backed
// up. No shell is involved. Standard input is /dev/null, standard error is ours.

import Glibc
import SnapBase
import Synchronization

/// A running program whose standard output we read. Ends with `wait` or `cancel`.
final class ChildProcess: Sendable {
    /// Where its standard output arrives; closed by `wait` and `cancel`.
    let output: Int32
    private let source: Mutex<FileDescriptor?>
    private let pid: pid_t
    private let name: String
    /// Once it is waited for, its number may be another's.
    private let hasEnded = Atomic<Bool>(false)

    /// Starts words[0], looked up in PATH, with the other words as its arguments.
    init(_ words: [[UInt8]]) throws {
        precondition(!words.isEmpty)
        let name = Text.escaped(words[0])
        self.name = name
        var ends: [Int32] = [-1, -1]
        try systemCall("creating a pipe") { pipe(&ends) }
        ends.forEach { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        output = ends[0]
        source = Mutex(FileDescriptor(owning: ends[0]))
        pid = try Self.spawn(words, output: ends[1], name)
    }

    /// Closes the pipe and waits; throws unless the program ended with status 0. Cancels it and
    /// throws `.interrupted` when a signal comes first.
    func wait() throws {
        defer { cancel() }
        let status = try reap { try Interruption.check() }
        let signal = status & 0x7F
        if signal != 0 { throw SnapError(.io, "\(name) was ended by signal \(signal)") }
        let code = status >> 8 & 0xFF
        if code != 0 { throw SnapError(.io, "\(name) failed with status \(code)") }
    }

    /// Ends the program and waits for it, whatever its status; nothing where it has ended.
    func cancel() {
        guard !hasEnded.load(ordering: .relaxed) else { return }
        kill(pid, SIGTERM)
        _ = try? reap {}
    }

    /// Its status once it has ended; `interrupted` is asked when a signal arrives before.
    private func reap(_ interrupted: () throws -> Void) throws -> Int32 {
        // A program that is stuck writing, and deaf to signals, must find nobody who reads.
        source.withLock { $0 = nil }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            let code = errno
            if code != EINTR { throw SnapError(errno: code, "waiting for \(name)") }
            try interrupted()
        }
        hasEnded.store(true, ordering: .relaxed)
        return status
    }

    private static func spawn(_ words: [[UInt8]], output: Int32, _ name: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // SIGPIPE is ignored here, which a program would inherit and most do not expect.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { $0.withCString { strdup($0) } }
        defer { arguments.forEach { free($0) } }
        arguments.append(nil)
        var pid = pid_t()
        let code = posix_spawnp(&pid, arguments[0]!, &actions, &attributes, arguments, environ)
        if code != 0 { throw SnapError(errno: code, "starting \(name)") }
        return pid
    }
}
