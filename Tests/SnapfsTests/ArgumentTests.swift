// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository
import Testing

@testable import snapfs

@Suite struct ArgumentTests {
    @Test func everyByteStringSurvivesTheParser() {
        var generator = SystemRandomNumberGenerator()
        var samples: [[UInt8]] = [
            [0xFF], Array("é\u{10FF41}x".utf8), [0xE2, 0x82], [0xF4, 0x8F, 0xBD, 0x81],
            [0xC0, 0x80],
            [0xED, 0xA0, 0x80], Array("\u{10FFFF}".utf8),
        ]
        for _ in 0..<2000 {
            samples.append(
                (0..<Int.random(in: 1...12)).map { _ in
                    UInt8.random(in: 1...255, using: &generator)
                })
        }
        for bytes in samples {
            #expect(ArgumentBytes.decode(ArgumentBytes.encode(bytes)) == bytes)
        }
        #expect(ArgumentBytes.encode(Array("naïve".utf8)) == "naïve")
    }

    @Test(
        arguments: [
            ("0B", 0), ("4096B", 4096), ("10M", 10 << 20), ("1.5GiB", 3 << 29), ("2k", 2048),
            ("2 KiB", 2048), ("3kB", 3000), ("1TB", 1_000_000_000_000), ("0.5m", 1 << 19),
            ("7B", 7),
        ] as [(String, UInt64)])
    func sizeIsRead(text: String, bytes: UInt64) {
        #expect(SizeArgument(argument: text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "M", "-1", "0", "10", "1.5", "1..5M", "1.M", ".5M", "5X", "99999999999T", "1e3",
    ])
    func badSizeIsRefused(text: String) {
        #expect(SizeArgument(argument: text) == nil)
    }

    @Test func aPartIsAPercentageOrASize() {
        #expect(ShareArgument(argument: "50%")?.share == .part(0.5))
        #expect(ShareArgument(argument: "1/4")?.share == .part(0.25))
        #expect(ShareArgument(argument: "2k")?.share == .bytes(2048))
        #expect(UnusedArgument(argument: "100%")?.limit == .part(1))
        #expect(UnusedArgument(argument: "0%")?.limit == .part(0))
        #expect(UnusedArgument(argument: "2k")?.limit == .bytes(2048))
        #expect(UnusedArgument(argument: "unlimited")?.limit == .unlimited)
    }

    @Test(arguments: ["", "%", "x%", "101%", "-1%", "nan%", "1/2%", "5 %"])
    func badPercentageIsRefused(text: String) {
        #expect(ShareArgument(argument: text) == nil)
        #expect(UnusedArgument(argument: text) == nil)
    }

    @Test(arguments: ["5", "4096", "1.5"])
    func aLimitWithoutAUnitIsNone(text: String) {
        #expect(ShareArgument(argument: text) == nil)
        #expect(UnusedArgument(argument: text) == nil)
        #expect(throws: ValidationError.self) { try ShareArgument.read(text) }
        #expect(throws: ValidationError.self) { try UnusedArgument.read(text) }
    }

    @Test func aUnitMayBeTheByte() throws {
        #expect(try ShareArgument.read("5B").share == .bytes(5))
        #expect(try UnusedArgument.read("5B").limit == .bytes(5))
        #expect(try UnusedArgument.read("0").limit == .bytes(0))
    }

    @Test(arguments: ["0%", "0", "0/3", "4/3", "1/2/3"])
    func aShareOfNothingIsNone(text: String) {
        #expect(ShareArgument(argument: text) == nil)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01", 0), ("1969-12-31 23:59:59", -1),
            ("2026-11-21T02:00:00Z", 1_795_226_400), ("2026-11-21t02:00:00z", 1_795_226_400),
            ("2026-11-21T03:00:00+01:00", 1_795_226_400),
            ("2026-11-20T21:30:00-04:30", 1_795_226_400),
            ("2024-02-29 00:00:00", 1_709_164_800),
        ] as [(String, Int64)])
    func timeIsRead(text: String, seconds: Int64) {
        #expect(TimeArgument(argument: text)?.seconds == seconds)
    }

    @Test func fractionsAreNanoseconds() {
        #expect(TimeArgument(argument: "1970-01-01T00:00:00.25Z")?.nanoseconds == 250_000_000)
        #expect(
            TimeArgument(argument: "1970-01-01T00:00:00.1234567899Z")?.nanoseconds == 123_456_789)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-02-29", "2026-11-21T24:00:00Z", "2026-11-21T02:00Z",
        "2026-11-21T02:00:00X", "2026-11-21T02:00:00+25:00", "2026-11-21T02:00:00Z ", "yesterday",
    ])
    func badTimeIsRefused(text: String) {
        #expect(TimeArgument(argument: text) == nil)
    }

    @Test(
        arguments: [
            ("latest", .latest, nil), ("latest:", .latest, ""), ("latest:/", .latest, ""),
            ("latest:/srv/a:b/", .latest, "srv/a:b"), ("latest:srv", .latest, "srv"),
            ("1a2b3c4d:/x", .id(prefix: "1a2b3c4d"), "x"), ("2026", .id(prefix: "2026"), nil),
            ("2026-11-21T02:00:00Z", .time(seconds: 1_795_226_400), nil),
            ("2026-11-21T02:00:00Z:/a:b", .time(seconds: 1_795_226_400), "a:b"),
            ("2026-11-21 02:00:00:/a", .time(seconds: 1_795_226_400), "a"),
            ("2026-11-21:/a", .day(seconds: 1_795_219_200), "a"),
            ("no snapshot", .id(prefix: "no snapshot"), nil),
            ("2026-11-21T02:00:00Z-1a2b3c4d:/a", .id(prefix: "1a2b3c4d"), "a"),
        ] as [(String, SnapshotArgument.Name, String?)])
    func snapshotIsSplit(text: String, name: SnapshotArgument.Name, path: String?) {
        let argument = SnapshotArgument(argument: text)
        #expect(argument?.name == name)
        #expect(argument?.path == path.map { Array($0.utf8) })
    }

    @Test(arguments: ["", ":/x", "2026-13-01", "2026-11-21T02:00:00Zx", "2026-11-21T99:00:00Z"])
    func badSnapshotIsRefused(text: String) {
        #expect(SnapshotArgument(argument: text) == nil)
    }

    @Test(
        arguments: [
            ("2w", RetentionSpan(days: 14)), ("1w3d", RetentionSpan(days: 10)),
            ("2y5m1w7d3h", RetentionSpan(years: 2, months: 5, days: 14, hours: 3)),
        ] as [(String, RetentionSpan)])
    func spanIsRead(text: String, span: RetentionSpan) {
        #expect(SpanArgument(argument: text)?.span == span)
    }

    @Test(arguments: ["", "3", "0w", "1d1w", "1w1w", "9999w", "w", "-1d"])
    func badSpanIsRefused(text: String) {
        #expect(SpanArgument(argument: text) == nil)
    }

    @Test(arguments: ["", "a,b", ",", " a", "a ", "a\u{7}", "a\nb", "a\u{202E}b"])
    func tagsFitIntoAList(text: String) {
        #expect(TagArgument(argument: text) == nil)
    }

    @Test func labelsHoldNoControls() {
        #expect(LabelArgument(argument: "web-1 é")?.text == "web-1 é")
        #expect(LabelArgument(argument: "") == nil)
        #expect(LabelArgument(argument: "a\u{1B}b") == nil)
        #expect(LabelArgument(argument: ArgumentBytes.encode([0xFF])) == nil)
        #expect(LabelArgument(argument: String(repeating: "x", count: 256)) == nil)
    }

    @Test func globalOptionsMayComeFirst() {
        let words = ["-r", "/repo", "--json", "--key-file=/k", "ls", "-l", "latest"]
        #expect(
            CommandLineArguments.reordered(words)
                == ["ls", "-r", "/repo", "--json", "--key-file=/k", "-l", "latest"])
        for words in [["-q", "key", "-r", "/repo", "list"], ["-q", "-r", "/repo", "key", "list"]] {
            #expect(
                CommandLineArguments.reordered(words) == ["key", "list", "-q", "-r", "/repo"])
        }
        #expect(CommandLineArguments.reordered(["key", "--help"]) == ["key", "--help"])
        #expect(CommandLineArguments.reordered(["key", "help", "add"]) == ["key", "help", "add"])
        #expect(CommandLineArguments.reordered(["--version"]) == ["--version"])
        #expect(CommandLineArguments.reordered(["-r", "/repo"]) == ["-r", "/repo"])
        #expect(CommandLineArguments.reordered(["-q", "--help"]) == ["-q", "--help"])
    }

    @Test func shellWordsAreSplitWithoutAShell() throws {
        let words = try ShellWords.split(Array(#"pass  'a b' "c \"d" e\ f $HOME "" x'y'z"#.utf8))
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        #expect(texts == ["pass", "a b", #"c "d"#, "e f", "$HOME", "", "xyz"])
        #expect(try ShellWords.split([]).isEmpty)
        #expect(throws: SnapError.self) { try ShellWords.split(Array("a 'b".utf8)) }
        #expect(throws: SnapError.self) { try ShellWords.split(Array("a\\".utf8)) }
    }
}
