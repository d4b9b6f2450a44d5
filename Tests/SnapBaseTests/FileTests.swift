// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapTestSupport
import Testing

@Suite struct FileTests {
    private static func create(_ name: [UInt8], in directory: FileDescriptor) throws {
        _ = try name.withUnsafeBytes { bytes in
            try withTerminated(bytes) {
                try FileDescriptor.open(name: $0, at: directory, O_WRONLY | O_CREAT, mode: 0o600)
            }
        }
    }

    private static func names(_ directory: FileDescriptor) throws -> [[UInt8]] {
        lseek(directory.number, 0, SEEK_SET)
        var names: [[UInt8]] = []
        try DirectoryReader(directory, label: "test").forEach { name, _ in
            names.append(Array(name))
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    @Test func listingHasEveryNameOnceWhateverItsBytes() throws {
        try withTemporaryDirectory { path in
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            #expect(try Self.names(directory) == [])
            var names: [[UInt8]] = [
                Array("...".utf8), Array(".a".utf8), [0xff], [0x0a], [0x2e, 0x80],
                [UInt8](repeating: 0xe9, count: 255),
            ]
            names += (0..<6000).map { Array("a rather long name of number \($0)".utf8) }
            for name in names { try Self.create(name, in: directory) }
            #expect(
                try Self.names(directory) == names.sorted { $0.lexicographicallyPrecedes($1) })
        }
    }

    @Test func listingTellsTypes() throws {
        try withTemporaryDirectory { path in
            mkdir("\(path)/d", 0o700)
            symlink("x", "\(path)/l")
            mkfifo("\(path)/p", 0o600)
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            var types: [String: UInt8] = [:]
            try DirectoryReader(directory, label: path).forEach {
                types[String(decoding: $0, as: UTF8.self)] = $1
            }
            #expect(types == ["d": UInt8(DT_DIR), "l": UInt8(DT_LNK), "p": UInt8(DT_FIFO)])
        }
    }

    @Test func failureInTheBodyEndsTheListing() throws {
        try withTemporaryDirectory { path in
            mkdir("\(path)/a", 0o700)
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            #expect(throws: SnapError.self) {
                try DirectoryReader(directory, label: path).forEach { _, _ in
                    throw SnapError(.io, "stop")
                }
            }
        }
    }

    @Test func readsStopAtTheEndAndWritesAreWhole() throws {
        try withTemporaryDirectory { path in
            let file = try FileDescriptor.open("\(path)/f", O_RDWR | O_CREAT, mode: 0o600)
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            try bytes.withUnsafeBytes { try file.write($0, at: 50, label: "f") }
            #expect(try FileAttributes(of: file, label: "f").size == 100_050)
            for (offset, expected) in [(0, 1000), (100_000, 50), (100_050, 0), (1 << 40, 0)] {
                var buffer = [UInt8](repeating: 9, count: 1000)
                let count = try buffer.withUnsafeMutableBytes {
                    try file.read(at: offset, into: $0, label: "f")
                }
                #expect(count == expected)
                if offset == 0 { #expect(buffer[50...] == bytes[..<950] && buffer[49] == 0) }
            }
        }
    }

    @Test func descriptorsAreNotInherited() throws {
        try withTemporaryDirectory { path in
            let file = try FileDescriptor.open("\(path)/f", O_RDWR | O_CREAT, mode: 0o600)
            #expect(fcntl(file.number, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test func errorsOfTheSystemHaveTheirKinds() throws {
        func kind(_ code: Int32) -> SnapError.Kind { SnapError(errno: code, "x").kind }
        #expect(kind(ENOENT) == .notFound && kind(ENOTDIR) == .notFound)
        #expect(kind(EEXIST) == .exists)
        #expect(kind(ENOSPC) == .noSpace && kind(EDQUOT) == .noSpace)
        #expect(kind(EIO) == .io && kind(EACCES) == .io && kind(ESTALE) == .io)
        let error = #expect(throws: SnapError.self) {
            try FileDescriptor.open("/nonexistent/x", O_RDONLY)
        }
        #expect(error?.kind == .notFound && error?.code == ENOENT)
        #expect(error?.within("outer").code == ENOENT)
    }

    @Test func renameReplacesNothing() throws {
        try withTemporaryDirectory { path in
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            for name in ["a", "b"] { try Self.create(Array(name.utf8), in: directory) }
            let error = #expect(throws: SnapError.self) {
                try renameWithoutReplacing(directory, "a", directory, "b", label: "b")
            }
            #expect(error?.kind == .exists)
            try renameWithoutReplacing(directory, "a", directory, "c", label: "c")
            #expect(try Self.names(directory) == [[0x62], [0x63]])
        }
    }

    @Test func attributesAreOfTheLinkItself() throws {
        try withTemporaryDirectory { path in
            symlink("four", "\(path)/l")
            let attributes = try FileAttributes(path: "\(path)/l")
            #expect(attributes.mode & S_IFMT == S_IFLNK && attributes.size == 4)
            let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
            try Self.create([0xff, 0xfe], in: directory)
            let odd = try ([0xff, 0xfe] as [UInt8]).withUnsafeBytes {
                try FileAttributes(at: directory, name: $0)
            }
            #expect(odd.mode & S_IFMT == S_IFREG && odd.links == 1)
        }
    }

    @Test func extendedAttributesKeepTheirBytes() throws {
        // tmpfs has user attributes only on newer kernels.
        var template = Array("/tmp/snapfs-test-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer {
            close(file)
            unlink(path)
        }
        let values: [[UInt8]: [UInt8]] = [
            Array("user.empty".utf8): [], Array("user.".utf8) + [0xff]: [0, 1, 0xff],
            Array("user.big".utf8): [UInt8](repeating: 3, count: 3000),
        ]
        for (name, value) in values { try XattrCalls.set(path: path, name: name, value: value) }
        #expect(Set(try XattrCalls.names(path: path)) == Set(values.keys))
        for (name, value) in values {
            #expect(try XattrCalls.value(path: path, name: name) == value)
        }
        try XattrCalls.remove(path: path, name: Array("user.big".utf8))
        #expect(try XattrCalls.value(path: path, name: Array("user.big".utf8)) == nil)
    }

    @Test func civilTimeGoesThereAndBack() {
        var random = SeededRandom()
        let edges: [Int64] = [.min, .min + 1, -86_401, -86_400, -1, 0, 951_782_400, .max - 1, .max]
        let some = (0..<3000).map { Int64(bitPattern: random.next()) >> Int64($0 % 40) }
        for seconds in edges + some { #expect(CivilTime(seconds: seconds).seconds == seconds) }
        #expect("\(CivilTime(seconds: 951_782_400))" == "2000-02-29T00:00:00Z")
        #expect("\(CivilTime(seconds: -1))" == "1969-12-31T23:59:59Z")
        #expect("\(CivilTime(seconds: 253_402_300_800))" == "10000-01-01T00:00:00Z")
        #expect(CivilTime(year: 2023, month: 2, day: 29) == nil)
        #expect(CivilTime(year: 1900, month: 2, day: 29) == nil)
        #expect(CivilTime(year: 2000, month: 2, day: 29)?.seconds == 951_782_400)
    }
}
