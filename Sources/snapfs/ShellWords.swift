// SPDX-License-Identifier: MIT

import SnapBase

/// Splits a command line into words as a shell would, without a shell: blanks separate, single and
/// double quotes keep together, a backslash takes the next byte literally (not in single quotes).
/// Nothing is expanded.
enum ShellWords {
    static func split(_ line: [UInt8]) throws -> [[UInt8]] {
        var words = [[UInt8]]()
        var word: [UInt8]?
        var quote: UInt8?
        var bytes = line.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "\\") where quote != UInt8(ascii: "'"):
                guard let next = bytes.next() else {
                    throw SnapError(.invalid, "password command: ends in a backslash")
                }
                word = (word ?? []) + [next]
            case quote:
                quote = nil
            case UInt8(ascii: "'") where quote == nil, UInt8(ascii: "\"") where quote == nil:
                quote = byte
                word = word ?? []
            case _ where quote == nil && [0x20, 0x09, 0x0A].contains(byte):
                if let done = word { words.append(done) }
                word = nil
            default:
                word = (word ?? []) + [byte]
            }
        }
        guard quote == nil else { throw SnapError(.invalid, "password command: a quote is open") }
        return words + (word.map { [$0] } ?? [])
    }
}
