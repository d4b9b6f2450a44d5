// SPDX-License-Identifier: MIT
//
// Patterns for paths. They follow restic's: matched by path components, `*` and `?` within a
// component, `**` across them; a pattern with a leading slash is anchored, any other matches at
// every depth; `!` takes an exclusion back.

/// One pattern, over bytes.
package struct PathPattern: Sendable, Equatable {
    private let parts: [[UInt8]]
    private let anchored: Bool
    /// A leading `!`.
    package let negated: Bool

    /// Throws `.invalid` for an empty pattern or an unfinished bracket.
    package init(_ text: [UInt8]) throws {
        var rest = text[...]
        negated = rest.first == 0x21
        if negated { rest = rest.dropFirst() }
        anchored = rest.first == 0x2f
        parts = rest.split(separator: 0x2f).map(Array.init)
        guard !parts.isEmpty else { throw SnapError(.invalid, "an empty pattern") }
        for part in parts where Self.hasOpenBracket(part) {
            throw SnapError(
                .invalid, "the pattern \(String(decoding: text, as: UTF8.self)) has an open bracket"
            )
        }
    }

    private static func hasOpenBracket(_ part: [UInt8]) -> Bool {
        var index = 0
        while index < part.count {
            if part[index] == 0x5c {
                index += 2
                continue
            }
            if part[index] == 0x5b {
                guard let end = part[(index + 1)...].dropFirst().firstIndex(of: 0x5d) else {
                    return true
                }
                index = end
            }
            index += 1
        }
        return false
    }

    /// Whether the path of these components, or a directory above it, matches.
    package func matches(_ path: [[UInt8]]) -> Bool {
        let starts = anchored ? 0...0 : 0...max(0, path.count - 1)
        return starts.contains { start in matches(path[start...], parts[...], prefix: true) }
    }

    /// Whether the path of these components itself matches, whatever the directories above it do.
    package func matchesWhole(_ path: [[UInt8]]) -> Bool {
        if anchored { return matches(path[...], parts[...], prefix: false) }
        if parts.contains(Self.deep) {
            return path.indices.contains { matches(path[$0...], parts[...], prefix: false) }
        }
        guard path.count >= parts.count else { return false }
        return matches(path.suffix(parts.count), parts[...], prefix: false)
    }

    /// Whether something below the path of these components could match.
    package func couldMatchBelow(_ path: [[UInt8]]) -> Bool {
        if !anchored { return true }
        for (index, component) in path.enumerated() {
            guard index < parts.count else { return true }
            if parts[index] == Self.deep { return true }
            if !Self.glob(parts[index][...], component[...]) { return false }
        }
        return true
    }

    private static let deep = Array("**".utf8)

    private func matches(
        _ path: ArraySlice<[UInt8]>, _ pattern: ArraySlice<[UInt8]>, prefix: Bool
    ) -> Bool {
        guard let first = pattern.first else { return prefix || path.isEmpty }
        if first == Self.deep {
            let rest = pattern.dropFirst()
            if rest.isEmpty { return !path.isEmpty }
            var tail = path
            while true {
                if matches(tail, rest, prefix: prefix) { return true }
                if tail.isEmpty { return false }
                tail = tail.dropFirst()
            }
        }
        guard let component = path.first, Self.glob(first[...], component[...]) else {
            return false
        }
        return matches(path.dropFirst(), pattern.dropFirst(), prefix: prefix)
    }

    /// fnmatch(3) within one component, over bytes, without locale; linear in practice: one star is
    /// tried again at a time.
    static func glob(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var p = pattern.startIndex
        var n = name.startIndex
        var star: (pattern: Int, name: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == 0x2a {
                star = (p + 1, n)
                p += 1
                continue
            }
            if p < pattern.endIndex, let next = one(pattern, p, name[n]) {
                p = next
                n += 1
                continue
            }
            guard let again = star else { return false }
            star = (again.pattern, again.name + 1)
            p = again.pattern
            n = again.name + 1
        }
        while p < pattern.endIndex, pattern[p] == 0x2a { p += 1 }
        return p == pattern.endIndex
    }

    /// The position behind the single-byte element at p, if that matches byte.
    private static func one(_ pattern: ArraySlice<UInt8>, _ p: Int, _ byte: UInt8) -> Int? {
        switch pattern[p] {
        case 0x3f: return p + 1
        case 0x5c where p + 1 < pattern.endIndex: return pattern[p + 1] == byte ? p + 2 : nil
        case 0x5b: return bracket(pattern, p, byte)
        default: return pattern[p] == byte ? p + 1 : nil
        }
    }

    private static func bracket(_ pattern: ArraySlice<UInt8>, _ p: Int, _ byte: UInt8) -> Int? {
        var i = p + 1
        let inverted = pattern[i] == 0x21 || pattern[i] == 0x5e
        if inverted { i += 1 }
        var found = false
        var first = true
        while i < pattern.endIndex, first || pattern[i] != 0x5d {
            first = false
            if i + 2 < pattern.endIndex, pattern[i + 1] == 0x2d, pattern[i + 2] != 0x5d {
                if pattern[i] <= byte && byte <= pattern[i + 2] { found = true }
                i += 3
            } else {
                if pattern[i] == byte { found = true }
                i += 1
            }
        }
        return found != inverted ? i + 1 : nil
    }
}
