// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

extension FuseTests {
    /// What programs see of a mounted tree.
    @Suite struct ReadingTests {
        @Test func filesReadAsTheyAre() throws {
            let tree = MemoryFileSystem()
            let sizes = [0, 1, 4095, 4096, 4097, 131_072, 3_000_001]
            let directory = tree.add("a", mode: S_IFDIR | 0o755)
            for size in sizes {
                tree.add("\(size)", in: directory, content: bytes(size, seed: UInt64(size)))
            }
            try withMount(tree) { path, _ throws in
                for size in sizes {
                    #expect(try contents("\(path)/a/\(size)") == bytes(size, seed: UInt64(size)))
                }
                let file = try systemCall("open") { open("\(path)/a/3000001", O_RDONLY) }
                defer { close(file) }
                var buffer = [UInt8](repeating: 0, count: 100_000)
                #expect(pread(file, &buffer, buffer.count, 2_950_000) == 50_001)
                #expect(
                    Array(buffer[..<50_001])
                        == Array(bytes(3_000_001, seed: 3_000_001)[2_950_000...]))
                #expect(pread(file, &buffer, 1, 3_000_001) == 0)
            }
        }

        /// The kernel passes them through.
        @Test func offsetsBelowZeroAreRefused() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: bytes(100, seed: 1))
            try withMount(tree) { path, _ throws in
                for name in ["", "/file"] {
                    let file = try systemCall("open") { open(path + name, O_RDONLY) }
                    defer { close(file) }
                    for whence: Int32 in [3, 4] {
                        #expect(lseek(file, -1, whence) == -1)
                        #expect(lseek(file, Int.min, whence) == -1)
                    }
                }
                #expect(tree.count("seek") == 0)
                #expect(try contents("\(path)/file").count == 100)
            }
        }

        @Test func attributesAndLinksAreKept() throws {
            let tree = MemoryFileSystem()
            let file = tree.add("file", mode: S_IFREG | 0o4751, content: [1, 2, 3])
            tree.change(file) {
                $0.attributes.uid = 70_000
                $0.attributes.gid = 80_000
                $0.attributes.links = 7
                $0.attributes.inode = 1 << 61
                $0.attributes.mtimeSeconds = -5
                $0.attributes.ctimeSeconds = 1 << 33
            }
            let device = tree.add("null", mode: S_IFCHR | 0o666)
            tree.change(device) { $0.attributes.device = 1 << 32 | 3 }
            tree.add("link", mode: S_IFLNK | 0o777, content: Array("to/no where".utf8))
            try withMount(tree) { path, _ throws in
                let found = try status("\(path)/file")
                #expect(found.st_mode == S_IFREG | 0o4751)
                #expect(found.st_uid == 70_000 && found.st_gid == 80_000 && found.st_nlink == 7)
                #expect(found.st_ino == 1 << 61 && found.st_size == 3 && found.st_blocks == 1)
                #expect(found.st_mtim.tv_sec == -5 && found.st_mtim.tv_nsec == 123_456_789)
                #expect(found.st_atim.tv_sec == -5 && found.st_ctim.tv_sec == 1 << 33)
                #expect(try status("\(path)/null").st_rdev == 0x103)
                #expect(try status("\(path)/link").st_mode & S_IFMT == S_IFLNK)
                #expect(text(try output("readlink", "\(path)/link")) == "to/no where\n")
            }
        }

        @Test func longDirectoriesAndOddNamesAreListed() throws {
            let tree = MemoryFileSystem()
            let directory = tree.add("many", mode: S_IFDIR | 0o755)
            for index in 0..<10_000 { tree.add("name-\(index)", in: directory) }
            let odd: [[UInt8]] = [[0xff, 0xfe], [0x0a], Array(repeating: 0x61, count: 255)]
            for name in odd { tree.add(name, content: name) }
            try withMount(tree) { path, _ throws in
                let listed = text(try output("find", "\(path)/many", "-type", "f"))
                #expect(Set(listed.split(separator: "\n")).count == 10_000)
                #expect(tree.count("lookup") <= 2, "read-directory-plus makes lookups needless")
                #expect(try !fails("ls", "-laR", path))
                let zeros = try output("find", path, "-mindepth", "1", "-maxdepth", "1", "-print0")
                let names = Set(
                    zeros.split(separator: 0).map { Array($0.dropFirst(path.utf8.count + 1)) })
                #expect(names == Set(odd + [Array("many".utf8)]))
                #expect(try output("sh", "-c", "cat -- '\(path)'/a*") == odd[2])
            }
        }

        @Test func aMissingNameIsAskedOnce() throws {
            let tree = MemoryFileSystem()
            try withMount(tree) { path, _ throws in
                for _ in 0..<3 { #expect(code { _ = try status("\(path)/none") } == ENOENT) }
                #expect(tree.count("lookup") == 1)
            }
        }

        @Test func nothingIsOpenedAndPagesAreKept() throws {
            for noOpen in [true, false] {
                let tree = MemoryFileSystem()
                tree.add("file", content: bytes(100_000, seed: 1))
                var options = MountOptions()
                options.noOpen = noOpen
                try withMount(tree, options) { path, _ throws in
                    for _ in 0..<3 {
                        #expect(try contents("\(path)/file") == bytes(100_000, seed: 1))
                        #expect(try output("ls", path) == Array("file\n".utf8))
                    }
                    #expect(tree.count("read") == 1)
                    #expect(tree.count("readDirectory") <= 2)
                }
            }
        }

        @Test func holesAreFound() throws {
            let tree = MemoryFileSystem()
            let file = tree.add("sparse", content: bytes(100_000, seed: 3))
            tree.change(file) { $0.extents = [0..<10_000, 50_000..<60_000] }
            try withMount(tree) { path, _ throws in
                let file = try systemCall("open") { open("\(path)/sparse", O_RDONLY) }
                defer { close(file) }
                let data: Int32 = 3
                let hole: Int32 = 4
                #expect(lseek(file, 5, data) == 5)
                #expect(lseek(file, 5, hole) == 10_000)
                #expect(lseek(file, 10_000, data) == 50_000)
                #expect(lseek(file, 70_000, hole) == 70_000)
                #expect(lseek(file, 70_000, data) == -1 && errno == ENXIO)
                #expect(lseek(file, 100_000, hole) == -1 && errno == ENXIO)
            }
        }

        @Test func extendedAttributesAreRead() throws {
            let tree = MemoryFileSystem()
            let file = tree.add("file")
            tree.change(file) {
                $0.extendedAttributes = [Array("user.k".utf8): Array("value".utf8)]
            }
            try withMount(tree) { path, _ throws in
                let list = text(try output("getfattr", "-d", "--absolute-names", "\(path)/file"))
                #expect(list.contains("user.k=\"value\""))
                #expect(try fails("getfattr", "-n", "user.none", "\(path)/file"))
            }
        }

        @Test func withoutExtendedAttributesTheFileSystemIsNotAsked() throws {
            let tree = MemoryFileSystem(extendedAttributes: false)
            tree.add("file")
            try withMount(tree) { path, _ throws in
                #expect(try fails("getfattr", "-d", "\(path)/file"))
                #expect(try fails("getfattr", "-n", "user.k", "\(path)/file"))
                #expect(tree.count("names") == 0 && tree.count("value") == 0)
            }
        }

        @Test func accessControlListsBindOthers() throws {
            let tree = MemoryFileSystem()
            let file = tree.add("file", mode: S_IFREG | 0o070, content: [0x6f, 0x6b])
            // user::--- user:1:rwx group::--- mask::rwx other::---: the group bits are the mask.
            let list: [(UInt16, UInt16, UInt32)] = [
                (1, 0, .max), (2, 7, 1), (4, 0, .max), (16, 7, .max), (32, 0, .max),
            ]
            var value: [UInt8] = [2, 0, 0, 0]
            for (tag, permission, id) in list {
                for word in [UInt32(tag) | UInt32(permission) << 16, id] {
                    withUnsafeBytes(of: word.littleEndian) { value += $0 }
                }
            }
            tree.change(file) {
                $0.attributes.gid = 1234
                $0.extendedAttributes = [Array("system.posix_acl_access".utf8): value]
            }
            var options = MountOptions()
            options.allowOther = true
            try withMount(tree, options) { path, _ throws in
                // mkdtemp's directory is hidden by the mount, whose root all may enter.
                let reader = { (uid: String, gid: String) in
                    try run([
                        "setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "cat",
                        "\(path)/file",
                    ]).output
                }
                let named = try reader("1", "1")
                #expect(named == [0x6f, 0x6b])
                let inGroup = try reader("2", "1234")
                #expect(inGroup.isEmpty)
            }
        }

        @Test func statisticsAreAnswered() throws {
            try withMount(MemoryFileSystem()) { path, _ throws in
                var found = statvfs()
                try systemCall("statvfs") { statvfs(path, &found) }
                #expect(found.f_blocks == 1000 && found.f_files == 77 && found.f_bfree == 0)
            }
        }

        @Test func manyReadersAtOnce() throws {
            let tree = MemoryFileSystem()
            let contentOf = (0..<64).map { bytes(20_000, seed: $0) }
            for (index, content) in contentOf.enumerated() {
                tree.add("\(index)", content: content)
            }
            try withMount(tree) { path, _ throws in
                let outcome = Outcome()
                let readers = try (0..<8).map { reader in
                    try Thread("reader") {
                        for index in 0..<64 {
                            let file = (index * 7 + reader * 11) % 64
                            let same = (try? contents("\(path)/\(file)"))
                                .map { $0 == contentOf[file] }
                            if same != true { outcome.set(SnapError(.damaged, "file \(file)")) }
                        }
                    }
                }
                readers.forEach { $0.join() }
                #expect(outcome.error == nil)
            }
        }
    }
}
