// SPDX-License-Identifier: MIT
//
// HKDF-SHA-256 (RFC 5869) in its two steps, and scrypt (RFC 7914).

import COpenSSL
import SnapBase

package enum HKDF {
    /// The extract step: a uniform 32-byte key from input key material and a salt.
    package static func extract(salt: [UInt8], from input: Secret) throws -> Secret {
        try run(mode: EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key: input, salt: salt, info: nil, count: 32)
    }

    /// The expand step: count bytes (at most 8,160) for one purpose, which info names.
    package static func expand(_ key: Secret, info: [UInt8], count: Int = 32) throws -> Secret {
        try run(mode: EVP_KDF_HKDF_MODE_EXPAND_ONLY, key: key, salt: nil, info: info, count: count)
    }

    private static func run(
        mode: Int32, key: Secret, salt: [UInt8]?, info: [UInt8]?, count: Int
    ) throws -> Secret {
        try derive("HKDF", count: count) { parameters in
            parameters.add(OSSL_KDF_PARAM_MODE, mode)
            parameters.add(OSSL_KDF_PARAM_DIGEST, "SHA256")
            key.withBytes { parameters.add(OSSL_KDF_PARAM_KEY, Array($0)) }
            if let salt { parameters.add(OSSL_KDF_PARAM_SALT, salt) }
            if let info { parameters.add(OSSL_KDF_PARAM_INFO, info) }
        }
    }
}

package enum Scrypt {
    /// The highest costs accepted from a slot: at most 2 GiB of memory.
    package static let logNMax: UInt8 = 20
    package static let rMax: UInt8 = 16
    package static let pMax: UInt8 = 16

    /// A 32-byte key from a password. Throws `.damaged` for costs out of range, before any work.
    package static func derive(
        password: Secret, salt: [UInt8], logN: UInt8, r: UInt8, p: UInt8
    ) throws -> Secret {
        // RFC 7914, 2: N is below 2^(16 r).
        guard (1...logNMax).contains(logN), (1...rMax).contains(r), (1...pMax).contains(p),
            Int(logN) < 16 * Int(r)
        else {
            throw SnapError(.damaged, "scrypt cost out of range: N=2^\(logN), r=\(r), p=\(p)")
        }
        return try SnapCrypto.derive("SCRYPT", count: 32) { parameters in
            password.withBytes { parameters.add(OSSL_KDF_PARAM_PASSWORD, Array($0)) }
            parameters.add(OSSL_KDF_PARAM_SALT, salt)
            parameters.add(OSSL_KDF_PARAM_SCRYPT_N, UInt64(1) << UInt64(logN))
            parameters.add(OSSL_KDF_PARAM_SCRYPT_R, UInt64(r))
            parameters.add(OSSL_KDF_PARAM_SCRYPT_P, UInt64(p))
            // 128 * r * (N + p + 2) bytes, with room to spare.
            parameters.add(
                OSSL_KDF_PARAM_SCRYPT_MAXMEM, UInt64(256) * UInt64(r) << UInt64(logN) + (1 << 20))
        }
    }
}

/// An OSSL_PARAM array whose values live as long as the list; erased with it.
private final class ParameterList {
    private var values: [UnsafeMutableRawBufferPointer] = []
    private var list: [OSSL_PARAM] = []

    deinit {
        for value in values {
            if let base = value.baseAddress { OPENSSL_cleanse(base, value.count) }
            value.deallocate()
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
        // One spare byte: an empty value still needs an address.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 8)
        copy.copyMemory(from: bytes)
        copy[bytes.count] = 0
        values.append(copy)
        return copy.baseAddress!
    }

    func add(_ name: String, _ bytes: [UInt8]) {
        let value = bytes.withUnsafeBytes { keep($0) }
        list.append(OSSL_PARAM_construct_octet_string(key(name), value, bytes.count))
    }

    func add(_ name: String, _ text: String) {
        let value = Array(text.utf8).withUnsafeBytes { keep($0) }
        list.append(
            OSSL_PARAM_construct_utf8_string(
                key(name), value.assumingMemoryBound(to: CChar.self), text.utf8.count))
    }

    func add(_ name: String, _ number: UInt64) {
        let value = withUnsafeBytes(of: number) { keep($0) }
        list.append(
            OSSL_PARAM_construct_uint64(key(name), value.assumingMemoryBound(to: UInt64.self)))
    }

    func add(_ name: String, _ number: Int32) {
        let value = withUnsafeBytes(of: number) { keep($0) }
        list.append(OSSL_PARAM_construct_int(key(name), value.assumingMemoryBound(to: Int32.self)))
    }

    private func key(_ name: String) -> UnsafePointer<CChar> {
        let value = Array(name.utf8).withUnsafeBytes { keep($0) }
        return UnsafePointer(value.assumingMemoryBound(to: CChar.self))
    }

    func terminated() -> [OSSL_PARAM] { list + [OSSL_PARAM_construct_end()] }
}

private func derive(
    _ algorithm: String, count: Int, _ fill: (ParameterList) -> Void
) throws -> Secret {
    guard let kdf = EVP_KDF_fetch(nil, algorithm, nil) else {
        throw openSSLFailure("fetching \(algorithm)")
    }
    defer { EVP_KDF_free(kdf) }
    guard let context = EVP_KDF_CTX_new(kdf) else { throw openSSLFailure("making \(algorithm)") }
    defer { EVP_KDF_CTX_free(context) }
    let parameters = ParameterList()
    fill(parameters)
    var out = [UInt8](repeating: 0, count: count)
    defer { OPENSSL_cleanse(&out, out.count) }
    try withExtendedLifetime(parameters) {
        try checkOpenSSL(
            EVP_KDF_derive(context, &out, count, parameters.terminated()), "deriving a key")
    }
    return Secret(out)
}
