// SPDX-License-Identifier: MIT
//
// A tree in memory to mount: everything a snapshot may hold, errors on demand, counted calls.

import Glibc
import SnapBase

@testable import SnapFuse

final class MemoryFileSystem: FileSystem, @unchecked Sendable {
    // Sendable: what changes while mounted is used inside monitor.locked.
    struct Node {
        var attributes = NodeAttributes()
        var children: [(name: [UInt8], node: UInt64)] = []
        var byName: [[UInt8]: UInt64] = [:]
        var content: [UInt8] = []
        /// Where data is; the rest of the content is a hole.
        var extents: [Range<Int>] = []
        var extendedAttributes: [[UInt8]: [UInt8]] = [:]
        var failure: SnapError?
        var lifetime = Lifetime.forever
    }

    let hasExtendedAttributes: Bool
    private let monitor = Monitor()
    private var nodes: [Node] = []
    private var calls: [String: Int] = [:]
    private var errors: [SnapError.Kind] = []

    init(extendedAttributes: Bool = true) {
        hasExtendedAttributes = extendedAttributes
        _ = make(S_IFDIR | 0o755)
    }

    // Building. Node n is nodes[n - 1].

    private func make(_ mode: UInt32, content: [UInt8] = []) -> UInt64 {
        monitor.locked {
            var node = Node()
            node.attributes.inode = UInt64(nodes.count) + 1000
            node.attributes.mode = mode
            node.attributes.size = UInt64(content.count)
            node.attributes.blocks = UInt64(content.count + 511) / 512
            node.attributes.mtimeSeconds = 1_700_000_000
            node.attributes.mtimeNanoseconds = 123_456_789
            node.content = content
            node.extents = content.isEmpty ? [] : [0..<content.count]
            nodes.append(node)
            return UInt64(nodes.count)
        }
    }

    @discardableResult
    func add(
        _ name: [UInt8], in parent: UInt64 = rootNode, mode: UInt32 = S_IFREG | 0o644,
        content: [UInt8] = []
    ) -> UInt64 {
        let node = make(mode, content: content)
        change(parent) {
            $0.children.append((name, node))
            $0.byName[name] = node
        }
        return node
    }

    @discardableResult
    func add(
        _ name: String, in parent: UInt64 = rootNode, mode: UInt32 = S_IFREG | 0o644,
        content: [UInt8] = []
    ) -> UInt64 {
        add(Array(name.utf8), in: parent, mode: mode, content: content)
    }

    func change(_ node: UInt64, _ body: (inout Node) -> Void) {
        monitor.locked { body(&nodes[Int(node) - 1]) }
    }

    func count(_ call: String) -> Int { monitor.locked { calls[call] ?? 0 } }
    var failures: [SnapError.Kind] { monitor.locked { errors } }

    private func node(_ number: UInt64, _ call: String) throws -> Node {
        let node: Node = try monitor.locked {
            calls[call, default: 0] += 1
            guard number >= 1, number <= nodes.count else {
                throw SnapError(.notFound, "node \(number)")
            }
            return nodes[Int(number) - 1]
        }
        if let failure = node.failure, call != "attributes" { throw failure }
        return node
    }

    private func entry(_ number: UInt64) -> NodeEntry {
        monitor.locked {
            let node = nodes[Int(number) - 1]
            return NodeEntry(node: number, attributes: node.attributes, lifetime: node.lifetime)
        }
    }

    // Serving.

    func lookup(parent: UInt64, name: UnsafeRawBufferPointer) throws -> LookupResult {
        let directory = try node(parent, "lookup")
        guard let found = directory.byName[Array(name)] else {
            return .absent(lifetime: directory.lifetime)
        }
        return .entry(entry(found))
    }

    func attributes(node number: UInt64) throws -> (NodeAttributes, lifetime: Double) {
        let node = try node(number, "attributes")
        return (node.attributes, node.lifetime)
    }

    func readLink(node number: UInt64) throws -> [UInt8] { try node(number, "readLink").content }

    func read(
        node number: UInt64, offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        let content = try node(number, "read").content
        let count = min(max(content.count - offset, 0), buffer.count)
        content.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
        }
        return count
    }

    func readDirectory(
        node number: UInt64, from cookie: UInt64, into reply: inout DirectoryReply
    ) throws {
        let directory = try node(number, "readDirectory")
        if cookie < 1, !reply.addCurrent(inode: directory.attributes.inode, next: 1) { return }
        if cookie < 2, !reply.addParent(inode: directory.attributes.inode, next: 2) { return }
        let first = Int(max(cookie, 2)) - 2
        for index in first..<max(first, directory.children.count) {
            let (name, child) = directory.children[index]
            let next = UInt64(index + 3)
            let fits = try name.withUnsafeBytes {
                try reply.add(name: $0, entry: entry(child), next: next)
            }
            if !fits { return }
        }
    }

    func extendedAttributeNames(node number: UInt64) throws -> [UInt8] {
        let node = try node(number, "names")
        return node.extendedAttributes.keys.flatMap { $0 + [0] }
    }

    func extendedAttribute(node number: UInt64, name: UnsafeRawBufferPointer) throws -> [UInt8]? {
        try node(number, "value").extendedAttributes[Array(name)]
    }

    func seek(node number: UInt64, offset: Int, to target: SeekTarget) throws -> Int? {
        let node = try node(number, "seek")
        guard offset < node.content.count else { return nil }
        switch target {
        case .data:
            return node.extents.first { $0.upperBound > offset }.map { max($0.lowerBound, offset) }
        case .hole: return node.extents.first { $0.contains(offset) }?.upperBound ?? offset
        }
    }

    func statistics() throws -> Statistics { Statistics(blocks: 1000, files: 77) }

    func failed(_ operation: StaticString, node: UInt64, _ error: SnapError) {
        monitor.locked { errors.append(error.kind) }
    }
}
