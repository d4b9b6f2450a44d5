// SPDX-License-Identifier: MIT

import SnapBase
import Testing

@testable import snapfs

@Suite struct FormatTests {
    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"), (12 << 30, "12.0 GiB"), (UInt64.max, "16.0 EiB"),
        ] as [(UInt64, String)])
    func sizeIsShort(bytes: UInt64, text: String) {
        #expect(Format.size(bytes) == text)
    }

    @Test(
        arguments: [
            (0o100644, "-rw-r--r--"), (0o041777, "drwxrwxrwt"), (0o104755, "-rwsr-xr-x"),
            (0o102654, "-rw-r-sr--"), (0o102644, "-rw-r-Sr--"), (0o104644, "-rwSr--r--"),
            (0o041776, "drwxrwxrwT"), (0o120777, "lrwxrwxrwx"), (0o010600, "prw-------"),
            (0o140755, "srwxr-xr-x"), (0o020666, "crw-rw-rw-"), (0o060660, "brw-rw----"),
        ] as [(UInt32, String)])
    func modeReadsLikeLs(mode: UInt32, text: String) {
        #expect(Format.mode(mode) == text)
    }

    @Test func durationsAndRatios() {
        #expect(Format.duration(0) == "0:00")
        #expect(Format.duration(750) == "12:30")
        #expect(Format.duration(12_345) == "3:25:45")
        #expect(Format.duration(.infinity) == "0:00")
        #expect(Format.elapsed(0.416) == "0.42 s")
        #expect(Format.elapsed(75) == "1:15")
        #expect(Format.ratio(185, 100) == "1.85")
        #expect(Format.ratio(5, 0) == "1.00")
        #expect(Format.rate(bytes: 2048, seconds: 2) == "1.0 KiB/s")
        #expect(Format.rate(bytes: 2048, seconds: 0) == "0 B/s")
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (1_795_226_400, "2026-11-21T02:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (-62_167_219_201, "-0001-12-31T23:59:59Z"), (253_402_300_800, "10000-01-01T00:00:00Z"),
            (Int64.max, "292277026596-12-04T15:30:07Z"),
            (Int64.min, "-292277022657-01-27T08:29:52Z"),
        ] as [(Int64, String)])
    func timeIsRFC3339(seconds: Int64, text: String) {
        #expect(Format.time(seconds) == text)
        #expect(CivilTime(seconds: seconds).seconds == seconds)
    }

    @Test func everyDayComesBack() {
        for day in stride(from: Int64(-800_000), to: 800_000, by: 1) {
            let seconds = day * 86_400 + 45_296
            guard CivilTime(seconds: seconds).seconds == seconds else {
                Issue.record("day \(day)")
                return
            }
        }
    }

    @Test func nanosecondsAreShownWhereThereAreAny() {
        #expect(Format.time(0, nanoseconds: 0) == "1970-01-01T00:00:00Z")
        #expect(Format.time(-1, nanoseconds: 5) == "1969-12-31T23:59:59.000000005Z")
    }

    @Test func escapedNamesCannotDriveATerminal() {
        #expect(Text.escaped(Array("a\u{1B}[31m\n".utf8)) == #"a\x1b[31m\x0a"#)
        #expect(Text.escaped([0x61, 0xFF, 0x7F]) == #"a\xff\x7f"#)
        #expect(
            Text.escaped(Array("\u{9B}\u{202E}\u{2066}\u{200F}".utf8))
                == #"\u{009b}\u{202e}\u{2066}\u{200f}"#)
        #expect(Text.escaped(Array("naïve 日本 😀".utf8)) == "naïve 日本 😀")
        let line: Text = "x \(name: [0xFF, 0x0A])"
        #expect(line.bytes(escaped: false) == Array("x ".utf8) + [0xFF, 0x0A])
        #expect(line.bytes(escaped: true) == Array(#"x \xff\x0a"#.utf8))
    }

    @Test func aFlatObjectIsTheEncodersLine() {
        struct Message: Encodable {
            let link: String?
            let name: String
            let size: UInt64
        }
        for number: UInt32 in Array(0...0x300) + [0x2028, 0xFEFF, 0xFFFD, 0x1F600] {
            guard let scalar = Unicode.Scalar(number) else { continue }
            let message = Message(link: nil, name: "a\(scalar)/b", size: .max)
            var object = JSONObject()
            object.add("link", message.link)
            object.add("name", message.name)
            object.add("size", message.size)
            #expect(object.finished == JSONLine.encode(message), "U+\(number)")
        }
    }

    @Test func jsonIsOneSortedLine() {
        struct Message: Encodable {
            let messageType: String
            let path: String
            let pathB64: String?
        }
        func line(_ bytes: [UInt8]) -> String {
            let name = JSONName(bytes)
            let message = Message(messageType: "m", path: name.text, pathB64: name.base64)
            return String(decoding: JSONLine.encode(message), as: UTF8.self)
        }
        #expect(line(Array("/a\n".utf8)) == #"{"message_type":"m","path":"/a\n"}"#)
        #expect(
            line([0x2F, 0xFF])
                == "{\"message_type\":\"m\",\"path\":\"/\u{FFFD}\",\"path_b64\":\"L/8=\"}")
    }

    @Test func tableColumnsAreAligned() {
        var table = Table([("ID", .left), ("Size", .right), ("Path", .left)])
        table.add(["1a", "10 B", "/srv"])
        table.add(["2b3c", "1.0 KiB", "/"])
        #expect(
            table.lines() == ["ID       Size  Path", "1a       10 B  /srv", "2b3c  1.0 KiB  /"])
    }

    @Test func progressLineSaysWhatIsLeft() {
        var line = ProgressLine(
            noun: .files, items: 1200, bytes: 1 << 30, itemsTotal: 0, bytesTotal: 0, seconds: 10,
            bytesPerSecond: Double(100 << 20))
        #expect(line.text == "0:10  1200 files  1.0 GiB  100.0 MiB/s")
        line.bytesTotal = 4 << 30
        line.itemsTotal = 6000
        #expect(
            line.text
                == "0:10  1200 of 6000 files  1.0 GiB of 4.0 GiB (25 %)  100.0 MiB/s  0:30 left")
    }

    @Test func rateFollowsTheCounter() {
        var meter = RateMeter()
        for step in 1...100 { meter.record(UInt64(step) * 100, at: Double(step) * 0.2) }
        #expect(abs(meter.perSecond - 500) < 1)
        for step in 1...100 { meter.record(10_000, at: 20 + Double(step) * 0.2) }
        #expect(meter.perSecond < 10)
    }
}
