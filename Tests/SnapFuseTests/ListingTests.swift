// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

extension FuseTests {
    /// Names with attributes for who wants them.
    @Suite struct ListingTests {
        private let directories = 20
        private let files = 50

        private func tree() -> MemoryFileSystem {
            let tree = MemoryFileSystem()
            for directory in 0..<directories {
                let node = tree.add("directory-\(directory)", mode: S_IFDIR | 0o755)
                for file in 0..<files { tree.add("file-\(file)", in: node) }
            }
            return tree
        }

        @Test func whoWantsNamesGetsNoAttributesOfFiles() throws {
            let tree = tree()
            try withMount(tree) { path, _ throws in
                let found = text(try output("find", path)).split(separator: "\n")
                #expect(found.count == 1 + directories * (files + 1))
                #expect(tree.count("lookup") == 0)
                // All but the first two were listed without: each is asked for now.
                for directory in 0..<directories {
                    _ = try status("\(path)/directory-\(directory)/file-9")
                }
                #expect(tree.count("lookup") >= directories - 2)
            }
        }

        @Test func whoAsksForAttributesGetsThemAll() throws {
            let tree = tree()
            try withMount(tree) { path, _ throws in
                let listed = text(try output("ls", "-lR", path)).split(separator: "\n")
                #expect(listed.count(where: { $0.contains("file-") }) == directories * files)
                #expect(tree.count("lookup") <= 2, "one file of each of two directories")
            }
        }

        @Test func aListingOfNamesDoesNotHinderTheNext() throws {
            let tree = tree()
            try withMount(tree) { path, _ throws in
                _ = try output("find", path)
                _ = try output("ls", "-lR", path)
                // The directory that find listed last, and what is tried.
                #expect(tree.count("lookup") <= files + 4)
            }
        }

        @Test func aListingInPiecesKeepsItsWay() {
            let habits = ListingHabits()
            for directory in 1...2 as ClosedRange<UInt64> {
                #expect(habits.list(directory, isStart: true, client: 7).listing == .probing)
                habits.didProbe(client: 7)
                #expect(habits.list(directory, isStart: false, client: 7).listing == .everything)
            }
            #expect(habits.list(3, isStart: true, client: 7).listing == .names)
            #expect(habits.list(3, isStart: false, client: 7) == (.names, nil))
            #expect(habits.list(4, isStart: true, client: 7) == (.names, 3))
            #expect(habits.list(4, isStart: true, client: 8).listing == .probing)
            habits.didLookUp(client: 7)
            #expect(habits.list(5, isStart: true, client: 7) == (.everything, 4))
            #expect(habits.list(6, isStart: true, client: 7) == (.everything, nil))
        }
    }
}
