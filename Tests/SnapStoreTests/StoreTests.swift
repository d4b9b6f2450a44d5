// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapStore
import SnapTestSupport
import Synchronization
import Testing

@Suite struct StoreTests {
    @Test func localStoreConforms() throws {
        try withTemporaryDirectory { path in
            var number = 0
            try StoreConformance.run {
                number += 1
                let layer = try SystemFileLayer(root: "\(path)/a/\(number)", create: true)
                let store = LocalStore(files: layer, location: path)
                try store.makeDirectories()
                return store
            }
        }
    }

    @Test func memoryStoreConforms() throws {
        try StoreConformance.run { try Self.store(MemoryFileLayer()) }
    }

    private static func store(_ layer: MemoryFileLayer) throws -> LocalStore {
        let store = LocalStore(files: layer, location: "memory")
        try store.makeDirectories()
        return store
    }

    @Test func storeThatIsNotThereIsNotCreatedUnasked() throws {
        try withTemporaryDirectory { path in
            let error = #expect(throws: SnapError.self) {
                try SystemFileLayer(root: "\(path)/absent", create: false)
            }
            #expect(error?.kind == .notFound)
        }
    }

    @Test func emptyListingIsNotBelievedWhereTheRepositoryIsGone() throws {
        let layer = MemoryFileLayer()
        let store = try Self.store(layer)
        try store.create("snapfs", [1])
        #expect(try store.list("gc").isEmpty)
        layer.replace("snapfs", nil)
        let error = #expect(throws: SnapError.self) { try store.list("gc") }
        #expect(error?.kind == .notFound)
    }

    @Test func fifoInThePlaceOfAFileIsDamage() throws {
        try withTemporaryDirectory { path in
            let store = LocalStore(
                files: try SystemFileLayer(root: path, create: false), location: path)
            try store.makeDirectories()
            try systemCall("mkfifo") { mkfifo("\(path)/index/fifo", 0o600) }
            let error = #expect(throws: SnapError.self) { try store.open("index/fifo") }
            #expect(error?.kind == .damaged)
        }
    }

    @Test func fileInThePlaceOfADirectoryIsNotAnEmptyDirectory() throws {
        try withTemporaryDirectory { path in
            let store = LocalStore(
                files: try SystemFileLayer(root: path, create: false), location: path)
            try store.makeDirectories()
            try store.create("snapfs", [1])
            rmdir("\(path)/snapshots")
            try store.create("snapshots", [1])
            #expect(throws: SnapError.self) { try store.list("snapshots") }
            let error = #expect(throws: SnapError.self) { try store.open("snapshots/a") }
            #expect(error?.kind == .damaged)
        }
    }

    @Test func filesOfOthersCanNotBeRead() throws {
        try withTemporaryDirectory { path in
            let store = LocalStore(
                files: try SystemFileLayer(root: "\(path)/new", create: true), location: path)
            try store.makeDirectories()
            try store.create("index/a", [1])
            #expect(try FileAttributes(path: "\(path)/new/index/a").mode & 0o777 == 0o600)
            #expect(try FileAttributes(path: "\(path)/new/index").mode & 0o777 == 0o700)
        }
    }

    // MARK: Durability

    @Test func synchronizedFilesSurviveAPowerCut() throws {
        let layer = MemoryFileLayer()
        let store = try Self.store(layer)
        try store.create("data/ab/pack", [1, 2])
        #expect(layer.afterPowerCut().contents["data/ab/pack"] == nil)
        try store.synchronize()
        #expect(layer.afterPowerCut().contents["data/ab/pack"] == [1, 2])
    }

    @Test func namesOfAFileNeverComeBeforeItsContent() throws {
        let layer = MemoryFileLayer()
        let store = try Self.store(layer)
        try store.create("index/a", [1, 2])
        // The kernel may write names whenever it likes.
        #expect(layer.afterPowerCut { $0 == "index/a" }.contents["index/a"] == [1, 2])
    }

    @Test func fileThatWasPublishedDespiteAnErrorIsDurableToo() throws {
        let layer = MemoryFileLayer()
        let store = try Self.store(layer)
        layer.after = { operation, _, _ in
            if operation == .publish { throw SnapError(errno: EIO, "the answer was lost") }
        }
        try store.create("index/a", [1, 2])
        layer.after = nil
        try store.synchronize()
        #expect(layer.afterPowerCut().contents["index/a"] == [1, 2])
    }

    @Test func directoryOfAWriterThatDiedIsMadeDurable() throws {
        let layer = MemoryFileLayer()
        try Self.store(layer).create("data/ab/leftover", [0])
        let store = LocalStore(files: layer, location: "memory")
        try store.create("data/ab/pack", [1])
        try store.synchronize()
        #expect(layer.afterPowerCut().contents["data/ab/pack"] == [1])
    }

    @Test func whatALaterWriterHasSeenIsDurableWithWhatItWrites() throws {
        let layer = MemoryFileLayer()
        // This writer dies before it synchronises.
        try Self.store(layer).create("index/segment", [1])
        let store = LocalStore(files: layer, location: "memory")
        #expect(try store.list("index").map(\.name) == ["segment"])
        try store.create("snapshots/a", [2])
        try store.synchronize()
        let after = layer.afterPowerCut().contents
        #expect(after["snapshots/a"] == [2])
        #expect(after["index/segment"] == [1])
    }

    @Test func aDirectoryInWhichNothingIsNewIsNotSynchronisedAgain() throws {
        let layer = MemoryFileLayer()
        let other = try Self.store(layer)
        try other.create("data/ab/pack", [1])
        // The directory itself, which the listings below do not show.
        try other.synchronize()
        let synchronized = Mutex<[String]>([])
        layer.before = { operation, path, _ in
            if operation == .synchronizeDirectory { synchronized.withLock { $0.append(path) } }
        }
        let store = LocalStore(files: layer, location: "memory")
        /// Which directories a listing has made durable with what is written.
        func listAndWrite(_ name: String) throws -> [String] {
            synchronized.withLock { $0 = [] }
            _ = try store.list("data/ab")
            try store.create("snapshots/\(name)", [2])
            try store.synchronize()
            return synchronized.withLock { $0.filter { $0.hasPrefix("data") } }
        }
        #expect(try listAndWrite("a") == ["data/ab"])
        #expect(try listAndWrite("b").isEmpty)
        // What another writer adds or takes is new.
        try other.create("data/ab/more", [1])
        #expect(try listAndWrite("c") == ["data/ab"])
        #expect(layer.afterPowerCut().contents["data/ab/more"] == [1])
        try other.delete("data/ab/pack")
        #expect(try listAndWrite("d") == ["data/ab"])
        #expect(layer.afterPowerCut().contents["data/ab/pack"] == nil)
        #expect(try listAndWrite("e").isEmpty)
        // What failed proves nothing.
        try other.create("data/ab/last", [1])
        layer.before = { operation, path, _ in
            if operation == .synchronizeDirectory, path == "data/ab" {
                throw SnapError(errno: EIO, "no")
            }
        }
        #expect(throws: SnapError.self) { try listAndWrite("f") }
        layer.before = nil
        _ = try store.list("data/ab")
        try store.synchronize()
        #expect(layer.afterPowerCut().contents["data/ab/last"] == [1])
    }

    @Test func failedSynchronisationIsTriedAgain() throws {
        let layer = MemoryFileLayer()
        let store = try Self.store(layer)
        try store.create("index/a", [1])
        layer.before = { operation, _, _ in
            if operation == .synchronizeDirectory { throw SnapError(errno: EIO, "no") }
        }
        #expect(throws: SnapError.self) { try store.synchronize() }
        layer.before = nil
        try store.synchronize()
        #expect(layer.afterPowerCut().contents["index/a"] == [1])
    }
}
