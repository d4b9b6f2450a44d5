// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapView
import Testing

@Suite struct ViewCacheTests {
    /// Views share caches and come and go: what one remembers is not what the next one is told.
    @Test func aViewNeverAnswersForOneThatIsGone() throws {
        let first = try HostileRepository()
        let second = try HostileRepository()
        // The ids of the two are different.
        _ = second.newID()
        let repositories = [first, second]
        let manifests = try zip(repositories, ["a", "b"]).map { repository, name in
            try repository.view(
                repository.directory([HostileRepository.empty(Array(name.utf8))])
            ).manifest
        }
        try repositories.forEach { try $0.repository.refresh() }
        let caches = ViewCaches()
        for turn in 0..<1000 {
            let view = try SnapshotView(
                manifests[turn % 2], repository: repositories[turn % 2].repository, caches: caches)
            #expect(try view.place(1).name == [[0x61], [0x62]][turn % 2])
        }
    }
}
