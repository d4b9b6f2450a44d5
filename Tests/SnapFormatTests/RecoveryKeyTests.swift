// SPDX-License-Identifier: MIT
//
// A key as text: it comes back as it was, and no slip of the finger passes.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapTestSupport
import Testing

@Suite struct RecoveryKeyTests {
    private static let bytes = (0..<32).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
    private static let lines = RecoveryKey.lines(Secret(bytes))
    private static let text = lines.joined(separator: "\n")
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    private func parse(_ text: String) throws -> [UInt8] {
        try RecoveryKey.parse(Array(text.utf8)).withBytes { Array($0) }
    }

    private func refusal(_ text: String) -> SnapError? {
        do {
            let found = try parse(text)
            Issue.record("\(text) was taken for \(Hex.encode(found))")
            return nil
        } catch { return SnapError.wrap(error) }
    }

    /// Written down from snapfs-format(5), with another program.
    @Test func theTextIsThatOfTheFormatPage() {
        #expect(
            RecoveryKey.lines(Secret(0..<32)) == [
                "000G-40R4-0M30-FNF2", "104G-M2RC-1M70-YQKX", "208H-44RM-2MB1-EKGJ",
                "30CH-M6RW-3MF1-YPB2",
            ])
    }

    @Test func whatIsPrintedIsReadBack() throws {
        var random = SeededRandom(seed: 5)
        for _ in 0..<200 {
            let key = random.bytes(32)
            let lines = RecoveryKey.lines(Secret(key))
            #expect(lines.count == 4 && lines.allSatisfy { $0.utf8.count == 19 })
            #expect(try parse(lines.joined(separator: "\n") + "\n") == key)
        }
    }

    @Test func blanksCaseHyphensAndCommentsDoNotMatter() throws {
        let forms = [
            Self.text.lowercased(), Self.lines.joined(), Self.lines.joined(separator: " "),
            "# a title - and more\n\n" + Self.lines.joined(separator: "\r\n\r\n") + "\r\n# end",
            Self.text.replacing("-", with: "  \t"), Self.text.replacing("-", with: ""),
            Self.text.replacing("0", with: "O").replacing("1", with: "l"),
            Self.text.replacing("0", with: "o").replacing("1", with: "I"),
        ]
        for form in forms { #expect(try parse(form) == Self.bytes, "\(form)") }
    }

    @Test func everyMistypedCharacterIsFoundAndItsLineNamed() throws {
        for (number, line) in Self.lines.enumerated() {
            for place in line.indices where line[place] != "-" {
                for other in Self.alphabet where other != line[place] {
                    var (lines, changed) = (Self.lines, line)
                    changed.replaceSubrange(place...place, with: String(other))
                    lines[number] = changed
                    for joiner in ["\n", ""] {
                        let error = try #require(refusal(lines.joined(separator: joiner)))
                        #expect(error.kind == .invalid)
                        #expect(error.message.contains("line \(number + 1) "))
                    }
                }
            }
        }
    }

    @Test func swappedNeighboursAreFound() {
        for (number, line) in Self.lines.enumerated() {
            var characters = line.filter { $0 != "-" }.map { $0 }
            for place in 0..<15 where characters[place] != characters[place + 1] {
                characters.swapAt(place, place + 1)
                var lines = Self.lines
                lines[number] = String(characters)
                #expect(refusal(lines.joined(separator: "\n"))?.kind == .invalid)
                characters.swapAt(place, place + 1)
            }
        }
    }

    @Test func linesThatAreMissingDoubledOrInAnotherOrderAreFound() {
        for number in 0..<4 {
            var lines = Self.lines
            lines.remove(at: number)
            #expect(refusal(lines.joined(separator: "\n"))?.kind == .invalid)
            lines.insert(lines[0], at: number)
            lines[number] = Self.lines[(number + 1) % 4]
            #expect(refusal(lines.joined(separator: "\n"))?.kind == .invalid)
            lines = Self.lines
            lines.swapAt(number, (number + 1) % 4)
            #expect(refusal(lines.joined(separator: "\n"))?.kind == .invalid)
        }
    }

    @Test(arguments: ["", "#", "snapfs", "\u{FEFF}", "é", "----", "\n\n\n\n"])
    func whatIsNoKeyIsRefused(text: String) {
        #expect(refusal(text)?.kind == .invalid)
        #expect(refusal(String(repeating: text, count: 40))?.kind == .invalid)
    }

    @Test func anyBytesGiveAKeyOrAnError() {
        var random = SeededRandom(seed: 6)
        for _ in 0..<5000 {
            var bytes = Array(Self.text.utf8)
            for _ in 0..<Int(random.next() % 8 + 1) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            do { _ = try RecoveryKey.parse(bytes) } catch {
                #expect((error as? SnapError)?.kind == .invalid)
            }
        }
    }
}
