// SPDX-License-Identifier: MIT
//
// Numbers as people read them. Everything here is pure; the locale plays no part.

import SnapBase

enum Format {
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

    /// `999 B`, `1.5 KiB`, `12.0 GiB`: one decimal, rounded half up.
    static func size(_ bytes: UInt64) -> String {
        var unit = 0
        while unit < units.count - 1 && bytes >> (10 * UInt64(unit + 1)) > 0 { unit += 1 }
        if unit == 0 { return "\(bytes) B" }
        let shift = 10 * UInt64(unit)
        let fraction = bytes & ((1 << shift) - 1)
        // Tenths from the upper ten bits of the fraction: exact enough, and never overflows.
        let tenths = (bytes >> shift) * 10 + ((fraction >> (shift - 10)) * 10 + 512) / 1024
        if tenths == 10_240 && unit < units.count - 1 { return "1.0 \(units[unit + 1])" }
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    static func rate(bytes: UInt64, seconds: Double) -> String {
        size(perSecond(bytes, seconds)) + "/s"
    }

    static func perSecond(_ count: UInt64, _ seconds: Double) -> UInt64 {
        seconds > 0 ? UInt64(exactly: (Double(count) / seconds).rounded()) ?? 0 : 0
    }

    /// `0:07`, `12:30`, `3:25:45`.
    static func duration(_ seconds: Double) -> String {
        let all = UInt64(exactly: max(0, seconds).rounded(.down)) ?? 0
        let (hours, minutes, rest) = (all / 3600, all / 60 % 60, two(all % 60))
        return hours == 0 ? "\(minutes):\(rest)" : "\(hours):\(two(minutes)):\(rest)"
    }

    /// A duration of a summary: `0.42 s` below a minute, then like `duration`.
    static func elapsed(_ seconds: Double) -> String {
        let hundredths = UInt64(exactly: (max(0, seconds) * 100).rounded()) ?? 0
        if hundredths >= 6000 { return duration(seconds) }
        return "\(hundredths / 100).\(two(hundredths % 100)) s"
    }

    /// `1.85` for 1.85 times; `1.00` when there is nothing to compare.
    static func ratio(_ before: UInt64, _ after: UInt64) -> String {
        let value = after > 0 && before > 0 ? Double(before) / Double(after) : 1
        let hundredths = UInt64(exactly: (value * 100).rounded()) ?? 0
        return "\(hundredths / 100).\(two(hundredths % 100))"
    }

    /// Seconds since 1970 as RFC 3339 in UTC.
    static func time(_ seconds: Int64) -> String { CivilTime(seconds: seconds).description }

    /// The same with nanoseconds, where there are any.
    static func time(_ seconds: Int64, nanoseconds: UInt32) -> String {
        let civil = CivilTime(seconds: seconds)
        guard nanoseconds > 0 else { return civil.description }
        let digits = String(nanoseconds)
        let padded = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
        return "\(civil.date)T\(civil.clock).\(padded)Z"
    }

    /// `1 file`, `2 files`.
    static func count(_ number: UInt64, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }

    /// The first column of `ls -l`: `drwxr-sr-t`. mode is st_mode with the file type.
    static func mode(_ mode: UInt32) -> String {
        let types: [UInt32: Character] = [
            0o010000: "p", 0o020000: "c", 0o040000: "d", 0o060000: "b", 0o100000: "-",
            0o120000: "l", 0o140000: "s",
        ]
        var out = String(types[mode & 0o170000] ?? "?")
        for (shift, special, mark) in [(6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")] {
            let bits = mode >> UInt32(shift)
            let executable = bits & 1 != 0
            out += (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-")
            if mode & UInt32(special) != 0 {
                out += executable ? mark : mark.uppercased()
            } else {
                out += executable ? "x" : "-"
            }
        }
        return out
    }

    private static func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
