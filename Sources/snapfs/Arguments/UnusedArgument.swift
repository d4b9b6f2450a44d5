// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// How much may stay unneeded: `5%`, a size with its unit such as `2G`, `0` or `unlimited`.
struct UnusedArgument: FormedArgument, Equatable {
    let limit: UnusedMax

    static let form = """
        it has to be a part, such as 5%, a size with its unit, such as 2G or 500MiB, 0, or unlimited
        """

    init(_ limit: UnusedMax) { self.limit = limit }

    init?(argument: String) {
        if argument == "unlimited" {
            limit = .unlimited
        } else if argument == "0" {
            limit = .bytes(0)
        } else if let percent = PercentArgument(argument: argument) {
            limit = .part(percent.part)
        } else if let size = SizeArgument(argument: argument) {
            limit = .bytes(size.bytes)
        } else {
            return nil
        }
    }
}
