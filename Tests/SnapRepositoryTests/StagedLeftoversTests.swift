// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct StagedLeftoversTests {
    private let test: TestRepository
    private let cache = MemoryFileLayer()

    init() throws { test = try TestRepository() }

    private func remove(at time: UInt64) throws -> Int {
        let store = LocalStore(files: cache, location: "cache")
        try store.makeDirectories()
        return try StagedLeftovers.remove(
            from: try test.open(), SessionWatch(cache: store, boot: "0a", now: time))
    }

    @Test func whatDoesNotChangeForTwoHoursGoes() throws {
        try test.overwrite("tmp/1-2-3-1", [1, 2, 3])
        #expect(try remove(at: 1000) == 0)
        #expect(try remove(at: 8199) == 0)
        #expect(try remove(at: 8200) == 1)
        #expect(try test.files("tmp").isEmpty)
    }

    /// Whoever wrote it has no session any more: it will never be named.
    @Test func aPackGoesAtOnce() throws {
        try test.snapshot([.file("a", noise(300_000, seed: 1))])
        for directory in ["data", "meta"] {
            let pack = try test.read(try #require(try test.files(directory).first))
            try test.overwrite("tmp/1-2-3-1", Array(pack.prefix(pack.count / 2)))
            let session = try Session(test.open().ledger, kind: .writer, host: "host")
            #expect(try remove(at: 1000) == 0)
            session.end()
            #expect(try remove(at: 1000) == 1)
        }
        let segment = try test.read(try #require(try test.files("index").first))
        try test.overwrite("tmp/1-2-3-1", segment)
        #expect(try remove(at: 2000) == 0, "a backup that has ended may be merging the index")
    }

    @Test func whatGrowsStays() throws {
        for (number, time) in [UInt64](arrayLiteral: 1000, 8000, 15_000, 22_000).enumerated() {
            try test.overwrite("tmp/1-2-3-1", [UInt8](repeating: 1, count: number + 1))
            #expect(try remove(at: time) == 0)
        }
    }

    @Test func besideASessionAllStays() throws {
        try test.overwrite("tmp/1-2-3-1", [1])
        let session = try Session(
            test.open().ledger, kind: .writer, host: "host")
        #expect(try remove(at: 1000) == 0)
        #expect(try remove(at: 20_000) == 0)
        session.end()
        #expect(try remove(at: 30_000) == 0)
        #expect(try remove(at: 40_000) == 1)
    }
}
