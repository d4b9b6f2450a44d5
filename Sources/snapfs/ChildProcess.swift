// SPDX-License-Identifier: MIT
//
// Programs that snapfs starts itself: the password command and the command whose output is backed
// up. No shell is involved. Standard input is /dev/null, standard error is ours.

import Glibc
import SnapBase

/// A running program whose standard output we read. Wait for it exactly once.
final class ChildProcess: Sendable {
    /// Where its standard output arrives; closed by `wait`.
    let output: Int32
    private let pid: pid_t
    private let name: String

    /// Starts words[0], looked up in PATH, with the other words as its arguments.
    init(_ words: [[UInt8]]) throws {
        precondition(!words.isEmpty)
        let name = Text.escaped(words[0])
        self.name = name
        var ends: [Int32] = [-1, -1]
        try systemCall("creating a pipe") { pipe(&ends) }
        ends.forEach { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        do { pid = try Self.spawn(words, output: ends[1], name) } catch {
            close(ends[0])
            throw error
        }
        output = ends[0]
    }

    /// Closes the pipe and waits; throws unless the program ended with status 0.
    func wait() throws {
        close(output)
        var status: Int32 = 0
        try systemCall("waiting for \(name)") { waitpid(pid, &status, 0) }
        let signal = status & 0x7F
        if signal != 0 { throw SnapError(.io, "\(name) was ended by signal \(signal)") }
        let code = status >> 8 & 0xFF
        if code != 0 { throw SnapError(.io, "\(name) failed with status \(code)") }
    }

    /// Ends the program and waits for it, whatever its status.
    func cancel() {
        kill(pid, SIGTERM)
        try? wait()
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
