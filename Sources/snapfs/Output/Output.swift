// SPDX-License-Identifier: MIT
//
// The only code that prints. Results go to standard output through a buffer; warnings, errors and
// the progress line go to standard error. Safe from any thread; the lock is held across write(2),
// so that lines never mix.

import Glibc
import SnapBase
import Synchronization

/// What a command prints and how. Create one per command; flush it at the end.
final class Output: Sendable {
    enum Level: Sendable { case quiet, normal, verbose }

    let level: Level
    /// Whether results are JSON lines.
    let json: Bool
    /// Whether a live progress line may be drawn.
    let showsProgress: Bool
    private let escapes: Bool
    private let state = Mutex(State())

    private struct State {
        var buffer: [UInt8] = []
        var statusIsShown = false
    }

    private static let bufferSize = 64 << 10

    init(json: Bool = false, level: Level = .normal, progress: Bool = true) {
        self.json = json
        self.level = level
        showsProgress = progress && !json && level != .quiet && isatty(2) == 1
        escapes = isatty(1) == 1
    }

    // MARK: Results

    /// Prints a line of the command's result, also with --quiet.
    func line(_ text: Text) throws {
        try write(text.bytes(escaped: escapes) + [0x0A])
    }

    /// Prints a JSON line.
    func json(_ message: some Encodable) throws {
        try write(JSONLine.encode(message) + [0x0A])
    }

    /// Prints a JSON line that is encoded already.
    func json(_ object: [UInt8]) throws { try write(object + [0x0A]) }

    /// Prints what the user did not ask for but wants to know, such as a summary; not with --quiet
    /// or --json.
    func note(_ text: Text) throws {
        if level != .quiet && !json { try line(text) }
    }

    /// Prints a detail that only --verbose shows.
    func detail(_ text: Text) throws {
        if level == .verbose && !json { try line(text) }
    }

    /// Prints bytes as they are: the content of a file. Throws `.io` with EPIPE when the reader has
    /// gone; the program then ends quietly with status 141.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        try state.withLock { state in
            Self.clearStatus(&state)
            if bytes.count >= Self.bufferSize {
                try Self.flush(&state)
                try Self.writeAll(bytes)
            } else {
                state.buffer.append(contentsOf: bytes)
                if state.buffer.count >= Self.bufferSize || escapes { try Self.flush(&state) }
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Writes out what is buffered.
    func flush() throws {
        try state.withLock { try Self.flush(&$0) }
    }

    // MARK: Standard error

    /// What a warning looks like with --json.
    private struct Warning: Encodable {
        var messageType = "error"
        let message: String
    }

    /// Reports trouble that does not end the command; never suppressed.
    func warning(_ text: Text) {
        let escaped = text.bytes(escaped: true)
        let message = String(decoding: escaped, as: UTF8.self)
        state.withLock { state in
            Self.clearStatus(&state)
            Self.standardError(
                json ? JSONLine.encode(Warning(message: message)) : "snapfs: ".utf8 + escaped)
        }
    }

    /// Draws the live line in place of the one before; the caller asks showsProgress first.
    func status(_ text: String) {
        let line = Array(text.utf8.prefix(Self.terminalWidth - 1))  // ASCII, see ProgressLine
        state.withLock { state in
            state.statusIsShown = true
            Self.writeError([0x0D] + line + "\u{1B}[K".utf8)
        }
    }

    /// Removes the live line.
    func clearStatus() {
        state.withLock { Self.clearStatus(&$0) }
    }

    // MARK: Below the lock

    /// Whether the reader of standard output has gone.
    static var pipeIsBroken: Bool { broken.load(ordering: .relaxed) }
    private static let broken = Atomic<Bool>(false)

    /// Occupies standard descriptors that are closed, or a file of the repository could become one
    /// of them and receive what we print. Reading and writing such a one fails, as it should. Call
    /// first.
    static func reserveDescriptors() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// Prints one line on standard error; a failure there has nowhere to go.
    static func standardError(_ line: [UInt8]) { writeError(line + [0x0A]) }

    /// Prints text of the parser: help, version, completion script.
    static func printAndFlush(_ text: String) throws {
        let line = Array(text.utf8) + (text.hasSuffix("\n") ? [] : [0x0A])
        try line.withUnsafeBytes { try writeAll($0) }
    }

    private static func clearStatus(_ state: inout State) {
        guard state.statusIsShown else { return }
        state.statusIsShown = false
        writeError(Array("\r\u{1B}[K".utf8))
    }

    private static func flush(_ state: inout State) throws {
        defer { state.buffer.removeAll(keepingCapacity: true) }
        try state.buffer.withUnsafeBytes { try writeAll($0) }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            do {
                let count = try systemCall("writing standard output") {
                    Glibc.write(1, rest.baseAddress, rest.count)
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } catch let error as SnapError {
                if error.code == EPIPE { broken.store(true, ordering: .relaxed) }
                throw error
            }
        }
    }

    private static func writeError(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }

    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }
}
