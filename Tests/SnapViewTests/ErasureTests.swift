// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport
import Testing

@testable import SnapView

@Suite struct ErasureTests {
    @Test func tagsThatComeMeanwhileStay() throws {
        let test = try TestRepository()
        let old = try test.snapshot([.text("a", "x"), .text("b", "y")], time: 5)
        let repository = try test.open()
        let origin = Origin(time: 1000, host: "host", user: "root")
        let erasure = try Erasure(
            repository, try repository.catalog(), [Array("/a".utf8)], caches: ViewCaches(),
            origin: origin, program: "tests")
        let found = try erasure.affected({ _ in true }, failed: { Issue.record("\($0): \($1)") })
        try NoteBook.add(
            .tags(["late"]), to: [old.id], origin: origin, ledger: try repository.ledger)
        for snapshot in found { _ = try erasure.erase(snapshot) }
        let left = try test.open().catalog().snapshots
        #expect(left.map(\.tags) == [["late"]])
        #expect(left.map(\.predecessor) == [old.id])
    }
}
