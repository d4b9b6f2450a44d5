// SPDX-License-Identifier: MIT
//
// What names in the store are made of. See snapfs-format(5), STORE LAYOUT.

import SnapBase

/// The parts of names that are numbers or ids of 16 bytes.
enum NameParts {
    /// Eight decimal digits.
    static func digits(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    }

    /// nil unless it is eight decimal digits of a number from 1 on.
    static func number(_ digits: some StringProtocol) -> UInt64? {
        guard digits.utf8.count == 8, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt64(digits), number > 0
        else { return nil }
        return number
    }

    /// nil unless it is 32 lower-case hexadecimal digits.
    static func id(_ name: some StringProtocol) -> [UInt8]? {
        guard let id = Hex.decode(name), id.count == 16 else { return nil }
        return id
    }

    /// The id and the number of `<32 hex>.<k>`, k from 1 without leading zeros; nil for others.
    static func numbered(_ name: String) -> (id: [UInt8], number: UInt32)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = id(parts[0]), let number = UInt32(parts[1]), number > 0,
            String(number) == parts[1]
        else { return nil }
        return (id, number)
    }
}
