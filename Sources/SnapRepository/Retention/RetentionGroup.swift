// SPDX-License-Identifier: MIT

import SnapFormat

/// By what snapshots are told apart before a policy looks at them.
package struct RetentionGrouping: Sendable, Equatable {
    package enum Part: String, CaseIterable, Sendable {
        case host, paths, tags, job
    }

    package var parts: Set<Part>

    package init(_ parts: Set<Part> = [.host, .paths]) { self.parts = parts }

    /// What the snapshots of one group have in common; nil where the grouping does not ask.
    package struct Key: Hashable, Sendable {
        package var host: String?
        package var paths: [[UInt8]]?
        package var tags: [String]?
        /// Empty for those without one.
        package var job: String?

        /// `host web, paths /etc /srv`, with the names as `shown` gives them; nil for the group of
        /// all snapshots.
        package func title(_ shown: ([UInt8]) -> String) -> String? {
            var parts: [String] = []
            if let host { parts.append("host " + shown(Array(host.utf8))) }
            if let paths { parts.append("paths " + paths.map(shown).joined(separator: " ")) }
            if let tags {
                parts.append("tags " + shown(Array(tags.joined(separator: ",").utf8)))
            }
            if let job { parts.append("job " + shown(Array(job.utf8))) }
            return parts.isEmpty ? nil : parts.joined(separator: ", ")
        }
    }

    package func key(_ manifest: Manifest) -> Key {
        var key = Key()
        if parts.contains(.host) { key.host = manifest.host }
        if parts.contains(.paths) { key.paths = manifest.paths }
        if parts.contains(.tags) { key.tags = manifest.tags.sorted() }
        if parts.contains(.job) { key.job = manifest.job ?? "" }
        return key
    }

    /// The groups, in the order of their oldest snapshots.
    package func groups(_ manifests: [Manifest]) -> [(key: Key, manifests: [Manifest])] {
        var order: [Key] = []
        var groups: [Key: [Manifest]] = [:]
        for manifest in manifests.sorted(by: Manifest.isBefore) {
            let key = key(manifest)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(manifest)
        }
        return order.map { (key: $0, manifests: groups[$0]!) }  // `order` has the keys of `groups`
    }
}
