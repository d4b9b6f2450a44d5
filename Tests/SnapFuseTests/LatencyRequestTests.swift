// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import Testing

@testable import SnapFuse

/// Whether a burst of questions, and nothing else, asks the kernel for its answer.
@Suite struct LatencyRequestTests {
    private let path: String

    init() throws {
        path = try temporaryDirectory() + "/latency"
        try FileDescriptor.open(path, O_WRONLY | O_CREAT, mode: 0o600).write("before")
    }

    private var content: [UInt8] {
        get throws {
            var bytes = [UInt8](repeating: 0, count: 6)
            let count = try bytes.withUnsafeMutableBytes {
                try FileDescriptor.open(path, O_RDONLY).read(at: 0, into: $0, label: path)
            }
            return Array(bytes.prefix(count))
        }
    }

    /// Whether this process has the file open.
    private var isHeld: Bool {
        (0..<256).contains { number in
            var target = [UInt8](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(number)", &target, target.count)
            return count > 0 && String(decoding: target.prefix(count), as: UTF8.self) == path
        }
    }

    private func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<2000 {
            if try condition() { return true }
            usleep(5000)
        }
        return false
    }

    @Test func aBurstAsksAndSilenceTakesItBack() throws {
        let request = LatencyRequest(path: path)
        defer { request.end() }
        // The clock is looked at now and then: on a busy machine the first ones may be too slow.
        #expect(
            try eventually {
                for _ in 0..<64 { request.didAsk() }
                return try content == [0, 0, 0, 0] + Array("re".utf8)
            })
        #expect(eventually { !isHeld })
        #expect(
            eventually {
                for _ in 0..<64 { request.didAsk() }
                return isHeld
            })
    }

    @Test func aFewQuestionsAskNothing() throws {
        let request = LatencyRequest(path: path)
        for _ in 0..<31 { request.didAsk() }
        request.end()
        #expect(try content == Array("before".utf8))
    }

    @Test func refusalCostsNothingButSpeed() throws {
        let request = LatencyRequest(path: path + "/absent")
        for _ in 0..<1000 { request.didAsk() }
        request.end()
        #expect(try content == Array("before".utf8))
    }
}

extension FileDescriptor {
    fileprivate func write(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { try write($0, at: 0, label: "latency") }
    }
}
