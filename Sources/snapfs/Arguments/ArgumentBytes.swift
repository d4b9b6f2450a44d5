// SPDX-License-Identifier: MIT
//
// File names are bytes, but the parser works on strings. Bytes that are no UTF-8 pass through it
// as scalars U+10FF00 + byte, at the end of the last private-use plane; the bytes of such a scalar
// that the user really typed are escaped the same way, so that decoding gives every argument back.

import ArgumentParser

enum ArgumentBytes {
    private static let base: UInt32 = 0x10FF00

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var out = String.UnicodeScalarView()
        // At most U+10FFFF, and far from the surrogates: always a scalar.
        func escape(_ byte: UInt8) { out.append(Unicode.Scalar(base + UInt32(byte))!) }
        UTF8Scan.forEach(bytes) { scalar in
            if scalar.value >= base {
                UTF8.encode(scalar)?.forEach(escape)
            } else {
                out.append(scalar)
            }
        } invalid: {
            escape($0)
        }
        return String(out)
    }

    static func decode(_ text: some StringProtocol) -> [UInt8] {
        var out = [UInt8]()
        for scalar in text.unicodeScalars {
            if scalar.value >= base {
                out.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                out.append(contentsOf: UTF8.encode(scalar)!)  // every scalar has an encoding
            }
        }
        return out
    }
}

/// Splits bytes into scalars and the bytes that belong to none.
enum UTF8Scan {
    static func forEach(
        _ bytes: some Sequence<UInt8>, scalar: (Unicode.Scalar) -> Void, invalid: (UInt8) -> Void
    ) {
        let all = Array(bytes)
        var input = all.makeIterator()
        var parser = UTF8.ForwardParser()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &input) {
            case .valid(let encoded):
                scalar(UTF8.decode(encoded))
                offset += encoded.count
            case .error(let length):
                all[offset..<offset + length].forEach(invalid)
                offset += length
            case .emptyInput: return
            }
        }
    }
}

/// A path, a pattern or a word of a command: any bytes but none.
struct BytesArgument: ExpressibleByArgument, Equatable {
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        bytes = ArgumentBytes.decode(argument)
    }

    static var defaultCompletionKind: CompletionKind { .file() }
}

extension [UInt8] {
    /// The path of a thing of our own, which goes through interfaces that take text: a usage error
    /// unless it is UTF-8. What is backed up may have any name.
    func requireText(_ thing: String) throws -> [UInt8] {
        guard String(validating: self, as: UTF8.self) != nil else {
            throw ValidationError(
                "the path of \(thing) has to be UTF-8, which \(Text.escaped(self)) is not; "
                    + "rename it, or give another path to it, such as a symbolic link")
        }
        return self
    }
}

/// A host name or a tag: valid UTF-8, not empty, at most 255 bytes, nothing that drives a terminal.
struct LabelArgument: FormedArgument, Equatable {
    let text: String

    static let form = "it has to be 1 to 255 bytes of UTF-8 without control characters"

    init?(argument: String) {
        let bytes = ArgumentBytes.decode(argument)
        guard !bytes.isEmpty, bytes.count <= 255, Text.escape(bytes) == bytes else { return nil }
        text = argument
    }
}
