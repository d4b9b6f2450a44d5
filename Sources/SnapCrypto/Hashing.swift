// SPDX-License-Identifier: MIT
//
// SHA-256 for names that anyone can check, HMAC-SHA-256 for ids and codes that need the key.

import COpenSSL
import SnapBase

/// HMAC-SHA-256 under one key; usable from many threads at once.
package final class KeyedHash: Sendable {
    private final class Context {
        let pointer: OpaquePointer
        init(_ key: Secret) throws {
            guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else {
                throw openSSLFailure("fetching HMAC")
            }
            defer { EVP_MAC_free(mac) }
            guard let context = EVP_MAC_CTX_new(mac) else { throw openSSLFailure("making HMAC") }
            pointer = context
            var digest = Array("SHA256".utf8CString)
            let status = digest.withUnsafeMutableBufferPointer { name in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                return key.withBytes {
                    EVP_MAC_init(
                        context, $0.bindMemory(to: UInt8.self).baseAddress, $0.count, parameters)
                }
            }
            try checkOpenSSL(status, "keying HMAC")
        }
        deinit { EVP_MAC_CTX_free(pointer) }
    }

    private let contexts: ContextPool<Context>

    package init(key: Secret) {
        contexts = ContextPool { try Context(key) }
    }

    /// The code of the concatenation of parts.
    package func code(_ parts: UnsafeRawBufferPointer...) throws -> ObjectID {
        try contexts.use { context in
            try checkOpenSSL(EVP_MAC_init(context.pointer, nil, 0, nil), "starting HMAC")
            for part in parts where part.count > 0 {
                try checkOpenSSL(
                    EVP_MAC_update(
                        context.pointer, part.bindMemory(to: UInt8.self).baseAddress, part.count),
                    "computing HMAC")
            }
            return try withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { out in
                var length = 0
                try checkOpenSSL(
                    EVP_MAC_final(
                        context.pointer, out.bindMemory(to: UInt8.self).baseAddress, &length, 32),
                    "finishing HMAC")
                return ObjectID(UnsafeRawBufferPointer(out))
            }
        }
    }

    package func code(_ bytes: [UInt8]) throws -> ObjectID {
        try bytes.withUnsafeBytes { try code($0) }
    }
}

/// A running SHA-256. Not thread-safe.
package final class SHA256 {
    private let context: OpaquePointer

    package init() throws {
        guard let made = EVP_MD_CTX_new() else { throw openSSLFailure("making SHA-256") }
        context = made
        try checkOpenSSL(EVP_DigestInit_ex2(context, EVP_sha256(), nil), "starting SHA-256")
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: UnsafeRawBufferPointer) throws {
        try checkOpenSSL(
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count), "computing SHA-256")
    }

    /// The digest of everything so far; ends the computation.
    package func finish() throws -> ObjectID {
        try withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { out in
            var length: UInt32 = 0
            try checkOpenSSL(
                EVP_DigestFinal_ex(
                    context, out.bindMemory(to: UInt8.self).baseAddress, &length),
                "finishing SHA-256")
            return ObjectID(UnsafeRawBufferPointer(out))
        }
    }

    package static func digest(_ bytes: [UInt8]) throws -> ObjectID {
        let hash = try SHA256()
        try bytes.withUnsafeBytes { try hash.update($0) }
        return try hash.finish()
    }
}
