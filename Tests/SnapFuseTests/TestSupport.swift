// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

/// All of them one after the other: each spawns programs and waits for mounts to come and go.
@Suite(.serialized) enum FuseTests {}

/// Mounts on a new directory, runs body with its path, stops and checks that run ended well. Needs
/// root and /dev/fuse: a machine without them cannot test a mount, which is an error, not a skip.
func withMount(
    _ fileSystem: MemoryFileSystem, _ options: MountOptions = MountOptions(),
    _ body: (String, MountSession) throws -> Void
) throws {
    try #require(geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0, "needs root, /dev/fuse")
    let directory = try temporaryDirectory()
    defer { rmdir(directory) }
    let session = try MountSession(
        mountPoint: directory, fileSystem: fileSystem, options: options)
    let outcome = Outcome()
    let server = try Thread("fuse") {
        do { try session.run() } catch { outcome.set(SnapError.wrap(error)) }
    }
    let result = Result { try body(directory, session) }
    try session.stop()
    server.join()
    if let error = outcome.error { throw error }
    #expect(try MountTable.find(directory) == nil)
    try result.get()
}

final class Outcome: @unchecked Sendable {
    // Sendable: used inside monitor.locked.
    private let monitor = Monitor()
    private var stored: SnapError?
    var error: SnapError? { monitor.locked { stored } }
    func set(_ error: SnapError) { monitor.locked { stored = error } }
}

func temporaryDirectory() throws -> String {
    var template = Array("/tmp/snapfuse test\\XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SnapError(errno: errno, "mkdtemp") }
    return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
}

/// Runs a program; its status and what it wrote to standard output.
func run(_ arguments: [String]) throws -> (status: Int32, output: [UInt8]) {
    var ends: [Int32] = [0, 0]
    try systemCall("pipe") { pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var list = arguments.map { strdup($0) } + [nil]
    defer { list.forEach { free($0) } }
    var child = pid_t()
    let status = posix_spawnp(&child, arguments[0], &actions, nil, &list, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard status == 0 else { throw SnapError(errno: status, arguments[0]) }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = Glibc.read(ends[0], &buffer, buffer.count), count > 0 {
        output += buffer[..<count]
    }
    var result: Int32 = 0
    try systemCall("wait") { waitpid(child, &result, 0) }
    return ((result >> 8) & 0xff, output)
}

/// What a program that has to succeed writes.
func output(_ arguments: String...) throws -> [UInt8] {
    let (status, output) = try run(arguments)
    guard status == 0 else { throw SnapError(.io, "\(arguments) ended with \(status)") }
    return output
}

func fails(_ arguments: String...) throws -> Bool { try run(arguments).status != 0 }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// The file's bytes, or its errno as a SnapError.
func contents(_ path: String) throws -> [UInt8] {
    let file = try systemCall("open") { open(path, O_RDONLY | O_CLOEXEC) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = try systemCall("read") { Glibc.read(file, &buffer, buffer.count) }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
    }
}

func status(_ path: String) throws -> stat {
    var out = stat()
    try systemCall("lstat") { lstat(path, &out) }
    return out
}

/// The errno with which body fails, 0 when it does not.
func code(_ body: () throws -> Void) -> Int32 {
    do { try body() } catch { return SnapError.wrap(error).code }
    return 0
}

/// Bytes without a pattern that a wrong offset could hide in.
func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}
