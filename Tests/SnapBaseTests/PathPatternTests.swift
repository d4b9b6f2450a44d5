// SPDX-License-Identifier: MIT

import SnapBase
import Testing

@Suite struct PathPatternTests {
    private func components(_ path: String) -> [[UInt8]] {
        path.utf8.split(separator: 0x2f).map(Array.init)
    }

    @Test(arguments: [
        ("x", "/x", true), ("x", "/a/x", true), ("x", "/x/a", false), ("*", "/a/b", true),
        ("a/x", "/a/x", true), ("a/x", "/b/a/x", true), ("a/x", "/a/x/y", false),
        ("a/x", "/x", false), ("/a", "/a", true), ("/a", "/b/a", false), ("/a", "/a/b", false),
        ("/a/*", "/a/b", true), ("/a/*", "/a/b/c", false), ("a/**/x", "/a/x", true),
        ("a/**/x", "/z/a/b/c/x", true), ("a/**/x", "/a/b/x/y", false), ("/**/x", "/a/b/x", true),
        ("/a/**", "/a/b/c", true), ("/a/**", "/a", false), ("[a-c]?", "/bz", true),
        ("[a-c]?", "/dz", false),
    ]) func matchesThePathItself(pattern: String, path: String, expected: Bool) throws {
        let pattern = try PathPattern(Array(pattern.utf8))
        #expect(pattern.matchesWhole(components(path)) == expected)
    }
}
