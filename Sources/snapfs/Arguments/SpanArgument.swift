// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// A length of time such as `2y5m7d3h`: years, months, days and hours, each at most once and in
/// this order.
struct SpanArgument: ExpressibleByArgument, Equatable {
    let span: RetentionSpan

    init?(argument: String) {
        var span = RetentionSpan()
        var units: [(Character, WritableKeyPath<RetentionSpan, Int>)] = [
            ("y", \.years), ("m", \.months), ("d", \.days), ("h", \.hours),
        ]
        var rest = argument[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard let number = Int(digits), number <= RetentionSpan.partMax,
                let unit = rest.popFirst(),
                let place = units.firstIndex(where: { $0.0 == unit })
            else { return nil }
            span[keyPath: units[place].1] = number
            units.removeFirst(place + 1)
        }
        guard !span.isZero else { return nil }
        self.span = span
    }
}
