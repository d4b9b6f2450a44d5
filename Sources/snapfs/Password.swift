// SPDX-License-Identifier: MIT
//
// Where the secret comes from: an option, else the environment, else the terminal. It never stands
// on a command line; every copy of ours is overwritten when it is no longer needed.

import Glibc
import SnapBase
import SnapCrypto

/// What opens a repository.
enum Credential {
    case password(Secret)
    /// The contents of a key file, not yet checked.
    case key(Secret)
}

/// Where a credential is to be found.
enum CredentialSource {
    case keyFile([UInt8])
    case passwordFile([UInt8])
    case passwordCommand([UInt8])
    /// The name of an environment variable.
    case passwordVariable(String)
    /// Whose, and of which repository unless there is only one.
    case terminal(CredentialRole, String?)

    private static let sizeMax = 4096

    /// What no other program is to see.
    private static let passwordVariables = CredentialRole.allCases.map { $0.name(.password) }

    /// What obtains the secret in its turn, after another one: that one's command is not to see a
    /// secret in the environment, which is therefore read at once.
    func reader(_ output: Output, confirm: Bool = false) throws -> () throws -> Credential {
        guard case .passwordVariable = self else { return { try read(output, confirm: confirm) } }
        let credential = try read(output)
        return { credential }
    }

    /// Obtains the secret. confirm asks twice on a terminal. Throws `.invalid` for an empty one.
    func read(_ output: Output, confirm: Bool = false) throws -> Credential {
        switch self {
        case .keyFile(let path): return .key(try Self.file(path, output, trim: false))
        case .passwordFile(let path): return .password(try Self.file(path, output, trim: true))
        case .passwordCommand(let line): return .password(try Self.command(line))
        case .passwordVariable(let name): return .password(try Self.variable(name))
        case .terminal(let role, let place):
            return .password(try PasswordPrompt.ask(role, for: place, confirm: confirm))
        }
    }

    private static func file(_ path: [UInt8], _ output: Output, trim: Bool) throws -> Secret {
        var contents = try SmallFile.read(path, sizeMax: sizeMax)
        if contents.mode & S_IFMT == S_IFREG && contents.mode & 0o077 != 0 {
            output.warning("warning: \(name: path) can be read by other users; run chmod 600 on it")
        }
        return try secret(&contents.bytes, trim: trim, "\(Text.escaped(path)) is empty")
    }

    private static func variable(_ name: String) throws -> Secret {
        var bytes = Environment.bytes(name) ?? []
        Environment.wipe(name)
        return try secret(&bytes, trim: false, "\(name) is empty")
    }

    private static func command(_ line: [UInt8]) throws -> Secret {
        let words = try ShellWords.split(line)
        guard !words.isEmpty else { throw SnapError(.invalid, "the password command is empty") }
        for name in passwordVariables { Environment.wipe(name) }
        return try within("password command") {
            let child = try ChildProcess(words)
            var bytes: [UInt8]
            do {
                bytes = try SmallFile.read(descriptor: child.output, "its output", sizeMax: sizeMax)
            } catch {
                child.cancel()
                throw error
            }
            do { try child.wait() } catch {
                wipe(&bytes)
                throw error
            }
            return try secret(&bytes, trim: true, "\(Text.escaped(words[0])) printed nothing")
        }
    }

    private static func secret(
        _ bytes: inout [UInt8], trim: Bool, _ empty: @autoclosure () -> String
    ) throws -> Secret {
        defer { wipe(&bytes) }
        if trim && bytes.last == 0x0A { bytes.removeLast() }
        guard !bytes.isEmpty else { throw SnapError(.invalid, empty()) }
        return Secret(bytes)
    }
}

/// Asks on the controlling terminal, whatever standard input is.
enum PasswordPrompt {
    /// Throws where there is no terminal, with a word on what else the user can do.
    static func ask(_ role: CredentialRole, for place: String?, confirm: Bool) throws -> Secret {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else {
            let thing = role == .new ? "new password" : "password"
            throw SnapError(
                .invalid,
                "no \(thing)\(place.map { " of \($0)" } ?? ""): give "
                    + "\(role.options("or", isNew: confirm)), or set \(role.name(.password)) "
                    + "(there is no terminal to ask on)")
        }
        defer { close(terminal) }
        let prompt = confirm ? "New password" : "Password"
        let first = try line(terminal, prompt + (place.map { " of \($0)" } ?? "") + ": ")
        guard confirm else { return first }
        let second = try line(terminal, "The same again: ")
        let same = first.withBytes { a in second.withBytes { a.elementsEqual($0) } }
        guard same else {
            throw SnapError(.invalid, "the two passwords differ")
        }
        return first
    }

    /// Reads one line with the echo off; the terminal is as before on every way out.
    private static func line(_ terminal: Int32, _ prompt: String) throws -> Secret {
        var before = termios()
        try systemCall("asking for the password") { tcgetattr(terminal, &before) }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        silent.c_lflag |= tcflag_t(ICANON)
        write(terminal, prompt)
        tcsetattr(terminal, TCSAFLUSH, &silent)
        defer {
            tcsetattr(terminal, TCSAFLUSH, &before)
            write(terminal, "\n")
        }
        // One line of a terminal in canonical mode is at most 4095 bytes.
        var buffer = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&buffer) }
        var count = read(terminal, &buffer, buffer.count)
        while count < 0 && errno == EINTR {
            try Interruption.check()
            count = read(terminal, &buffer, buffer.count)
        }
        if count < 0 { throw SnapError(errno: errno, "reading the password") }
        let end = buffer[..<count].last == 0x0A ? count - 1 : count
        guard end > 0 else { throw SnapError(.invalid, "the password is empty") }
        return Secret(buffer[..<end])
    }

    private static func write(_ terminal: Int32, _ text: String) {
        _ = text.withCString { Glibc.write(terminal, $0, strlen($0)) }
    }
}
