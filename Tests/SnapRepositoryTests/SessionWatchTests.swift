// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

/// Who is taken for dead, by what several runs have seen.
@Suite struct SessionWatchTests {
    private let files = MemoryFileLayer()
    private let session = SessionRecord(
        id: [UInt8](repeating: 1, count: 16), time: 0, host: "elsewhere", process: 1, kind: .writer)

    private func isDead(
        at time: UInt64, boot: String = "0a", heartbeat: UInt32 = 0
    ) throws -> Bool {
        let store = LocalStore(files: files, location: "cache")
        try store.makeDirectories()
        return try SessionWatch(cache: store, boot: boot, now: time)
            .isDead(session, heartbeat: heartbeat)
    }

    @Test func silenceIsDeathAfterTwoHoursOfWatching() throws {
        #expect(try !isDead(at: 1000))
        #expect(try !isDead(at: 1000 + 7199))
        #expect(try isDead(at: 1000 + 7200))
    }

    @Test func aSignOfLifeBeginsTheWatchAnew() throws {
        #expect(try !isDead(at: 1000))
        #expect(try !isDead(at: 9000, heartbeat: 1))
        #expect(try !isDead(at: 9100, heartbeat: 1))
        #expect(try isDead(at: 9000 + 7200, heartbeat: 1))
    }

    @Test func theSecondsOfAnotherBootSayNothing() throws {
        #expect(try !isDead(at: 1000))
        #expect(try !isDead(at: 90_000, boot: "0b"))
        #expect(try !isDead(at: 90_100, boot: "0b"))
    }

    @Test func withoutACacheNobodyIsGivenUpForSilence() throws {
        for time: UInt64 in [0, 1_000_000] {
            let watch = SessionWatch(cache: nil, boot: "0a", now: time)
            #expect(try !watch.isDead(session, heartbeat: 0))
        }
    }
}
