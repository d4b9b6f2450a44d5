// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapRepository

/// A part of a repository: `1/30`, `5%` or a size with its unit, such as `2G`: a bare number would
/// be taken for a percentage by who writes it.
struct ShareArgument: FormedArgument, Equatable {
    let share: ReadShare

    static let form = """
        it has to be a part of the whole, such as 1/30 or 5%, or a size with its unit, such as \
        2G or 500MiB; more than nothing and not more than all
        """

    init?(argument: String) {
        if let percent = PercentArgument(argument: argument) {
            guard percent.part > 0 else { return nil }
            share = .part(percent.part)
            return
        }
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let part = UInt32(parts[0]), let whole = UInt32(parts[1]), part > 0,
                part <= whole
            else { return nil }
            share = .part(Double(part) / Double(whole))
            return
        }
        guard let size = SizeArgument(argument: argument), size.bytes > 0 else {
            return nil
        }
        share = .bytes(size.bytes)
    }
}
