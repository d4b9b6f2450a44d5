// SPDX-License-Identifier: MIT

import ArgumentParser

/// A number of bytes with its unit: `4096B`, `10M`, `1.5GiB`. A bare number is none: who writes one
/// means some other unit, and a limit of ten bytes would leave nearly everything out. K, M, G, T
/// and KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB powers of 1000, as with GNU tools. The
/// letters may have either case.
struct SizeArgument: FormedArgument, Equatable {
    let bytes: UInt64

    static let form = "it has to be a size with its unit, such as 10M, 1.5GiB or 4096B"

    private static let units: [String: UInt64] = [
        "b": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1000, "m": 1 << 20, "mib": 1 << 20,
        "mb": 1_000_000, "g": 1 << 30, "gib": 1 << 30, "gb": 1_000_000_000, "t": 1 << 40,
        "tib": 1 << 40, "tb": 1_000_000_000_000,
    ]

    init?(argument: String) {
        let number = argument.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let unit = argument.dropFirst(number.count).drop { $0 == " " }.lowercased()
        guard let factor = Self.units[unit] else { return nil }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = UInt64(parts[0]) else { return nil }
        let product = whole.multipliedReportingOverflow(by: factor)
        guard !product.overflow else { return nil }
        guard parts.count == 2 else {
            bytes = product.partialValue
            return
        }
        guard factor > 1, 1...9 ~= parts[1].count, let fraction = Double("0." + parts[1]),
            product.partialValue <= UInt64.max - factor
        else { return nil }
        bytes = product.partialValue + UInt64(fraction * Double(factor))
    }
}
