// SPDX-License-Identifier: MIT
//
// A file system in memory that knows what a power cut would leave: content as of the last
// synchronize of the file, names as of the last synchronizeDirectory of their directory. Nothing
// keeps the order of two operations but a synchronisation between them.

import SnapBase
import SnapStore
import Synchronization

/// What of the unsynchronised changes is found after a crash.
enum Survival: CustomStringConvertible {
    /// All of it: the process was killed, the machine goes on.
    case everything
    /// None of it.
    case synchronizedOnly
    /// All names, but files as of their last synchronisation: empty where there was none.
    case namesWithoutContent
    /// All names, and the first half of what was written since.
    case namesWithHalfContent
    /// Each name and each file for itself.
    case random(UInt64)

    var description: String {
        switch self {
        case .everything: "everything survives"
        case .synchronizedOnly: "only what was synchronised survives"
        case .namesWithoutContent: "names survive, content does not"
        case .namesWithHalfContent: "names survive, with half of the content"
        case .random(let seed): "a choice survives, seed \(seed)"
        }
    }
}

/// The tables of the file system; a copy is another, independent one.
struct Disk: Sendable {
    struct File {
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
    }
    struct Directory {
        var names: [String: Int] = [:]
        var durable: [String: Int] = [:]
    }
    var files: [Int: File] = [:]
    var directories: [Int: Directory] = [0: Directory()]
    var next = 1

    /// The disk as it is found after a crash; everything on it is durable then.
    func after(_ survival: Survival) -> Disk {
        var random = SeededRandom(survival.seed)
        var disk = self
        for number in disk.directories.keys.sorted() {
            let directory = disk.directories[number]!
            let names = survival.names(directory, &random)
            disk.directories[number] = Directory(names: names, durable: names)
        }
        for number in disk.files.keys.sorted() {
            let bytes = survival.content(disk.files[number]!, &random)
            disk.files[number] = File(bytes: bytes, durable: bytes)
        }
        return disk
    }
}

extension Survival {
    fileprivate var seed: UInt64 {
        if case .random(let seed) = self { seed } else { 0 }
    }

    fileprivate func names(
        _ directory: Disk.Directory, _ random: inout SeededRandom
    ) -> [String: Int] {
        switch self {
        case .synchronizedOnly: return directory.durable
        case .everything, .namesWithoutContent, .namesWithHalfContent: return directory.names
        case .random:
            var names: [String: Int] = [:]
            for name in Set(directory.names.keys).union(directory.durable.keys).sorted() {
                let (live, durable) = (directory.names[name], directory.durable[name])
                names[name] = live == durable || Bool.random(using: &random) ? live : durable
            }
            return names
        }
    }

    fileprivate func content(_ file: Disk.File, _ random: inout SeededRandom) -> [UInt8] {
        let (bytes, durable) = (file.bytes, file.durable)
        // Files only grow here, so what is durable is a prefix.
        let half = (durable.count + bytes.count) / 2
        switch self {
        case .everything: return bytes
        case .synchronizedOnly, .namesWithoutContent: return durable
        case .namesWithHalfContent: return Array(bytes[..<half])
        case .random:
            switch UInt.random(in: 0..<4, using: &random) {
            case 0: return bytes
            case 1: return durable
            case 2:
                return Array(bytes[..<Int.random(in: durable.count...bytes.count, using: &random)])
            default:
                // Blocks that never reached the disk read as zeros.
                var torn = bytes
                for start in stride(from: durable.count, to: bytes.count, by: 512)
                where Bool.random(using: &random) {
                    for index in start..<min(start + 512, bytes.count) { torn[index] = 0 }
                }
                return torn
            }
        }
    }
}

/// A file layer over a Disk. It can lose its power after a given change; from then on every call
/// throws, and `disk` stays as it was.
final class AmnesiaFileLayer: FileLayer {
    private struct State {
        var disk: Disk
        var changes = 0
        var isOff = false
    }

    private let state: Mutex<State>
    private let powerCut: Int?

    /// `powerCut`: the number of the change, from 1 on, after which the power is lost.
    init(_ disk: Disk = Disk(), powerCutAfter powerCut: Int? = nil) {
        state = Mutex(State(disk: disk))
        self.powerCut = powerCut
    }

    var disk: Disk { state.withLock { $0.disk } }
    /// Changes so far.
    var changes: Int { state.withLock { $0.changes } }
    var isOff: Bool { state.withLock { $0.isOff } }

