// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// How much may stay unneeded: `5%`, `2G` or `unlimited`.
struct UnusedArgument: ExpressibleByArgument, Equatable {
    let limit: UnusedMax

    init(_ limit: UnusedMax) { self.limit = limit }

    init?(argument: String) {
        if argument == "unlimited" {
            limit = .unlimited
        } else if let percent = PercentArgument(argument: argument) {
            limit = .part(percent.part)
        } else if let size = SizeArgument(argument: argument) {
            limit = .bytes(size.bytes)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { "5%" }
}
