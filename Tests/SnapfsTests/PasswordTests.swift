// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import snapfs

/// One file in a directory of its own.
private func withFile(
    _ contents: [UInt8], _ body: (_ path: [UInt8]) throws -> Void
) throws {
    var template = Array("/tmp/snapfs-test.XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    try #require(descriptor >= 0)
    defer {
        close(descriptor)
        unlink(template)
    }
    try #require(write(descriptor, contents, contents.count) == contents.count)
    try body(template.dropLast().map { UInt8(bitPattern: $0) })
}

private func password(_ source: CredentialSource) throws -> String? {
    guard case .password(let secret) = try source.read(Output()) else { return nil }
    return secret.withBytes { String(decoding: $0, as: UTF8.self) }
}

@Suite struct PasswordTests {
    @Test(arguments: [("pass", "pass"), ("pass\n", "pass"), ("pass\n\n", "pass\n"), (" a ", " a ")])
    func oneNewlineOfAFileIsTrimmed(contents: String, expected: String) throws {
        try withFile(Array(contents.utf8)) { path in
            let text = try password(.passwordFile(path))
            #expect(text == expected)
        }
    }

    @Test func aKeyFileIsTakenAsItIs() throws {
        try withFile([1, 2, 0x0A]) { path in
            guard case .key(let secret) = try CredentialSource.keyFile(path).read(Output()) else {
                Issue.record("no key")
                return
            }
            #expect(secret.withBytes { Array($0) } == [1, 2, 0x0A])
        }
    }

    @Test(arguments: ["", "\n"])
    func anEmptyPasswordIsRefused(contents: String) throws {
        try withFile(Array(contents.utf8)) { path in
            #expect(throws: SnapError.self) { try password(.passwordFile(path)) }
        }
    }

    @Test func aLargeFileIsNoPassword() throws {
        try withFile([UInt8](repeating: 0x61, count: 5000)) { path in
            #expect(throws: SnapError.self) { try password(.passwordFile(path)) }
        }
    }

    @Test func aCommandPrintsThePassword() throws {
        #expect(try password(.passwordCommand(Array("printf 'a b\\n'".utf8))) == "a b")
    }

    @Test(arguments: ["false", "true", "/nonexistent/program", "sh -c 'echo x; exit 3'", "   "])
    func aCommandThatFailsIsAnError(line: String) {
        #expect(throws: SnapError.self) { try password(.passwordCommand(Array(line.utf8))) }
    }

    @Test func aChildEndsWithItsOwnStatus() throws {
        let words = ["sh", "-c", "cat; kill -9 $$"].map { Array($0.utf8) }
        let child = try ChildProcess(words)
        let output = try SmallFile.read(descriptor: child.output, "output", sizeMax: 10)
        #expect(output.isEmpty, "standard input is /dev/null")
        #expect(throws: SnapError.self) { try child.wait() }
    }
}
