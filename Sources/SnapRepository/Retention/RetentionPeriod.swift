// SPDX-License-Identifier: MIT

import SnapBase

/// A calendar period in UTC. Weeks begin on Monday, as in ISO 8601.
package enum RetentionPeriod: String, CaseIterable, Sendable {
    case hourly, daily, weekly, monthly, yearly

    /// The number of the period that a Unix second lies in; neighbours differ by one.
    package func number(of seconds: Int64) -> Int64 {
        let civil = CivilTime(seconds: seconds)
        // The first second of the day; days before it are counted down.
        let inDay = Int64(civil.hour * 3600 + civil.minute * 60 + civil.second)
        let day = (seconds - inDay) / 86_400
        switch self {
        case .hourly: return day * 24 + Int64(civil.hour)
        case .daily: return day
        case .weekly:
            // 1970-01-01 was a Thursday.
            let fromMonday = day + 3
            return fromMonday >= 0 ? fromMonday / 7 : ~(~fromMonday / 7)
        case .monthly: return civil.year * 12 + Int64(civil.month) - 1
        case .yearly: return civil.year
        }
    }

    /// What one of them is called: `the first of its month`.
    package var noun: String {
        switch self {
        case .hourly: "hour"
        case .daily: "day"
        case .weekly: "week"
        case .monthly: "month"
        case .yearly: "year"
        }
    }
}

/// A length of time in calendar units: years and months are those of the calendar, days have
/// 24 hours.
package struct RetentionSpan: Sendable, Equatable {
    package var years = 0
    package var months = 0
    package var days = 0
    package var hours = 0

    package init(years: Int = 0, months: Int = 0, days: Int = 0, hours: Int = 0) {
        (self.years, self.months, self.days, self.hours) = (years, months, days, hours)
    }

    /// No part may be larger; what is longer is for ever.
    package static let partMax = 10_000

    package var isZero: Bool { years == 0 && months == 0 && days == 0 && hours == 0 }

    /// The second that lies this long before another one. Of a month that has no such day, the last
    /// one.
    package func before(_ seconds: Int64) -> Int64 {
        let civil = CivilTime(seconds: seconds)
        let monthNumber = civil.year * 12 + Int64(civil.month - 1) - Int64(years * 12 + months)
        let year = monthNumber >= 0 ? monthNumber / 12 : ~(~monthNumber / 12)
        let month = Int(monthNumber - year * 12) + 1
        var start = civil
        start.year = year
        start.month = month
        start.day = min(civil.day, Self.days(in: month, of: year))
        return start.seconds - Int64(days) * 86_400 - Int64(hours) * 3600
    }

    private static func days(in month: Int, of year: Int64) -> Int {
        let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
}
