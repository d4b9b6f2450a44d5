// SPDX-License-Identifier: MIT
//
// What every store must do, whatever it is made of.

import SnapBase
import SnapStore

package struct StoreConformance {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    private let store: any Store

    private init(_ store: any Store) { self.store = store }

    /// Runs all checks, each on a new store that has a marker file `snapfs`; throws at the first
    /// failure.
    package static func run(make: () throws -> any Store) throws {
        let checks: [(StoreConformance) throws -> Void] = [
            { try $0.committedFileIsThere() }, { try $0.stagedFileIsNotListed() },
            { try $0.takenNameIsRefused() }, { try $0.createIsIdempotent() },
            { try $0.discardedFileIsGone() }, { try $0.readingPastTheEndIsDamage() },
            { try $0.absenceIsNotFound() }, { try $0.absentDirectoryIsEmpty() },
            { try $0.deletingTwiceIsNoError() }, { try $0.limitIsKept() },
            { try $0.emptyFileIsAFile() }, { try $0.manyWritersDoNotMix() },
            { try $0.oneOfManyCreatorsWins() },
        ]
        for check in checks {
            let store = try make()
            try store.create("snapfs", [1])
            try check(StoreConformance(store))
        }
    }

    private func require(_ condition: Bool, _ what: String) throws {
        if !condition { throw Failure(description: what) }
    }

    private func requireError(_ kind: SnapError.Kind, _ what: String, _ body: () throws -> Void)
        throws
    {
        do { try body() } catch let error as SnapError {
            return try require(error.kind == kind, "\(what): \(error.kind)")
        }
        throw Failure(description: "\(what): no error")
    }

    private func write(_ bytes: [UInt8], to file: any StagedFile) throws {
        try bytes.withUnsafeBytes { try file.append($0) }
    }

    private func committedFileIsThere() throws {
        let file = try store.stage()
        try write([1, 2, 3], to: file)
        try write([4, 5], to: file)
        var back: [UInt8] = [0, 0, 0]
        try back.withUnsafeMutableBytes { try file.read(at: 1, into: $0) }
        try require(back == [2, 3, 4], "a staged file is readable")
        try file.commit(as: "data/ab/name")
        file.discard()
        try store.synchronize()
        try require(try store.read("data/ab/name", limit: 5) == [1, 2, 3, 4, 5], "content")
        try require(
            try store.list("data/ab") == [StoreEntry(name: "name", size: 5)], "listing of files")
        try require(try store.listDirectories("data") == ["ab"], "listing of directories")
        try require(try store.list("data").isEmpty, "a directory is no file")
        try require(try store.listDirectories("data/ab").isEmpty, "a file is no directory")
        let open = try store.open("data/ab/name")
        try require(open.size == 5, "size")
        var part: [UInt8] = [0, 0]
        try part.withUnsafeMutableBytes { try open.read(at: 3, into: $0) }
        try require(part == [4, 5], "reading a part")
    }

    private func stagedFileIsNotListed() throws {
        let file = try store.stage()
        try write([1], to: file)
        for directory in ["", "data", "index"] {
            let names = try store.list(directory).map(\.name)
            try require(names == (directory.isEmpty ? ["snapfs"] : []), "\(names)")
        }
    }

    private func takenNameIsRefused() throws {
        try store.create("index/a", [1])
        let file = try store.stage()
        try write([2], to: file)
        try requireError(.exists, "a taken name") { try file.commit(as: "index/a") }
        try require(try store.read("index/a", limit: 1) == [1], "the first one stays")
        try require(try store.list("index").count == 1, "nothing beside it")
    }

    private func createIsIdempotent() throws {
        try store.create("index/a", [1, 2])
        try store.create("index/a", [1, 2])
        try requireError(.exists, "other bytes") { try store.create("index/a", [1, 3]) }
        try requireError(.exists, "a prefix") { try store.create("index/a", [1]) }
        try requireError(.exists, "more bytes") { try store.create("index/a", [1, 2, 3]) }
    }

    private func discardedFileIsGone() throws {
        let file = try store.stage()
        try write([1], to: file)
        file.discard()
        file.discard()
        try requireError(.io, "writing after a discard") { try write([1], to: file) }
        try require(try store.list("tmp").isEmpty, "nothing is left")
        _ = try { try write([1], to: try store.stage()) }()
        try require(try store.list("tmp").isEmpty, "a forgotten file is dropped")
    }

    private func readingPastTheEndIsDamage() throws {
        try store.create("index/a", [1, 2, 3])
        let file = try store.open("index/a")
        var buffer: [UInt8] = [0, 0]
        for offset in [2, 3, 4, 1 << 40] {
            try requireError(.damaged, "reading at \(offset)") {
                try buffer.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
            }
        }
    }

    private func absenceIsNotFound() throws {
        try requireError(.notFound, "an absent file") { _ = try store.open("index/absent") }
        try requireError(.notFound, "an absent directory") { _ = try store.open("data/ab/absent") }
    }

    private func absentDirectoryIsEmpty() throws {
        try require(try store.list("gc").isEmpty, "an absent directory")
        try require(try store.listDirectories("gc").isEmpty, "an absent directory")
    }

    private func deletingTwiceIsNoError() throws {
        try store.create("sessions/a", [1])
        try store.delete("sessions/a")
        try store.delete("sessions/a")
        try store.synchronize()
        try require(try store.list("sessions").isEmpty, "a deleted file")
        try store.create("sessions/a", [2])
        try require(try store.read("sessions/a", limit: 1) == [2], "its name is free again")
    }

    private func limitIsKept() throws {
        try store.create("index/a", [1, 2, 3])
        try requireError(.damaged, "a file above the limit") {
            _ = try store.read("index/a", limit: 2)
        }
    }

    private func emptyFileIsAFile() throws {
        try store.create("index/a", [])
        try require(try store.read("index/a", limit: 0) == [], "an empty file")
        try require(try store.list("index") == [StoreEntry(name: "a", size: 0)], "its listing")
    }

    /// What the threads of a test met.
    private final class Tally: @unchecked Sendable {
        // Sendable: used inside monitor.locked.
        private let monitor = Monitor()
        private var results: [Result<Int, SnapError>] = []
        func add(_ result: Result<Int, SnapError>) { monitor.locked { results.append(result) } }
        var all: [Result<Int, SnapError>] { monitor.locked { results } }
    }

    private func inParallel(_ body: @escaping @Sendable (Int) throws -> Void) throws -> Tally {
        let tally = Tally()
        let threads = try (0..<8).map { number in
            try Thread("writer") {
                do {
                    try body(number)
                    tally.add(.success(number))
                } catch { tally.add(.failure(SnapError.wrap(error))) }
            }
        }
        threads.forEach { $0.join() }
        return tally
    }

    private func manyWritersDoNotMix() throws {
        let store = store
        let tally = try inParallel { number in
            let bytes = [UInt8](repeating: UInt8(number), count: 1000)
            for part in 0..<10 { try store.create("data/0\(number)/\(part)", bytes) }
            try store.synchronize()
        }
        for result in tally.all { _ = try result.get() }
        for number in 0..<8 {
            for part in 0..<10 {
                let bytes = try store.read("data/0\(number)/\(part)", limit: 1000)
                try require(bytes == [UInt8](repeating: UInt8(number), count: 1000), "content")
            }
        }
    }

    private func oneOfManyCreatorsWins() throws {
        let store = store
        let tally = try inParallel { try store.create("snapshots/one", [UInt8($0)]) }
        var winners: [Int] = []
        for result in tally.all {
            switch result {
            case .success(let number): winners.append(number)
            case .failure(let error):
                try require(error.kind == .exists, "the losers: \(error)")
            }
        }
        try require(winners.count == 1, "one wins: \(winners)")
        try require(
            try store.read("snapshots/one", limit: 1) == [UInt8(winners[0])], "its bytes stay")
    }
}
