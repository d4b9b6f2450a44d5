// SPDX-License-Identifier: MIT

import COpenSSL
import SnapBase

/// Key material: fixed bytes that are erased when the last owner lets go. Never printed, never
/// converted to String.
package final class Secret: @unchecked Sendable {
    // Sendable: the memory is written in init only.
    private let memory: UnsafeMutableRawBufferPointer

    package var count: Int { memory.count }

    /// Copies bytes; the caller erases its own copy where that matters.
    package init(_ bytes: some Collection<UInt8>) {
        memory = .allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
    }

    /// count random bytes of the operating system's generator, for keys.
    package init(randomCount count: Int) throws {
        memory = .allocate(byteCount: count, alignment: 16)
        try checkOpenSSL(
            RAND_priv_bytes(memory.bindMemory(to: UInt8.self).baseAddress, Int32(count)),
            "drawing \(count) random bytes for a key")
    }

    deinit {
        if let base = memory.baseAddress { OPENSSL_cleanse(base, memory.count) }
        memory.deallocate()
    }

    /// The bytes, for the length of body only.
    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(memory))
    }
}

/// Randomness that is no key: salts, ids, nonce inputs.
package enum Random {
    package static func bytes(_ count: Int) throws -> [UInt8] {
        var out = [UInt8](repeating: 0, count: count)
        try checkOpenSSL(RAND_bytes(&out, Int32(count)), "drawing \(count) random bytes")
        return out
    }
}

/// Compares in a time that does not depend on where the bytes differ.
package func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
