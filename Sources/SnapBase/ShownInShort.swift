// SPDX-License-Identifier: MIT

/// `a, b, c and 12 more`: the first few of many names, for a message of one line.
package func shownInShort(_ names: [String], separator: String = ", ") -> String {
    let shown = names.prefix(5).joined(separator: separator)
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
}

/// `1 file` or `2 files`.
package func counted(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
}
