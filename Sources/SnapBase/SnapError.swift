// SPDX-License-Identifier: MIT
//
// The one error type of the program. Every throwing function of every target throws this struct and
// nothing else; C statuses and errno become a SnapError inside the wrapper that met them.

import Glibc

/// What went wrong, with what was being done to which object and what the user can do about it.
@usableFromInline
package struct SnapError: Error, Sendable {
    /// The class of a failure. Decides the exit status and the errno that a mount answers.
    package enum Kind: Sendable {
        /// The named thing does not exist.
        case notFound
        /// The name is taken already.
        case exists
        /// Bytes that fail authentication, decoding or a bound. Never caused by the environment.
        case damaged
        /// No key slot opens with the password or key file given.
        case wrongKey
        /// There is no repository at the place named.
        case noRepository
        /// Another process holds what is needed.
        case busy
        /// A newer format, or something this machine cannot do.
        case unsupported
        /// The user's input is wrong.
        case invalid
        /// The operating system refused or failed.
        case io
        /// A file system is full or a quota used up.
        case noSpace
        /// A guard refuses for the sake of the user's data.
        case refused
        /// SIGINT or SIGTERM arrived.
        case interrupted
    }

    package var kind: Kind
    /// Operation, object and offset, as one clause without a full stop.
    package var message: String
    /// The errno behind it, 0 where there is none.
    package var code: Int32

    package init(_ kind: Kind, _ message: String, code: Int32 = 0) {
        self.kind = kind
        self.message = message
        self.code = code
    }

    /// The error of a failed system call: kind by errno, "action: strerror".
    @usableFromInline
    package init(errno code: Int32, _ action: String) {
        let kind: Kind =
            switch code {
            case ENOENT, ENOTDIR: .notFound
            case EEXIST: .exists
            case ENOSPC, EDQUOT: .noSpace
            case EBUSY: .busy
            default: .io
            }
        self.init(kind, "\(action): \(String(cString: strerror(code)))", code: code)
    }

    /// The same error with the outer operation before it: "context: message".
    @usableFromInline
    package func within(_ context: String) -> SnapError {
        SnapError(kind, "\(context): \(message)", code: code)
    }

    /// Any error as a SnapError; a foreign one keeps its description.
    @usableFromInline
    package static func wrap(_ error: any Error) -> SnapError {
        (error as? SnapError) ?? SnapError(.io, "\(error)")
    }
}

extension SnapError: CustomStringConvertible {
    @usableFromInline
    package var description: String { message }
}

/// Runs body and puts context before the message of whatever it throws.
@inlinable @inline(__always)
package func within<R>(_ context: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw SnapError.wrap(error).within(context()) }
}

/// Calls a system function until it is not interrupted; throws its errno as "action: strerror".
@discardableResult
@inlinable @inline(__always)
package func systemCall<I: FixedWidthInteger>(
    _ action: @autoclosure () -> String, _ body: () -> I
) throws -> I {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if !isInterruption(code) { throw SnapError(errno: code, action()) }
    }
}

@usableFromInline
func isInterruption(_ code: Int32) -> Bool { code == EINTR }
