// SPDX-License-Identifier: MIT
//
// A file layer in memory that knows what is durable: the content of a file since its last
// synchronisation, and the names of a directory since its last one. After a power cut only that is
// there. Hooks make any call fail before or after its deed.

import Glibc
import SnapBase
import SnapStore

/// Thread-safe.
package final class MemoryFileLayer: FileLayer, @unchecked Sendable {
    // Sendable: the tree and `counter` are used inside monitor.locked; the hooks are set before
    // use.
    package enum Operation: String, Sendable {
        case makeDirectory, create, open, publish, unlink, synchronizeDirectory, list, size, read,
            write, synchronize
    }

    /// Called before each operation, with its path and number from 1; what it throws, the call
    /// throws, and nothing is done.
    package var before: (@Sendable (Operation, String, Int) throws -> Void)?
    /// Called after each operation: what it throws, the call throws although the deed is done.
    package var after: (@Sendable (Operation, String, Int) throws -> Void)?

    fileprivate final class Node {
        let isDirectory: Bool
        var bytes: [UInt8] = []
        var durableBytes: [UInt8] = []
        var names: [String: Node] = [:]
        var durableNames: [String: Node] = [:]

        init(isDirectory: Bool) { self.isDirectory = isDirectory }
    }

    private let monitor = Monitor()
    private let root: Node
    private var counter = 0

    package init() { root = Node(isDirectory: true) }

    private init(root: Node) { self.root = root }

    /// A layer that holds these files, all durable.
    package convenience init(files: [String: [UInt8]]) {
        self.init()
        for (path, bytes) in files { replace(path, bytes) }
    }

    // MARK: Tests look and meddle

    /// The number of operations so far.
    package var operationCount: Int { monitor.locked { counter } }

    /// Every file by its path.
    package var contents: [String: [UInt8]] {
        func collect(_ node: Node, _ prefix: String, _ out: inout [String: [UInt8]]) {
            for (name, child) in node.names {
                if child.isDirectory {
                    collect(child, prefix + name + "/", &out)
                } else {
                    out[prefix + name] = child.bytes
                }
            }
        }
        return monitor.locked {
            var out: [String: [UInt8]] = [:]
            collect(root, "", &out)
            return out
        }
    }

    /// Puts a durable file in place of whatever is there, or takes it away for nil.
    package func replace(_ path: String, _ bytes: [UInt8]?) {
        monitor.locked {
            var node = root
            let parts = path.split(separator: "/").map(String.init)
            for part in parts.dropLast() {
                let next = node.names[part] ?? Node(isDirectory: true)
                node.names[part] = next
                node.durableNames[part] = next
                node = next
            }
            let file = bytes.map { bytes in
                let file = Node(isDirectory: false)
                (file.bytes, file.durableBytes) = (bytes, bytes)
                return file
            }
            node.names[parts.last!] = file
            node.durableNames[parts.last!] = file
        }
    }

    /// What is there after a power cut: of everything that was not synchronised nothing, or, with
    /// `keeping`, what it says true to.
    package func afterPowerCut(
        keeping: (_ path: String) -> Bool = { _ in false }
    ) -> MemoryFileLayer {
        func survivor(_ node: Node, _ path: String) -> Node {
            let out = Node(isDirectory: node.isDirectory)
            if !node.isDirectory {
                out.bytes =
                    node.bytes == node.durableBytes || keeping(path)
                    ? node.bytes : node.durableBytes
                out.durableBytes = out.bytes
                return out
            }
            let all = Set(node.names.keys).union(node.durableNames.keys)
            for name in all.sorted() {
                let below = path.isEmpty ? name : "\(path)/\(name)"
                let (now, durable) = (node.names[name], node.durableNames[name])
                guard let child = now === durable || !keeping(below) ? durable : now else {
                    continue
                }
                out.names[name] = survivor(child, below)
            }
            out.durableNames = out.names
            return out
        }
        return monitor.locked { MemoryFileLayer(root: survivor(root, "")) }
    }

    // MARK: FileLayer

    fileprivate func perform<R>(
        _ operation: Operation, _ path: String, _ body: () throws -> R
    ) throws -> R {
        let number = monitor.locked {
            counter += 1
            return counter
        }
        try before?(operation, path, number)
        let result = try monitor.locked(body)
        try after?(operation, path, number)
        return result
    }

    private func find(_ path: String) throws -> Node {
        var node = root
        for part in path.split(separator: "/") {
            guard node.isDirectory else { throw SnapError(errno: ENOTDIR, path) }
            guard let next = node.names[String(part)] else { throw SnapError(errno: ENOENT, path) }
            node = next
        }
        return node
    }

    private func parent(_ path: String) throws -> (node: Node, name: String) {
        let parts = path.split(separator: "/")
        let node = try find(parts.dropLast().joined(separator: "/"))
        guard node.isDirectory else { throw SnapError(errno: ENOTDIR, path) }
        return (node, String(parts.last!))
    }

    package func makeDirectory(_ path: String) throws {
        try perform(.makeDirectory, path) {
            let (node, name) = try parent(path)
            if node.names[name] == nil { node.names[name] = Node(isDirectory: true) }
        }
    }

    package func createFile(_ path: String) throws -> any LayerFile {
        try perform(.create, path) {
            let (node, name) = try parent(path)
            guard node.names[name] == nil else { throw SnapError(errno: EEXIST, path) }
            let file = Node(isDirectory: false)
            node.names[name] = file
            return MemoryFile(layer: self, node: file, path: path)
        }
    }

    package func openFile(_ path: String) throws -> any LayerFile {
        try perform(.open, path) {
            let node = try find(path)
            guard !node.isDirectory else { throw SnapError(errno: EISDIR, path) }
            return MemoryFile(layer: self, node: node, path: path)
        }
    }

    package func publish(_ from: String, as to: String) throws {
        try perform(.publish, to) {
            let source = try parent(from)
            guard let file = source.node.names[source.name] else {
                throw SnapError(errno: ENOENT, from)
            }
            let target = try parent(to)
            guard target.node.names[target.name] == nil else { throw SnapError(errno: EEXIST, to) }
            target.node.names[target.name] = file
            source.node.names[source.name] = nil
        }
    }

    package func unlink(_ path: String) throws {
        try perform(.unlink, path) {
            let (node, name) = try parent(path)
            guard let file = node.names[name] else { throw SnapError(errno: ENOENT, path) }
            guard !file.isDirectory else { throw SnapError(errno: EISDIR, path) }
            node.names[name] = nil
        }
    }

    package func synchronizeDirectory(_ path: String) throws {
        try perform(.synchronizeDirectory, path) {
            let node = try find(path)
            guard node.isDirectory else { throw SnapError(errno: ENOTDIR, path) }
            node.durableNames = node.names
        }
    }

    package func list(_ path: String) throws -> [(name: String, size: Int?)] {
        try perform(.list, path) {
            let node = try find(path)
            guard node.isDirectory else { throw SnapError(errno: ENOTDIR, path) }
            return node.names.map { ($0.key, $0.value.isDirectory ? nil : $0.value.bytes.count) }
        }
    }
}

private final class MemoryFile: LayerFile, @unchecked Sendable {
    // Sendable: the node is used inside the layer's lock.
    private let layer: MemoryFileLayer
    private let node: MemoryFileLayer.Node
    private let path: String

    init(layer: MemoryFileLayer, node: MemoryFileLayer.Node, path: String) {
        self.layer = layer
        self.node = node
        self.path = path
    }

    func size() throws -> Int { try layer.perform(.size, path) { node.bytes.count } }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try layer.perform(.read, path) {
            let count = max(0, min(buffer.count, node.bytes.count - offset))
            node.bytes.withUnsafeBytes {
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0.dropFirst(offset).prefix(count)))
            }
            return count
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try layer.perform(.write, path) {
            let missing = offset + bytes.count - node.bytes.count
            if missing > 0 { node.bytes.append(contentsOf: repeatElement(0, count: missing)) }
            node.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
    }

    func synchronize() throws {
        try layer.perform(.synchronize, path) { node.durableBytes = node.bytes }
    }
}
