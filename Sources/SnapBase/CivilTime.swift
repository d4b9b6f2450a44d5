// SPDX-License-Identifier: MIT

/// A second of UTC in the proleptic Gregorian calendar, for any Int64 of seconds: before 1970 and
/// past 9999 too. Leap seconds do not exist here, as in POSIX time.
package struct CivilTime: Sendable, Equatable {
    package var year: Int64
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int

    private static let secondsPerDay: Int64 = 86_400
    /// Days of 400 years, after which the calendar repeats.
    private static let daysPerEra: Int64 = 146_097
    /// From 0000-03-01, where an era begins, to 1970-01-01.
    private static let epochDay: Int64 = 719_468

    package init(seconds: Int64) {
        let days = seconds.floorDivided(by: Self.secondsPerDay)
        let inDay = Int(seconds.floorRemainder(by: Self.secondsPerDay))
        let shifted = days + Self.epochDay
        let era = shifted.floorDivided(by: Self.daysPerEra)
        let inEra = shifted.floorRemainder(by: Self.daysPerEra)
        let yearOfEra = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365
        let dayOfYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * fromMarch + 2) / 5 + 1)
        month = Int(fromMarch < 10 ? fromMarch + 3 : fromMarch - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        (hour, minute, second) = (inDay / 3600, inDay / 60 % 60, inDay % 60)
    }

    /// nil unless the fields name a second that exists, with a year of at most four digits.
    package init?(
        year: Int64, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
    ) {
        guard 0...9999 ~= year, 1...12 ~= month, 1...31 ~= day, 0..<24 ~= hour, 0..<60 ~= minute,
            0..<60 ~= second
        else { return nil }
        self.init(seconds: 0)
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
        // The 31st of a short month comes back as another day.
        guard CivilTime(seconds: seconds) == self else { return nil }
    }

    /// Seconds since 1970-01-01T00:00:00Z, for the years of Int64 seconds.
    package var seconds: Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floorDivided(by: 400)
        let yearOfEra = shifted.floorRemainder(by: 400)
        let fromMarch = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * fromMarch + 2) / 5 + Int64(day) - 1
        let inEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * Self.daysPerEra + inEra - Self.epochDay
        // Two steps before zero, so that the first second of Int64 does not overflow on the way.
        let inDay = Int64(hour * 3600 + minute * 60 + second)
        if days < 0 { return (days + 1) * Self.secondsPerDay + (inDay - Self.secondsPerDay) }
        return days * Self.secondsPerDay + inDay
    }
}

extension CivilTime: CustomStringConvertible {
    /// RFC 3339 in UTC: `2026-11-21T02:00:00Z`. Years outside 0...9999 are longer or negative.
    package var description: String { "\(date)T\(clock)Z" }

    /// `2026-11-21`.
    package var date: String {
        let digits = Self.padded(year.magnitude, 4)
        return "\(year < 0 ? "-" : "")\(digits)-\(Self.two(month))-\(Self.two(day))"
    }

    /// `02:00:00`.
    package var clock: String { "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))" }

    private static func two(_ value: Int) -> String { padded(UInt64(value), 2) }

    private static func padded(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : ~(~self / divisor)
    }

    fileprivate func floorRemainder(by divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
