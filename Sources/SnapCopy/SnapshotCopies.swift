// SPDX-License-Identifier: MIT

import SnapFormat
import SnapRepository
import SnapView

/// The snapshots of a destination by their logical ids, which copies share with their originals.
struct SnapshotCopies {
    /// What there is of one snapshot.
    struct Found {
        /// The complete snapshot, if it is listed.
        var complete: Manifest?
        /// What an interrupted copy left.
        var checkpoint: Manifest?
        /// It is there, and forgotten.
        var isForgotten = false
    }

    private var found: [[UInt8]: Found] = [:]

    init(_ catalog: Catalog) {
        for manifest in catalog.snapshots {
            switch manifest.state {
            case .complete: found[manifest.logicalID, default: Found()].complete = manifest
            case .checkpoint: add(checkpoint: manifest)
            }
        }
        // What a repair has put in the place of a damaged copy is no reason to do without a sound
        // one.
        let repaired = Set(
            catalog.snapshots.filter { $0.tags.contains(SnapshotRepair.tag) }
                .compactMap(\.predecessor))
        for manifest in catalog.forgotten
        where manifest.state == .complete && !repaired.contains(manifest.id) {
            found[manifest.logicalID, default: Found()].isForgotten = true
        }
    }

    /// Of several the one that has the most.
    private mutating func add(checkpoint: Manifest) {
        let before = found[checkpoint.logicalID]?.checkpoint?.root.attributes.count ?? 0
        if checkpoint.root.attributes.count >= before {
            found[checkpoint.logicalID, default: Found()].checkpoint = checkpoint
        }
    }

    subscript(original: Manifest) -> Found { found[original.logicalID] ?? Found() }
}
