// SPDX-License-Identifier: MIT
//
// `mount` without --foreground: the process in front starts itself again as the daemon, waits until
// the mount answers and ends. Nothing is forked, so threads and keys are where they belong; until
// the mount answers, the daemon has the terminal for a password and its messages.

import ArgumentParser
import Glibc
import SnapBase

enum MountLauncher {
    /// Starts the daemon and waits for its word; ends this process with its status if it fails.
    static func launch() throws {
        var ends: [Int32] = [-1, -1]
        try systemCall("creating a pipe") { pipe(&ends) }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        let pid = try spawn(ready: ends[1])
        close(ends[1])
        var byte: UInt8 = 0
        var count = read(ends[0], &byte, 1)
        while count < 0 && errno == EINTR { count = read(ends[0], &byte, 1) }
        if count == 1 { return }
        var status: Int32 = 0
        try systemCall("waiting for the mount") { waitpid(pid, &status, 0) }
        let signal = status & 0x7f
        let code = signal == 0 ? status >> 8 & 0xff : 128 + signal
        // It has said why.
        throw ExitCode(code == 0 ? ExitStatus.failed.rawValue : code)
    }

    private static func spawn(ready: Int32) throws -> pid_t {
        var arguments: [UnsafeMutablePointer<CChar>?] = []
        for index in 0..<Int(CommandLine.argc) {
            arguments.append(strdup(CommandLine.unsafeArgv[index]!))
        }
        // Right behind the name of the command: behind `--` they would be operands. The program's
        // own name comes first.
        let index = CommandLineArguments.commandIndex(CommandLineArguments.words) + 2
        let words = ["--ready-descriptor", String(ready)]
        arguments.insert(contentsOf: words.map { word in strdup(word) }, at: index)
        defer { arguments.forEach { free($0) } }
        arguments.append(nil)
        var pid = pid_t()
        let code = posix_spawn(&pid, "/proc/self/exe", nil, nil, arguments, environ)
        if code != 0 { throw SnapError(errno: code, "starting the mount's process") }
        return pid
    }
}
