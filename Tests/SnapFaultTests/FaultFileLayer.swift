// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapStore
import Synchronization

/// How a call fails.
enum FaultMode: CaseIterable {
    /// EIO, and nothing happened.
    case error
    /// ENOSPC, and nothing happened.
    case noSpace
    /// EIO, though it happened: the answer was lost.
    case lostAnswer
    /// A name is created, and the answer is that it exists: a request that was sent twice.
    case exists
    /// Half of the bytes are written, then ENOSPC.
    case shortWrite
    /// This and every later call fails.
    case gone
    /// This and every later call that needs space fails.
    case full

    fileprivate var code: Int32 {
        switch self {
        case .error, .lostAnswer, .gone: EIO
        case .noSpace, .shortWrite, .full: ENOSPC
        case .exists: EEXIST
        }
    }
}

/// What a call does, which decides the modes that make sense for it.
enum CallKind {
    case read, write, change, name

    /// Whether a fault may begin with such a call.
    func counts(in mode: FaultMode) -> Bool {
        switch mode {
        case .error: true
        case .lostAnswer, .noSpace, .full, .gone: self != .read
        case .exists: self == .name
        case .shortWrite: self == .write
        }
    }
}

/// Counts calls and makes the n-th one fail. Thread-safe.
final class Fault: Sendable {
    let call: Int
    let mode: FaultMode
    private let state = Mutex((count: 0, hit: String?.none))

    /// The `call`-th call, from 1 on, of those that the mode makes sense for; 0 for none.
    init(_ call: Int, _ mode: FaultMode) {
        self.call = call
        self.mode = mode
    }

    static let none = Fault(0, .error)

    /// The call that was made to fail.
    var hit: String? { state.withLock { $0.hit } }

    /// Runs a call, or what the fault makes of it. `half` does half of the effect.
    func run<R>(
        _ name: String, _ kind: CallKind, half: () throws -> Void = {}, _ body: () throws -> R
    ) throws -> R {
        let strikes = state.withLock {
            let goesOn = mode == .gone || mode == .full && kind != .read
            guard kind.counts(in: mode) else { return $0.hit != nil && goesOn }
            $0.count += 1
            if $0.count == call { $0.hit = name }
            return $0.count == call || $0.hit != nil && goesOn
        }
        guard strikes else { return try body() }
        switch mode {
        case .error, .gone: break
        case .lostAnswer, .exists: _ = try body()
        case .shortWrite: try half()
        case .noSpace, .full: break
        }
        throw SnapError(errno: mode.code, "injected into \(name)")
    }
}

/// A file layer of which one call fails.
final class FaultFileLayer: FileLayer {
    private let base: any FileLayer
    private let fault: Fault

    init(_ base: any FileLayer, _ fault: Fault) {
        self.base = base
        self.fault = fault
    }

    func makeDirectory(_ path: String) throws {
        try fault.run("makeDirectory \(path)", .change) { try base.makeDirectory(path) }
    }

    func createFile(_ path: String) throws -> any LayerFile {
        try fault.run("createFile \(path)", .change) {
            FaultFile(try base.createFile(path), path, fault)
        }
    }

    func openFile(_ path: String) throws -> any LayerFile {
        try fault.run("openFile \(path)", .read) {
            FaultFile(try base.openFile(path), path, fault)
        }
    }

    func publish(_ from: String, as to: String) throws {
        try fault.run("publish \(to)", .name) { try base.publish(from, as: to) }
    }

    func unlink(_ path: String) throws {
        try fault.run("unlink \(path)", .change) { try base.unlink(path) }
    }

    func synchronizeDirectory(_ path: String) throws {
        try fault.run("synchronizeDirectory \(path)", .change) {
            try base.synchronizeDirectory(path)
        }
    }

    func list(_ path: String) throws -> [(name: String, size: Int?)] {
        try fault.run("list \(path)", .read) { try base.list(path) }
    }
}

private final class FaultFile: LayerFile {
    private let base: any LayerFile
    private let path: String
    private let fault: Fault

    init(_ base: any LayerFile, _ path: String, _ fault: Fault) {
        self.base = base
        self.path = path
        self.fault = fault
    }

    func size() throws -> Int { try fault.run("size \(path)", .read) { try base.size() } }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try fault.run("read \(path)", .read) { try base.read(at: offset, into: buffer) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        let half = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)])
        try fault.run(
            "write \(path)", .write, half: { try base.write(half, at: offset) },
            { try base.write(bytes, at: offset) })
    }

    func synchronize() throws {
        try fault.run("synchronize \(path)", .change) { try base.synchronize() }
    }
}
