// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

extension FuseTests {
    /// "Could not read" must never look like "nothing there".
    @Suite struct ErrorTests {
        @Test func nothingThrownLooksAbsent() {
            for code in [ENOENT, ENOTDIR, EACCES, ESTALE, ENODATA, EINTR, ENOSPC] {
                #expect(errnoOf(SnapError(errno: code, "pack")) == EIO)
            }
            let kinds: [SnapError.Kind] = [
                .exists, .damaged, .wrongKey, .noRepository, .busy, .unsupported, .invalid, .io,
                .noSpace, .refused, .interrupted,
            ]
            for kind in kinds { #expect(errnoOf(SnapError(kind, "x")) == EIO) }
            #expect(errnoOf(SnapError(.notFound, "node")) == ESTALE)
        }

        @Test func damageIsAnsweredAsAnInputOutputError() throws {
            let tree = MemoryFileSystem()
            let directory = tree.add("directory", mode: S_IFDIR | 0o755)
            let file = tree.add("file", content: [1])
            let link = tree.add("link", mode: S_IFLNK | 0o777)
            let pack = SnapError(errno: ENOENT, "open pack")
            for node in [directory, link] { tree.change(node) { $0.failure = pack } }
            tree.change(file) { $0.failure = SnapError(.damaged, "chunk") }
            try withMount(tree) { path, _ throws in
                #expect(code { _ = try contents("\(path)/file") } == EIO)
                #expect(code { _ = try status("\(path)/directory/name") } == EIO)
                #expect(try fails("readlink", "\(path)/link"))
                #expect(code { _ = try contents("\(path)/link") } == EIO)
                #expect(try fails("ls", "\(path)/directory"))
                #expect(tree.failures.contains(.damaged) && tree.failures.contains(.notFound))
            }
        }

        @Test func aNameThatIsNoneFailsTheDirectory() throws {
            for name in ["a/b", "a\0b", "", String(repeating: "x", count: 256)] {
                let tree = MemoryFileSystem()
                tree.add(name)
                try withMount(tree) { path, _ throws in
                    #expect(try fails("ls", path))
                    #expect(tree.failures == [.damaged])
                }
            }
        }

        @Test func writingIsRefused() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: [1])
            try withMount(tree) { path, _ throws in
                #expect(open("\(path)/file", O_RDWR) == -1 && errno == EROFS)
                #expect(mkdir("\(path)/new", 0o755) == -1 && errno == EROFS)
                #expect(unlink("\(path)/file") == -1 && errno == EROFS)
            }
        }
    }
}
