// SPDX-License-Identifier: MIT

/// Who says what the manifest of a new snapshot says besides its tree.
package enum ManifestWords: Sendable {
    /// The source, as it was read: problems, names of users, totals and the time of the end.
    case source
    /// The template, which is the manifest of another snapshot: the tree must have as many entries
    /// and bytes as the template's root.
    case template
}
