// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// How much may stay unneeded: `5%`, a size with its unit such as `2G`, `0` or `unlimited`.
struct UnusedArgument: ExpressibleByArgument, Equatable {
    let limit: UnusedMax

    init(_ limit: UnusedMax) { self.limit = limit }

    init?(argument: String) {
        if argument == "unlimited" {
            limit = .unlimited
        } else if let percent = PercentArgument(argument: argument) {
            limit = .part(percent.part)
        } else if let size = SizeArgument(argument: argument), size.hasUnit || size.bytes == 0 {
            limit = .bytes(size.bytes)
        } else {
            return nil
        }
    }

    /// The same, with an error that says what is valid.
    static func parse(_ argument: String) throws -> UnusedArgument {
        guard let found = UnusedArgument(argument: argument) else {
            throw ValidationError(
                "give a percentage such as 5%, a size with its unit, such as 2G or 500MiB, 0, or "
                    + "unlimited")
        }
        return found
    }
}
