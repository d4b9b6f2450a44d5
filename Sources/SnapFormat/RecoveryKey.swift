// SPDX-License-Identifier: MIT
//
// A key file as text, to be printed, kept in a safe and typed back: four lines of sixteen
// characters, each with a check of its own, so that a slip of the finger is found and its line
// named.
// See snapfs-format(5), Recovery keys.

import SnapBase
import SnapCrypto

package enum RecoveryKey {
    private static let lineCount = 4
    private static let lineSize = 8
    private static let lineCharacters = 16
    /// Crockford's: without I, L, O and U.
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// The four lines of a key of 32 bytes.
    package static func lines(_ key: Secret) -> [String] {
        precondition(key.count == lineCount * lineSize)
        return key.withBytes { bytes in
            (0..<lineCount).map { line(Array(bytes[($0 * lineSize)..<(($0 + 1) * lineSize)]), $0) }
        }
    }

    /// The key that a text holds: its lines, or all of them in one. Blanks, hyphens, case and lines
    /// that begin with "#" do not matter. Throws `.invalid` and names the line that is wrong.
    package static func parse(_ text: [UInt8]) throws -> Secret {
        let rows = text.split(separator: 0x0A).map { $0.filter { !isBlank($0) } }
            .filter { !$0.isEmpty && $0[0] != UInt8(ascii: "#") }
            .map { $0.filter { $0 != UInt8(ascii: "-") } }
        if rows.count == lineCount {
            return Secret(try rows.enumerated().flatMap { try bytes($1, $0) })
        }
        let all = Array(rows.joined())
        guard all.count == lineCount * lineCharacters else {
            throw SnapError(
                .invalid,
                "it has \(all.count) characters in \(rows.count) lines, not "
                    + "\(lineCharacters) in each of \(lineCount)")
        }
        return Secret(
            try (0..<lineCount).flatMap {
                try bytes(Array(all[($0 * lineCharacters)..<(($0 + 1) * lineCharacters)]), $0)
            })
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    // MARK: One line

    private static func line(_ key: [UInt8], _ number: Int) -> String {
        let check = check(key, number)
        var bits = (key + [UInt8(check >> 8), UInt8(check & 0xFF)])[...]
        var out = ""
        var (held, count) = (0, 0)
        while out.utf8.count < lineCharacters + 3 {
            if out.utf8.count % 5 == 4 { out += "-" }
            if count < 5 { (held, count) = (held << 8 | Int(bits.removeFirst()), count + 8) }
            count -= 5
            out.unicodeScalars.append(Unicode.Scalar(alphabet[held >> count & 31]))
        }
        return out
    }

    private static func bytes(_ row: [UInt8], _ number: Int) throws -> [UInt8] {
        func wrong(_ what: String) -> SnapError {
            SnapError(.invalid, "line \(number + 1) of \(lineCount) \(what)")
        }
        guard row.count == lineCharacters else {
            throw wrong("has \(row.count) characters instead of \(lineCharacters)")
        }
        var out: [UInt8] = []
        var (held, count) = (0, 0)
        for character in row {
            guard let value = value(character) else {
                throw wrong("has a character that is in no recovery key")
            }
            (held, count) = ((held << 5 | value) & 0xFFF, count + 5)
            if count >= 8 {
                count -= 8
                out.append(UInt8(held >> count & 0xFF))
            }
        }
        let key = Array(out[..<lineSize])
        guard check(key, number) == UInt16(out[lineSize]) << 8 | UInt16(out[lineSize + 1]) else {
            throw wrong("is mistyped: its characters do not belong together")
        }
        return key
    }

    private static func value(_ character: UInt8) -> Int? {
        let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character)
        return switch isLower ? character - 32 : character {
        case UInt8(ascii: "I"), UInt8(ascii: "L"): 1
        case UInt8(ascii: "O"): 0
        case let upper: alphabet.firstIndex(of: upper)
        }
    }

    /// CRC-16/CCITT-FALSE, which no change within sixteen bits escapes: no single character, and
    /// no two neighbours. The number of the line goes in, so that none is taken for another.
    private static func check(_ key: [UInt8], _ number: Int) -> UInt16 {
        var code: UInt16 = 0xFFFF
        for byte in [UInt8(number + 1)] + key {
            code ^= UInt16(byte) << 8
            for _ in 0..<8 { code = code & 0x8000 != 0 ? code << 1 ^ 0x1021 : code << 1 }
        }
        return code
    }
}
