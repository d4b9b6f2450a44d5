// SPDX-License-Identifier: MIT
//
// How the program ends: the exit status of every outcome and the message before it.
// See snapfs(1), EXIT STATUS.

import ArgumentParser
import Glibc
import SnapBase

enum ExitStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    /// The snapshot is written, but some sources could not be read.
    case incomplete = 3
    case noRepository = 10
    case busy = 11
    case wrongKey = 12
    case damaged = 13
    case usage = 64
    case interrupted = 130
    case brokenPipe = 141
    case terminated = 143

    init(_ error: SnapError) {
        self =
            switch error.kind {
            case .noRepository: .noRepository
            case .busy: .busy
            case .wrongKey: .wrongKey
            case .damaged: .damaged
            case .interrupted: Interruption.signal == SIGTERM ? .terminated : .interrupted
            default: .failed
            }
    }

    /// What a backup throws to end with `incomplete`: it is done, and each problem is told.
    var code: ToldError { ToldError(status: self, message: "some sources could not be read") }
}

/// An end that needs no more words on the terminal; a program gets its last line all the same.
struct ToldError: Error {
    let status: ExitStatus
    let message: String
}

/// The last words.
enum Exit {
    /// The JSON line of a failure, on standard error.
    struct Message: Encodable {
        var messageType = "exit_error"
        let code: Int32
        let message: String
    }

    static func done() -> Never { exit(ExitStatus.done.rawValue) }

    /// Says what went wrong, unless the command has done so, and ends the process.
    static func end(_ error: any Error, json: Bool) -> Never {
        if Output.pipeIsBroken { exit(ExitStatus.brokenPipe.rawValue) }
        switch error {
        case let error as SnapError:
            fail(ExitStatus(error).rawValue, error.message, json: json)
        case let error as ValidationError:
            fail(ExitStatus.usage.rawValue, error.message, json: json)
        case let told as ToldError:
            if json { fail(told.status.rawValue, told.message, json: true) }
            exit(told.status.rawValue)
        case let code as ExitCode:
            // Another process of ours has said why.
            exit(code.rawValue)
        default:
            endParsing(error, json: json)
        }
    }

    private static func fail(_ code: Int32, _ message: String, json: Bool) -> Never {
        if json {
            Output.standardError(JSONLine.encode(Message(code: code, message: message)))
        } else {
            Output.standardError(Text("snapfs: \(message)").bytes(escaped: true))
        }
        exit(code)
    }

    /// Help, version and completion scripts go to standard output; usage errors are failures.
    private static func endParsing(_ error: any Error, json: Bool) -> Never {
        let code = Snapfs.exitCode(for: error).rawValue
        let text = Snapfs.fullMessage(for: error)
        if code == ExitStatus.done.rawValue {
            do { try Output.printAndFlush(text) } catch { end(error, json: json) }
            exit(code)
        }
        if json { fail(code, Snapfs.message(for: error), json: true) }
        // The parser begins its message with "Error: "; every message of ours begins with the name.
        let message = text.hasPrefix("Error: ") ? "snapfs: " + text.dropFirst(7) : text
        for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
            Output.standardError(Text("\(name: ArgumentBytes.decode(line))").bytes(escaped: true))
        }
        exit(code)
    }
}