    /// One call that reads.
    fileprivate func read<R: Sendable>(_ body: (Disk) throws -> R) throws -> R {
        try state.withLock {
            if $0.isOff { throw Self.off }
            return try body($0.disk)
        }
    }

    /// One change.
    @discardableResult
    fileprivate func change<R: Sendable>(_ body: (inout Disk) throws -> R) throws -> R {
        try state.withLock {
            if $0.isOff { throw Self.off }
            let result = try body(&$0.disk)
            $0.changes += 1
            if $0.changes == powerCut {
                $0.isOff = true
                throw Self.off
            }
            return result
        }
    }

    private static var off: SnapError { SnapError(.io, "the power is off") }

    // MARK: FileLayer

    func makeDirectory(_ path: String) throws {
        if try read({ try $0.item(path) }) != nil { return }
        try change { try $0.add(path) { $0.directories[$1] = Disk.Directory() } }
    }

    func createFile(_ path: String) throws -> any LayerFile {
        AmnesiaFile(self, try change { try $0.add(path) { $0.files[$1] = Disk.File() } })
    }

    func openFile(_ path: String) throws -> any LayerFile {
        AmnesiaFile(self, try read { try $0.file(path) })
    }

    func publish(_ from: String, as to: String) throws {
        let number = try read { try $0.file(from) }
        try change { try $0.add(to, number: number) }
        try unlink(from)
    }

    func unlink(_ path: String) throws {
        try change {
            _ = try $0.file(path)
            let (parent, name) = try $0.place(path)
            $0.directories[parent]!.names[name] = nil
        }
    }

    func synchronizeDirectory(_ path: String) throws {
        try change {
            let number = try $0.directory(path)
            $0.directories[number]!.durable = $0.directories[number]!.names
        }
    }

    func list(_ path: String) throws -> [(name: String, size: Int?)] {
        try read { disk in
            disk.directories[try disk.directory(path)]!.names.map {
                ($0.key, disk.files[$0.value]?.bytes.count)
            }
        }
    }
}

private final class AmnesiaFile: LayerFile {
    private let layer: AmnesiaFileLayer
    private let number: Int

    init(_ layer: AmnesiaFileLayer, _ number: Int) {
        self.layer = layer
        self.number = number
    }

    func size() throws -> Int { try layer.read { $0.files[number]!.bytes.count } }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let bytes = try layer.read { $0.files[number]!.bytes }
        let count = max(0, min(buffer.count, bytes.count - offset))
        bytes.withUnsafeBytes {
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: $0.dropFirst(offset).prefix(count)))
        }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        let added = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            count = bytes.count
        }
        try layer.change {
            guard offset == $0.files[number]!.bytes.count else {
                throw SnapError(.io, "a write that does not append")
            }
            $0.files[number]!.bytes += added
        }
    }

    func synchronize() throws {
        try layer.change { $0.files[number]!.durable = $0.files[number]!.bytes }
    }
}

extension Disk {
    /// The number of what a path names; nil where there is nothing.
    fileprivate func item(_ path: String) throws -> Int? {
        var number = 0
        for part in path.split(separator: "/") {
            guard let directory = directories[number] else { return nil }
            guard let next = directory.names[String(part)] else { return nil }
            number = next
        }
        return number
    }

    fileprivate func file(_ path: String) throws -> Int {
        guard let number = try item(path), files[number] != nil else { throw absent(path) }
        return number
    }

    fileprivate func directory(_ path: String) throws -> Int {
        guard let number = try item(path), directories[number] != nil else { throw absent(path) }
        return number
    }

    /// The parent directory of a path, and its last name.
    fileprivate func place(_ path: String) throws -> (parent: Int, name: String) {
        let parts = path.split(separator: "/").map(String.init)
        return (try directory(parts.dropLast().joined(separator: "/")), parts.last!)
    }

    @discardableResult
    fileprivate mutating func add(
        _ path: String, make: (inout Disk, Int) -> Void
    ) throws -> Int {
        let number = next
        try add(path, number: number)
        next += 1
        make(&self, number)
        return number
    }

    fileprivate mutating func add(_ path: String, number: Int) throws {
        let (parent, name) = try place(path)
        guard directories[parent]!.names[name] == nil else {
            throw SnapError(.exists, "\(path) exists", code: 17)
        }
        directories[parent]!.names[name] = number
    }

    private func absent(_ path: String) -> SnapError {
        SnapError(.notFound, "there is no \(path)", code: 2)
    }
}
