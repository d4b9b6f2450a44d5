// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// How much may stay unneeded: `5%`, `2G` or `unlimited`.
struct UnusedArgument: FormedArgument, Equatable {
    let limit: UnusedMax

    static let form = "it has to be a part, such as 5%, a size, such as 2G, or unlimited"

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
}
