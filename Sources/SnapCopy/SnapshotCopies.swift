// SPDX-License-Identifier: MIT

import SnapFormat
import SnapRepository
import SnapView

/// The snapshots of a destination by their logical ids, which copies share with their originals;
/// and by the backups that made them: what was erased from, here or there, has got a new logical
/// id.
struct SnapshotCopies {
    /// What there is of one snapshot.
    struct Found {
        /// The complete snapshot, if it is listed.
        var complete: Manifest?
        /// Without that one, a listed snapshot of the same backup: an erasure wrote one of the two.
        var rewritten: Manifest?
        /// What an interrupted copy left.
        var checkpoint: Manifest?
        /// It is there, and forgotten.
        var isForgotten = false

        /// What makes a copy needless.
        var there: Manifest? { complete ?? rewritten }
    }

    /// One run of a backup. An erasure keeps all of this, a repair ends later, and no two runs have
    /// the same clocks, in nanoseconds.
    private struct Run: Hashable {
        let series: Manifest.Series
        let user: String
        let time, startTime, endTime: Timestamp

        init(_ manifest: Manifest) {
            (series, user, time) = (manifest.series, manifest.user, manifest.time)
            (startTime, endTime) = (manifest.startTime, manifest.endTime)
        }
    }

    private var found: [[UInt8]: Found] = [:]
    private var runs: [Run: Found] = [:]

    init(_ catalog: Catalog) {
        for manifest in catalog.snapshots {
            switch manifest.state {
            case .complete:
                found[manifest.logicalID, default: Found()].complete = manifest
                runs[Run(manifest), default: Found()].rewritten = manifest
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
            runs[Run(manifest), default: Found()].isForgotten = true
        }
    }

    /// Of several the one that has the most.
    private mutating func add(checkpoint: Manifest) {
        let before = found[checkpoint.logicalID]?.checkpoint?.root.attributes.count ?? 0
        if checkpoint.root.attributes.count >= before {
            found[checkpoint.logicalID, default: Found()].checkpoint = checkpoint
        }
    }

    subscript(original: Manifest) -> Found {
        var found = found[original.logicalID] ?? Found()
        if found.complete == nil, let run = runs[Run(original)] {
            found.rewritten = run.rewritten
            found.isForgotten = found.isForgotten || run.isForgotten
        }
        return found
    }
}
