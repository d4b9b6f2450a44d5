// SPDX-License-Identifier: MIT
//
// One line of output. File names in it are bytes: a terminal gets them with everything escaped that
// could drive it or reorder what is read; a pipe or a file gets them as they are.

/// A line built by interpolation: `"\(mode) \(name: path)"`. Plain parts are text of our own.
struct Text: ExpressibleByStringInterpolation, Sendable {
    fileprivate enum Part: Sendable {
        case text(String)
        case name([UInt8])
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var parts: [Part] = []

        init(literalCapacity: Int, interpolationCount: Int) {}
        mutating func appendLiteral(_ literal: String) { parts.append(.text(literal)) }
        mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            parts.append(.text(value.description))
        }
        mutating func appendInterpolation(name: some Sequence<UInt8>) {
            parts.append(.name(Array(name)))
        }
    }

    private var parts: [Part]

    init(_ text: String) { parts = [.text(text)] }
    init(stringLiteral value: String) { parts = [.text(value)] }
    init(stringInterpolation: StringInterpolation) { parts = stringInterpolation.parts }

    /// The bytes of the line without its newline; with escaping, the plain parts are escaped too.
    func bytes(escaped: Bool) -> [UInt8] {
        var out = [UInt8]()
        for part in parts {
            switch part {
            case .text(let text): out += escaped ? Text.escape(text.utf8) : Array(text.utf8)
            case .name(let name): out += escaped ? Text.escape(name) : name
            }
        }
        return out
    }

    /// Bytes fit for a terminal: C0 controls, DEL and what is not UTF-8 become `\xNN`; C1 controls,
    /// line separators and bidirectional controls `\u{NNNN}`. For the eye; it is not reversible.
    static func escape(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var out = [UInt8]()
        UTF8Scan.forEach(bytes) { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7F:
                out += "\\x\(hex(scalar.value, digits: 2))".utf8
            case 0x80..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                out += "\\u{\(hex(scalar.value, digits: 4))}".utf8
            default:
                out += UTF8.encode(scalar)!  // every scalar has an encoding
            }
        } invalid: {
            out += "\\x\(hex(UInt32($0), digits: 2))".utf8
        }
        return out
    }

    /// The same as a string, which it always is.
    static func escaped(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: escape(bytes), as: UTF8.self)
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
