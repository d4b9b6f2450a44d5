// SPDX-License-Identifier: MIT
//
// Measures the index of a repository that is far larger than one that can be made in a test:
// invented entries, written and read by the program's own code. The repository is spoilt by it.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore

@main
enum BenchIndex {
    static let usage = """
        usage: snapfs-bench-index add REPOSITORY KEYFILE ENTRIES [SEGMENTS [ENTRIES-PER-PACK]]
               snapfs-bench-index lookup REPOSITORY KEYFILE [LOOKUPS]
               snapfs-bench-index merge REPOSITORY KEYFILE
        """

    static func main() {
        do { try run(Array(CommandLine.arguments.dropFirst())) } catch {
            let line = Array("\(SnapError.wrap(error).message)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
            exit(1)
        }
    }

    private static func run(_ words: [String]) throws {
        let numbers = words.dropFirst(3).map { Int($0) ?? 0 }
        guard words.count >= 3, numbers.allSatisfy({ $0 > 0 }) else {
            throw SnapError(.invalid, usage)
        }
        func number(_ index: Int, _ standard: Int) -> Int {
            index < numbers.count ? numbers[index] : standard
        }
        let place = Place(path: words[1], keyFile: words[2])
        switch (words[0], numbers.count) {
        case ("add", 1...3): try add(place, numbers[0], number(1, 1), number(2, 32))
        case ("lookup", 0...1): try LookupBench(place, lookups: number(0, 100_000)).run()
        case ("merge", 0): try merge(place)
        default: throw SnapError(.invalid, usage)
        }
    }

    private static func add(
        _ place: Place, _ entries: Int, _ segments: Int, _ perPack: Int
    ) throws {
        let repository = try place.open(place.store())
        let before = Usage.processor
        for number in 0..<segments {
            let count = entries * (number + 1) / segments - entries * number / segments
            let index = SyntheticIndex(
                entries: count, packs: (count + perPack - 1) / perPack, seed: UInt64(number))
            try index.write(to: repository)
        }
        let bytes = try repository.store.list("index").reduce(0) { $0 + $1.size }
        report("\(entries) entries written, \(bytes) bytes of index", since: before)
    }

    private static func merge(_ place: Place) throws {
        let repository = try place.open(place.store())
        try repository.refresh(usingCopy: false)
        let segments = repository.objects.segments
        let before = Usage.processor
        let session = try Random.bytes(16)
        _ = try IndexWriter.merge(
            segments, store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1), session: session)
        let entries = segments.reduce(0) { $0 + $1.header.entryCount }
        report("\(segments.count) segments of \(entries) entries merged", since: before)
    }

    private static func report(_ what: String, since before: Double) {
        let seconds = hundredths(Usage.processor - before)
        print("\(what): \(seconds) s of processor, peak \(hundredths(Usage.memory)) MiB")
    }

    static func hundredths(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

/// A repository on this machine and what opens it.
struct Place {
    var path: String
    var keyFile: String

    func store() throws -> CountingStore {
        CountingStore(
            LocalStore(files: try SystemFileLayer(root: path, create: false), location: path))
    }

    func open(_ store: any Store, limits: ObjectReader.Limits = .init()) throws -> Repository {
        let slash = keyFile.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { String(keyFile[..<$0]) } ?? "."
        let name = slash.map { String(keyFile[keyFile.utf8.index(after: $0)...]) } ?? keyFile
        let directory = LocalStore(
            files: try SystemFileLayer(root: folder, create: false), location: folder)
        return try Repository.open(
            store, .keyFile(Secret(try directory.read(name, limit: 32))), limits: limits)
    }
}
