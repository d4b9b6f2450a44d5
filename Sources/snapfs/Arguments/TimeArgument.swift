// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat

/// A point in time: RFC 3339, with a space in place of the T if one likes. Without a zone it is
/// UTC, without a clock it is midnight:
/// `2026-11-21T02:00:00Z`, `2026-11-21 02:00:00`, `2026-11-21`.
struct TimeArgument: FormedArgument, Equatable {
    let seconds: Int64
    let nanoseconds: UInt32
    /// Whether a time of the day is given.
    let hasClock: Bool

    static let form = """
        it has to be a date, such as 2027-01-31, or a date and a time, such as \
        2027-01-31T02:00:00Z or '2027-01-31 02:00:00'
        """

    init?(argument: String) {
        guard let (time, length) = Self.parse(Array(argument.utf8)), length == argument.utf8.count
        else { return nil }
        self = time
    }

    /// Throws unless the end of a hold lies ahead.
    func requireFuture() throws {
        guard seconds > Timestamp.now().seconds else {
            throw ValidationError("--hold-until must lie in the future.")
        }
    }

    var timestamp: Timestamp { Timestamp(seconds: seconds, nanoseconds: nanoseconds) }

    private init(seconds: Int64, nanoseconds: UInt32, hasClock: Bool) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.hasClock = hasClock
    }

    /// The longest time at the front of text and its length; nil if there is none.
    static func parse(_ text: [UInt8]) -> (TimeArgument, length: Int)? {
        var scanner = Scanner(text: text)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2),
            scanner.skip("-"), let day = scanner.number(2)
        else { return nil }
        guard let midnight = CivilTime(year: Int64(year), month: month, day: day) else {
            return nil
        }
        var time = TimeArgument(seconds: midnight.seconds, nanoseconds: 0, hasClock: false)
        let dateEnd = scanner.offset
        guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2),
            scanner.skip(":"), let second = scanner.number(2)
        else { return (time, dateEnd) }
        guard hour < 24, minute < 60, second < 60 else { return nil }
        let nanoseconds = scanner.fraction()
        guard let zone = scanner.zone() else { return nil }
        let inDay = Int64(hour * 3600 + minute * 60 + second)
        time = TimeArgument(
            seconds: midnight.seconds + inDay - zone, nanoseconds: nanoseconds, hasClock: true)
        return (time, scanner.offset)
    }

    private struct Scanner {
        let text: [UInt8]
        var offset = 0

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard offset < text.count, text[offset] == UInt8(ascii: character) else { return false }
            offset += 1
            return true
        }

        private mutating func digit() -> Int? {
            guard offset < text.count, 0x30...0x39 ~= text[offset] else { return nil }
            offset += 1
            return Int(text[offset - 1] - 0x30)
        }

        /// Exactly count digits; moves only if they are there.
        mutating func number(_ count: Int) -> Int? {
            let start = offset
            var value = 0
            for _ in 0..<count {
                guard let digit = digit() else {
                    offset = start
                    return nil
                }
                value = value * 10 + digit
            }
            return value
        }

        /// A dot and digits as nanoseconds, cut after the ninth; 0 if there is none.
        mutating func fraction() -> UInt32 {
            guard offset + 1 < text.count, 0x30...0x39 ~= text[offset + 1], skip(".") else {
                return 0
            }
            var value: UInt32 = 0
            var weight: UInt32 = 100_000_000
            while let digit = digit() {
                value += UInt32(digit) * weight
                weight /= 10
            }
            return value
        }

        /// Seconds east of UTC, 0 where nothing is said; nil for a zone that does not exist.
        mutating func zone() -> Int64? {
            if skip("Z") || skip("z") { return 0 }
            let start = offset
            let sign: Int64 = skip("-") ? -1 : skip("+") ? 1 : 0
            guard sign != 0, let hours = number(2), skip(":"), let minutes = number(2) else {
                offset = start
                return 0
            }
            guard hours < 24, minutes < 60 else { return nil }
            return sign * Int64(hours * 3600 + minutes * 60)
        }
    }
}
