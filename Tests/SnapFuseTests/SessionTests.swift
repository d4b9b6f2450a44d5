// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

extension FuseTests {
    /// Mounting, invalidating and unmounting.
    @Suite struct SessionTests {
        @Test func theMountTableShowsASafeMount() throws {
            var options = MountOptions()
            options.source = "a,b\\c"
            options.readAheadKiB = 2048
            try withMount(MemoryFileSystem(), options) { path, _ throws in
                let mount = try #require(try MountTable.find(path))
                let set = Set((mount.mountOptions + "," + mount.superOptions).split(separator: ","))
                #expect(set.isSuperset(of: ["ro", "nosuid", "nodev", "default_permissions"]))
                #expect(!set.contains("allow_other") && !set.contains("rw"))
                #expect(mount.type == "fuse.snapfs" && mount.source == "a,b\\c")
                let kibibytes = try contents("/sys/class/bdi/0:\(mount.minor)/read_ahead_kb")
                #expect(text(kibibytes) == "2048\n")
            }
        }

        @Test func mountLinesWithOddPathsAreRead() throws {
            let line =
                #"36 35 98:3 /r /mnt\0402\134x rw,noatime shared:1 - ext3 /dev/root rw,errors=y"#
            let mount = try #require(MountRecord(line: Array(line.utf8)))
            #expect(text(mount.mountPoint) == #"/mnt 2\x"#)
            #expect(mount.device == 98 << 32 | 3 && mount.type == "ext3")
            #expect(MountRecord(line: Array("36 35 98:3 / /mnt rw".utf8)) == nil)
            #expect(MountRecord(line: Array("".utf8)) == nil)
        }

        @Test func aMountPointThatIsNotThereIsAnError() throws {
            #expect(throws: SnapError.self) {
                try MountSession(mountPoint: "/tmp/none/none", fileSystem: MemoryFileSystem())
            }
            let error = #expect(throws: SnapError.self) {
                try MountSession(mountPoint: "/proc/version", fileSystem: MemoryFileSystem())
            }
            #expect(error?.message.contains("mount") == true)
        }

        @Test func aBusyMountIsUnmountedOnlyWhenFree() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: [1])
            try withMount(tree) { path, _ throws in
                let file = try systemCall("open") { open("\(path)/file", O_RDONLY) }
                let error = #expect(throws: SnapError.self) { try Unmount.unmount(path) }
                #expect(error?.kind == .busy)
                #expect(try contents("\(path)/file") == [1])
                close(file)
                try Unmount.unmount(path)
                #expect(throws: SnapError.self) { try Unmount.unmount(path) }
            }
        }

        @Test func stoppingABusyMountFailsItsUsers() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: bytes(100, seed: 1))
            var file: Int32 = -1
            try withMount(tree) { path, _ throws in
                file = try systemCall("open") { open("\(path)/file", O_RDONLY) }
            }
            defer { close(file) }
            var byte: UInt8 = 0
            #expect(
                read(file, &byte, 1) == -1
                    && (errno == ENOTCONN || errno == ECONNABORTED || errno == EIO))
        }

        @Test func aLazyUnmountServesWhoIsInside() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: bytes(100, seed: 1))
            try withMount(tree) { path, _ throws in
                let file = try systemCall("open") { open("\(path)/file", O_RDONLY) }
                try Unmount.unmount(path, .lazy)
                var buffer = [UInt8](repeating: 0, count: 100)
                #expect(read(file, &buffer, 100) == 100 && buffer == bytes(100, seed: 1))
                close(file)
            }
        }

        @Test func stoppingAfterALazyUnmountEndsTheSessionOrSaysWhy() throws {
            let tree = MemoryFileSystem()
            tree.add("file", content: [1])
            try withMount(tree) { path, session in
                let file = try systemCall("open") { open("\(path)/file", O_RDONLY) }
                try Unmount.unmount(path, .lazy)
                // Only the control file system can end it; not every machine has it mounted.
                do { try session.stop() } catch {
                    #expect(SnapError.wrap(error).kind == .busy)
                    var byte: UInt8 = 0
                    #expect(read(file, &byte, 1) == 1)
                }
                close(file)
            }
        }

        @Test func aSessionThatNeverRanUnmounts() throws {
            let directory = try temporaryDirectory()
            defer { rmdir(directory) }
            do { _ = try MountSession(mountPoint: directory, fileSystem: MemoryFileSystem()) }
            #expect(try MountTable.find(directory) == nil)
        }

        @Test func stoppingTwiceOrLateIsHarmless() throws {
            try withMount(MemoryFileSystem()) { path, session throws in
                try session.stop()
                try session.stop()
                try session.invalidateDirectory(rootNode)
            }
        }

        @Test func invalidatedDirectoriesAreAskedAgain() throws {
            let tree = MemoryFileSystem()
            tree.add("old")
            try withMount(tree) { path, session throws in
                #expect(text(try output("ls", path)) == "old\n")
                #expect(code { _ = try status("\(path)/new") } == ENOENT)
                tree.add("new", content: [1])
                #expect(text(try output("ls", path)) == "old\n")
                #expect(code { _ = try status("\(path)/new") } == ENOENT)

                try session.invalidateDirectory(rootNode)
                #expect(text(try output("ls", path)) == "new\nold\n")
                try session.invalidateDirectory(999)
            }
        }
    }
}
