// SPDX-License-Identifier: MIT

/// What `snapfs version` says.
enum Version {
    static let program = "0.1.0"
    /// With the name: what manifests and audit records say.
    static let words = "snapfs \(program)"
    /// The repository format that this program writes; see snapfs-format(5).
    static let format = 1
}
