// SPDX-License-Identifier: MIT
//
// JSON output: one object per line, keys in snake case and sorted, times RFC 3339, sizes in bytes.

import FoundationEssentials

enum JSONLine {
    /// The object as one line without its newline.
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // Messages are structs of strings, numbers and arrays: with the strategy above, none fails.
        return [UInt8](try! encoder.encode(value))  // see the line before
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
