// SPDX-License-Identifier: MIT

import COpenSSL
import SnapBase

/// X25519 (RFC 7748): a private key and what it agrees on with another's public key.
package struct AgreementKey: Sendable {
    package let secret: Secret
    package let publicKey: [UInt8]

    /// A new random pair.
    package init() throws { try self.init(secret: Secret(randomCount: 32)) }

    /// The pair of a 32-byte private key.
    package init(secret: Secret) throws {
        precondition(secret.count == 32)
        self.secret = secret
        publicKey = try Self.withPrivate(secret) { key in
            var bytes = [UInt8](repeating: 0, count: 32)
            var count = 32
            try checkOpenSSL(
                EVP_PKEY_get_raw_public_key(key, &bytes, &count), "computing a public key")
            return bytes
        }
    }

    /// The 32 shared bytes; input for HKDF, never a key itself. Throws `.damaged` for a public key
    /// that agrees on zero (RFC 7748, 6.1).
    package func agree(with other: [UInt8]) throws -> Secret {
        precondition(other.count == 32)
        guard let peer = EVP_PKEY_new_raw_public_key_ex(nil, "X25519", nil, other, 32) else {
            throw openSSLFailure("reading a public key")
        }
        defer { EVP_PKEY_free(peer) }
        return try Self.withPrivate(secret) { key in
            guard let context = EVP_PKEY_CTX_new(key, nil) else {
                throw openSSLFailure("making X25519")
            }
            defer { EVP_PKEY_CTX_free(context) }
            var bytes = [UInt8](repeating: 0, count: 32)
            defer { OPENSSL_cleanse(&bytes, 32) }
            var count = 32
            guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, peer) == 1,
                EVP_PKEY_derive(context, &bytes, &count) == 1
            else {
                let cause = openSSLFailure("agreeing on a key")
                throw SnapError(.damaged, cause.message)
            }
            return Secret(bytes)
        }
    }

    private static func withPrivate<R>(
        _ secret: Secret, _ body: (OpaquePointer) throws -> R
    ) throws -> R {
        let key = secret.withBytes {
            EVP_PKEY_new_raw_private_key_ex(
                nil, "X25519", nil, $0.bindMemory(to: UInt8.self).baseAddress, 32)
        }
        guard let key else { throw openSSLFailure("reading a private key") }
        defer { EVP_PKEY_free(key) }
        return try body(key)
    }
}
