// SPDX-License-Identifier: MIT

import SnapBase
import SnapStore

/// A store of which one call fails.
final class FaultStore: Store {
    private let base: any Store
    private let fault: Fault

    init(_ base: any Store, _ fault: Fault) {
        self.base = base
        self.fault = fault
    }

    var location: String { base.location }

    func open(_ name: String) throws -> any StoreFile {
        try fault.run("open \(name)", .read) {
            FaultStoreFile(try base.open(name), name, fault)
        }
    }

    func stage() throws -> any StagedFile {
        try fault.run("stage", .change) {
            FaultStagedFile(try base.stage(), fault)
        }
    }

    func list(_ directory: String) throws -> [StoreEntry] {
        try fault.run("list \(directory)", .read) { try base.list(directory) }
    }

    func listDirectories(_ directory: String) throws -> [String] {
        try fault.run("list \(directory)", .read) { try base.listDirectories(directory) }
    }

    func delete(_ name: String) throws {
        try fault.run("delete \(name)", .change) { try base.delete(name) }
    }

    func synchronize() throws {
        try fault.run("synchronize", .change) { try base.synchronize() }
    }
}

private final class FaultStoreFile: StoreFile {
    private let base: any StoreFile
    private let name: String
    private let fault: Fault

    init(_ base: any StoreFile, _ name: String, _ fault: Fault) {
        self.base = base
        self.name = name
        self.fault = fault
    }

    var size: Int { base.size }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        try fault.run("read \(name)", .read) { try base.read(at: offset, into: buffer) }
    }
}

private final class FaultStagedFile: StagedFile {
    private let base: any StagedFile
    private let fault: Fault

    init(_ base: any StagedFile, _ fault: Fault) {
        self.base = base
        self.fault = fault
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        let half = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)])
        try fault.run(
            "append", .write, half: { try base.append(half) }, { try base.append(bytes) })
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        try fault.run("read back", .read) { try base.read(at: offset, into: buffer) }
    }

    func commit(as name: String) throws {
        try fault.run("commit \(name)", .name) { try base.commit(as: name) }
    }

    func discard() { base.discard() }
}
