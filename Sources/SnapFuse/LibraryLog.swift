// SPDX-License-Identifier: MIT
//
// libfuse explains a failure only in messages on standard error. The last one is kept here instead,
// to become part of the SnapError; a library prints nothing.

import CFuse
import Glibc
import SnapBase

/// The process's messages from libfuse, which has one log for all sessions.
enum LibraryLog {
    private static let last = LastMessage()

    /// Takes the messages over. May be called again.
    static func capture() { fuse_set_log_func(keepMessage) }

    /// The last message since the last call, without its line end; "" when there was none.
    static func take() -> String { last.take() }

    fileprivate static func keep(_ message: String) { last.keep(message) }
}

private final class LastMessage: @unchecked Sendable {
    // Sendable: text is used inside monitor.locked only.
    private let monitor = Monitor()
    private var text = ""

    func keep(_ message: String) { monitor.locked { text = message } }

    func take() -> String {
        monitor.locked {
            defer { text = "" }
            return text
        }
    }
}

private func keepMessage(
    _ level: fuse_log_level, _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?
) {
    guard let format, let arguments, level.rawValue <= FUSE_LOG_WARNING.rawValue else { return }
    var line = [CChar](repeating: 0, count: 512)
    vsnprintf(&line, line.count, format, arguments)
    var message = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    while message.last == "\n" { message.removeLast() }
    LibraryLog.keep(message)
}
