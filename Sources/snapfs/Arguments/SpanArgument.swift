// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// A length of time such as `2y5m1w7d3h`: years, months, weeks, days and hours, each at most once
/// and in this order.
struct SpanArgument: FormedArgument, Equatable {
    let span: RetentionSpan

    static let form = """
        it has to be numbers of years, months, weeks, days and hours in this order, such as \
        2y5m1w7d3h, 6m or 2w
        """

    init?(argument: String) {
        var span = RetentionSpan()
        var units: [(Character, WritableKeyPath<RetentionSpan, Int>, factor: Int)] = [
            ("y", \.years, 1), ("m", \.months, 1), ("w", \.days, 7), ("d", \.days, 1),
            ("h", \.hours, 1),
        ]
        var rest = argument[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard let number = Int(digits), number <= RetentionSpan.partMax,
                let unit = rest.popFirst(),
                let place = units.firstIndex(where: { $0.0 == unit })
            else { return nil }
            span[keyPath: units[place].1] += number * units[place].factor
            units.removeFirst(place + 1)
        }
        guard !span.isZero, span.days <= RetentionSpan.partMax else { return nil }
        self.span = span
    }
}
