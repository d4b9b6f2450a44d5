// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// Checks a whole repository: manifests, slots, index, packs, trees, and with `readData` every byte
/// of every pack. Backups may run meanwhile.
package final class RepositoryCheck {
    private let repository: Repository
    private let observer: CheckObserver
    private let report: CheckReport

    package init(_ repository: Repository, observer: CheckObserver = CheckObserver()) {
        self.repository = repository
        self.observer = observer
        report = CheckReport(observer)
    }

    /// Runs once. Damage is in the report; throws only where checking itself is not possible.
    package func run(readData: Bool, threads: Int) throws -> CheckReport {
        // Manifests before the index and the index before the packs: what one names, the next one
        // had before it.
        let manifests = try readManifests()
        try repository.objects.refresh()
        let store = StoreCheck(repository, report, observer)
        try store.run()
        if readData { try store.readPacks(threads: threads) }
        let trees = TreeCheck(repository, suspects: store.suspects, report, observer)
        for manifest in manifests { try trees.run(manifest) }
        return report
    }

    private func readManifests() throws -> [Manifest] {
        let manifests = try repository.manifests { id, error in
            guard error.isFinding else { throw error }
            report.add(CheckFinding(.file(Manifest.storeName(id)), error.message))
            report.noteDamaged(id)
        }
        report.snapshots = manifests.filter { $0.state == .complete }.count
        return manifests
    }
}
