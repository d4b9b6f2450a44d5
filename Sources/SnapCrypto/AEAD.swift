// SPDX-License-Identifier: MIT
//
// AES-256-GCM with a nonce that is a number: the byte offset of a record in its file. A key seals
// one file only, so a nonce never comes twice under a key. See snapfs-format(5), THE SEALED
// CONTAINER.

import COpenSSL
import SnapBase

/// One AES-256-GCM key; usable from many threads at once.
package struct SealingKey: Sendable {
    private let key: Secret

    /// Bytes that sealing adds.
    package static let tagSize = 16

    private final class Context {
        let pointer: OpaquePointer
        init(cipher: OpaquePointer) throws {
            guard let made = EVP_CIPHER_CTX_new() else {
                throw openSSLFailure("making AES-256-GCM")
            }
            pointer = made
        }
        deinit { EVP_CIPHER_CTX_free(pointer) }
    }

    // nonisolated(unsafe): a fetched cipher is immutable and shared by OpenSSL's own rules.
    private nonisolated(unsafe) static let cipher: OpaquePointer = {
        guard let cipher = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
            preconditionFailure("OpenSSL has no AES-256-GCM: its installation is broken")
        }
        return cipher
    }()
    private static let contexts = ContextPool { try Context(cipher: cipher) }

    package init(_ key: Secret) {
        precondition(key.count == 32)
        self.key = key
    }

    /// Encrypts plain into out, which has exactly plain.count + 16 bytes; the tag comes last. plain
    /// and out may start at the same address.
    package func seal(
        nonce: UInt64, associated: [UInt8], _ plain: UnsafeRawBufferPointer,
        into out: UnsafeMutableRawBufferPointer
    ) throws {
        precondition(out.count == plain.count + Self.tagSize)
        try use(nonce, associated, encrypt: 1) { context in
            var length: Int32 = 0
            let bytes = out.bindMemory(to: UInt8.self).baseAddress!
            if plain.count > 0 {
                try checkOpenSSL(
                    EVP_CipherUpdate(
                        context, bytes, &length, plain.bindMemory(to: UInt8.self).baseAddress,
                        Int32(plain.count)), "sealing")
            }
            try checkOpenSSL(EVP_CipherFinal_ex(context, bytes + plain.count, &length), "sealing")
            try checkOpenSSL(
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, bytes + plain.count),
                "reading the tag")
        }
    }

    /// Decrypts sealed into out, which has exactly sealed.count - 16 bytes. False, with out
    /// undefined, when the bytes are not authentic. Both may start at the same address.
    package func open(
        nonce: UInt64, associated: [UInt8], _ sealed: UnsafeRawBufferPointer,
        into out: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        guard sealed.count >= Self.tagSize else { return false }
        precondition(out.count == sealed.count - Self.tagSize)
        return try use(nonce, associated, encrypt: 0) { context in
            var length: Int32 = 0
            let bytes = sealed.bindMemory(to: UInt8.self).baseAddress!
            let target = out.bindMemory(to: UInt8.self).baseAddress
            try checkOpenSSL(
                EVP_CIPHER_CTX_ctrl(
                    context, EVP_CTRL_AEAD_SET_TAG, 16,
                    UnsafeMutableRawPointer(mutating: bytes + out.count)), "setting the tag")
            if out.count > 0 {
                try checkOpenSSL(
                    EVP_CipherUpdate(context, target, &length, bytes, Int32(out.count)), "opening")
            }
            var last: UInt8 = 0
            return EVP_CipherFinal_ex(context, &last, &length) == 1
        }
    }

    /// Seals the one thing that this key ever seals, under nonce 0.
    package func wrap(_ plain: [UInt8], associated: [UInt8]) throws -> [UInt8] {
        var wrapped = [UInt8](repeating: 0, count: plain.count + Self.tagSize)
        try plain.withUnsafeBytes { plain in
            try wrapped.withUnsafeMutableBytes {
                try seal(nonce: 0, associated: associated, plain, into: $0)
            }
        }
        return wrapped
    }

    /// What `wrap` sealed; nil when the bytes are not authentic.
    package func unwrap(_ wrapped: [UInt8], associated: [UInt8]) throws -> [UInt8]? {
        guard wrapped.count >= Self.tagSize else { return nil }
        var plain = [UInt8](repeating: 0, count: wrapped.count - Self.tagSize)
        let authentic = try wrapped.withUnsafeBytes { wrapped in
            try plain.withUnsafeMutableBytes {
                try open(nonce: 0, associated: associated, wrapped, into: $0)
            }
        }
        return authentic ? plain : nil
    }

    private func use<R>(
        _ nonce: UInt64, _ associated: [UInt8], encrypt: Int32,
        _ body: (OpaquePointer) throws -> R
    ) throws -> R {
        try Self.contexts.use { context in
            // 96 bits: the number in little-endian order, then four zero bytes.
            let iv = (nonce.littleEndian, UInt32(0))
            let status = withUnsafeBytes(of: iv) { iv in
                key.withBytes {
                    EVP_CipherInit_ex2(
                        context.pointer, Self.cipher, $0.bindMemory(to: UInt8.self).baseAddress,
                        iv.bindMemory(to: UInt8.self).baseAddress, encrypt, nil)
                }
            }
            try checkOpenSSL(status, "keying AES-256-GCM")
            var length: Int32 = 0
            if !associated.isEmpty {
                try checkOpenSSL(
                    EVP_CipherUpdate(
                        context.pointer, nil, &length, associated, Int32(associated.count)),
                    "adding associated data")
            }
            return try body(context.pointer)
        }
    }
}
