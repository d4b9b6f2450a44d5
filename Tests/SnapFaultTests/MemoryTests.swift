// SPDX-License-Identifier: MIT
//
// What a hostile repository makes a reader keep in memory. Each runs in a process of its own, whose
// peak is measured.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import SnapView
import Testing

@testable import SnapRepository

@Suite struct MemoryTests {
    /// The caches count what a node takes, and a place that is remembered does not keep its node.
    @Test func nodesThatAreMostlyHeapDoNotFillTheMemory() async {
        await #expect(processExitsWith: .success) {
            let repository = try HostileRepository()
            let entries = try (0..<500).map { number in
                let name = Array("d\(1000 + number)".utf8)
                let file = HostileRepository.empty([0x61])
                // The rest of the heap is nobody's.
                let leaf = DirectoryEncoder.leaf([file]) + [UInt8](repeating: 0, count: 1_040_000)
                var entry = HostileRepository.directory("", try repository.add(.directory, leaf))
                entry.name = name
                entry.attributes.count = 1
                return entry
            }
            var limits = ObjectReader.Limits()
            limits.records = 4 << 20
            let view = try repository.view(try repository.directory(entries), limits: limits)
            let before = Memory.peak
            for rank in 0...UInt64(entries.count * 2) { _ = try view.place(rank) }
            for entry in entries {
                let directory = try #require(try view.lookup(entry.name, in: view.root))
                _ = try #require(try view.lookup([0x61], in: directory))
            }
            Memory.require(below: 64 << 20, since: before)
        }
    }

    /// A segment that names more superseded ones than there can be, in a file that takes no space.
    @Test func aSparseSegmentIsNotReadIntoMemory() async {
        await #expect(processExitsWith: .success) {
            let directory = try SourceDirectory()
            let store = LocalStore(
                files: try SystemFileLayer(root: directory.path, create: false), location: "")
            try store.makeDirectories()
            let key = Credential.keyFile(Secret([UInt8](repeating: 7, count: 32)))
            try Repository.create(store, key, label: "test")
            let repository = try Repository.open(store, key)
            let session = [UInt8](repeating: 1, count: 16)
            let keys = FileKeys(repository, session: session)
            let header = IndexHeader(
                entryCount: 0, packCount: 0, supersededCount: 60_000_000, session: session)
            let file = try keys.next(.index)
            let page = header.bytes + [UInt8](repeating: 0, count: IndexHeader.pageSize - 240)
            let sealed = try file.seal(at: 80, role: .middle, page)
            let path = "index/" + String(repeating: "a", count: 64)
            try store.create(path, file.header.bytes + sealed)
            try systemCall("truncate") {
                truncate("\(directory.path)/\(path)", IndexHeader.fileSize(header.streamEnd))
            }
            let before = Memory.peak
            try repository.refresh()
            try #require(repository.objects.damagedSegments.count == 1)
            Memory.require(below: 16 << 20, since: before)
        }
    }

    /// A pack whose footer says that the trailer is all of it, in a file that takes no space.
    @Test func aSparsePackIsNotReadIntoMemory() async {
        await #expect(processExitsWith: .success) {
            let directory = try SourceDirectory()
            let store = LocalStore(
                files: try SystemFileLayer(root: directory.path, create: false), location: "")
            try store.makeDirectories()
            let key = Credential.keyFile(Secret([UInt8](repeating: 7, count: 32)))
            try Repository.create(store, key, label: "test")
            let repository = try Repository.open(store, key)
            let session = [UInt8](repeating: 1, count: 16)
            let keys = FileKeys(repository, session: session)
            let size = 1 << 30
            let file = try keys.next(.dataPack)
            let footer = try file.seal(
                at: UInt64(size - PackTrailer.footerSize), role: .last,
                PackTrailer.footer(
                    trailerOffset: 80, trailerSize: size - PackTrailer.footerSize - 80))
            let name = ObjectID(words: (1, 2, 3, 4))
            let path = PackDescription.storeName(name, .dataPack)
            try store.create(path, file.header.bytes)
            let onDisk = try FileDescriptor.open("\(directory.path)/\(path)", O_WRONLY)
            try footer.withUnsafeBytes {
                try onDisk.write($0, at: size - PackTrailer.footerSize, label: path)
            }
            let description = PackDescription(
                name: name, salt: file.header.salt, fileSize: UInt32(size), generation: 0,
                kind: .dataPack)
            let before = Memory.peak
            let pack = try repository.objects.pack(PackReference(description))
            #expect(throws: SnapError.self) { try pack.trailer() }
            Memory.require(below: 160 << 20, since: before)
        }
    }
}

enum Memory {
    /// The most that this process ever had in memory, bytes.
    static var peak: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss << 10
    }

    /// Ends the process where the peak has grown by more than `bytes`.
    static func require(below bytes: Int, since before: Int) {
        let grown = peak - before
        precondition(grown < bytes, "the peak has grown by \(grown >> 20) MiB")
    }
}
