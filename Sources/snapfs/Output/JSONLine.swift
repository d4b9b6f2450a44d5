// SPDX-License-Identifier: MIT
//
// JSON output: one object per line, keys in snake case and sorted, times RFC 3339, sizes in bytes.

import FoundationEssentials
import SnapBase

enum JSONLine {
    /// One for all lines.
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }()

    /// The object as one line without its newline.
    static func encode(_ value: some Encodable) -> [UInt8] {
        // Messages are structs of strings, numbers and arrays: with the strategy above, none fails.
        return [UInt8](try! encoder.encode(value))  // see the line before
    }
}

/// Writes a flat JSON object field by field, as JSONEncoder would, in a fifth of its time: for the
/// lines that come by the million. Fields are added in the order of their keys; nil adds nothing.
struct JSONObject {
    private var bytes: [UInt8] = [0x7B]

    /// The whole object.
    var finished: [UInt8] { bytes + [0x7D] }

    mutating func add(_ key: String, _ value: String?) {
        guard var value else { return }
        begin(key)
        bytes.append(0x22)
        value.withUTF8 { text in for unit in text { append(unit) } }
        bytes.append(0x22)
    }

    mutating func add(_ key: String, _ value: (some FixedWidthInteger)?) {
        guard let value else { return }
        begin(key)
        bytes += String(value).utf8
    }

    private mutating func begin(_ key: String) {
        if bytes.count > 1 { bytes.append(0x2C) }
        bytes.append(0x22)
        bytes += key.utf8
        bytes += [0x22, 0x3A]
    }

    private mutating func append(_ unit: UInt8) {
        switch unit {
        case 0x22, 0x5C: bytes += [0x5C, unit]
        case 0x08: bytes += "\\b".utf8
        case 0x09: bytes += "\\t".utf8
        case 0x0A: bytes += "\\n".utf8
        case 0x0C: bytes += "\\f".utf8
        case 0x0D: bytes += "\\r".utf8
        case 0..<0x20: bytes += "\\u00\(Hex.encode([unit]))".utf8
        default: bytes.append(unit)
        }
    }
}

/// A file name for JSON: text, and the exact bytes in base64 where the text cannot carry them. A
/// message has `let path: String` and `let pathB64: String?` and fills both from here.
struct JSONName {
    let text: String
    /// nil when text is exact.
    let base64: String?

    init(_ bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
        base64 = Array(text.utf8) == bytes ? nil : Self.base64(bytes)
    }

    static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
