// SPDX-License-Identifier: MIT

import COpenSSL
import SnapBase

/// The error of a failed OpenSSL call, with the library's own reasons; empties its error queue.
func openSSLFailure(_ action: String) -> SnapError {
    var reasons: [String] = []
    while case let code = ERR_get_error(), code != 0 {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        reasons.append(text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }
    return SnapError(
        .io, "\(action): \(reasons.isEmpty ? "failed" : reasons.joined(separator: "; "))")
}

/// Throws unless an OpenSSL call returned 1.
@inline(__always)
func checkOpenSSL(_ status: Int32, _ action: @autoclosure () -> String) throws {
    if status != 1 { throw openSSLFailure(action()) }
}
