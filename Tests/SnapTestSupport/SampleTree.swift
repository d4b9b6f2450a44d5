// SPDX-License-Identifier: MIT
//
// A tree that is written through the snapshot writer and compared with what a view gives back: each
// read must give exactly the right bytes, or an error.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapView

package struct SampleNode: Sendable {
    package enum Piece: Sendable {
        case data([UInt8])
        case hole(UInt64)
    }
    package enum Content: Sendable {
        case directory([SampleNode])
        case file([Piece])
        case link([UInt8])
        case other
    }

    package var name: [UInt8]
    package var attributes: Attributes
    package var content: Content
    package var xattrs: [ExtendedAttribute] = []

    package init(_ name: [UInt8], mode: UInt16, _ content: Content) {
        self.name = name
        self.content = content
        attributes = Attributes(mode: mode)
        attributes.uid = 1000
        attributes.gid = 100
        attributes.mtime = Timestamp(seconds: -7, nanoseconds: 123_456_789)
        attributes.ctime = Timestamp(seconds: 1_795_257_600, nanoseconds: 999_999_999)
        attributes.inode = UInt64(name.count) + 1000
        if case .link(let target) = content { attributes.size = UInt64(target.count) }
    }

    package static func directory(_ name: String, _ children: [SampleNode]) -> SampleNode {
        SampleNode(Array(name.utf8), mode: 0o40755, .directory(children))
    }

    package static func file(_ name: String, _ pieces: Piece...) -> SampleNode {
        SampleNode(Array(name.utf8), mode: 0o100644, .file(pieces))
    }

    /// The bytes of a file, holes as zeros.
    package var bytes: [UInt8] {
        guard case .file(let pieces) = content else { return [] }
        return pieces.reduce(into: []) { out, piece in
            switch piece {
            case .data(let bytes): out += bytes
            case .hole(let count): out.append(contentsOf: repeatElement(0, count: Int(count)))
            }
        }
    }

    var run: [UInt8] { ExtendedAttribute.encode(xattrs) }
}

package struct SampleTree: Sendable {
    package var children: [SampleNode]

    package init(_ children: [SampleNode]) { self.children = children }

    /// A dozen files with every form of content, and one of everything else.
    package static func small(seed: UInt64) -> SampleTree {
        var random = SeededRandom(seed: seed)
        let text = Array("All happy families are alike. ".utf8)
        let pages = Array(repeating: text, count: 60).flatMap { $0 }
        // 40 stretches of data between holes: more extents than an entry holds, so a list object.
        let scattered = (0..<40).flatMap { number -> [SampleNode.Piece] in
            [.data(random.bytes(20 + number)), .hole(UInt64(100 + number))]
        }
        var noted = SampleNode.file("noted", .data(text))
        noted.xattrs = [ExtendedAttribute(name: Array("user.note".utf8), value: text)]
        var laden = SampleNode.file("laden", .data(random.bytes(600)))
        laden.xattrs = [
            ExtendedAttribute(name: Array("user.big".utf8), value: random.bytes(2500))
        ]
        var device = SampleNode(Array("tty".utf8), mode: 0o20620, .other)
        device.attributes.count = 5 << 32 | 1
        return SampleTree([
            .directory("deep", [.directory("er", [.directory("est", [.file("f", .data(pages))])])]),
            device,
            .directory("empty", []),
            .file("nothing"),
            .file("inline", .data(random.bytes(512))),
            .file("chunk", .data(random.bytes(513))),
            .file("same", .data(pages)),
            .file("hole", .hole(5000)),
            .file("sparse", .hole(4096), .data(pages), .hole(10), .data(random.bytes(700))),
            SampleNode(Array("scattered".utf8), mode: 0o100600, .file(scattered)),
            laden, noted,
            SampleNode(Array("link".utf8), mode: 0o120777, .link(Array("../\u{e9}".utf8) + [0xff])),
            SampleNode([0xff, 0x0a, 0x20], mode: 0o10644, .other),
        ])
    }

    // MARK: Writing

    package static var root: Entry { Entry(name: [], attributes: Attributes(mode: 0o40755)) }

    /// Writes the tree as a snapshot of the repository.
    @discardableResult
    package func backUp(
        to repository: Repository, threads: Int = 1, _ change: (inout Manifest) -> Void = { _ in }
    ) throws -> Manifest {
        var template = Manifest(
            id: [UInt8](repeating: 0, count: 16),
            time: Timestamp(seconds: 1_795_257_600, nanoseconds: 5), root: Self.root)
        template.host = "host"
        template.paths = [Array("/srv".utf8)]
        change(&template)
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: BackupProgress(),
            threads: threads)
        try write(children, to: writer)
        return try writer.finish(root: Self.root)
    }

    private func write(_ nodes: [SampleNode], to writer: SnapshotWriter) throws {
        for node in nodes {
            let entry = entry(node)
            switch node.content {
            case .directory(let children):
                try writer.beginDirectory(entry, xattrs: node.run)
                try write(children, to: writer)
                try writer.endDirectory()
            case .file(let pieces):
                writer.beginFile()
                for piece in pieces { try write(piece, to: writer) }
                try writer.endFile(entry, xattrs: node.run, before: nil)
            case .link, .other: try writer.add(entry, xattrs: node.run)
            }
        }
    }

    private func write(_ piece: SampleNode.Piece, to writer: SnapshotWriter) throws {
        switch piece {
        case .hole(let count): try writer.appendHole(count)
        case .data(let bytes): try writer.append(all: bytes)
        }
    }

    private func entry(_ node: SampleNode) -> Entry {
        var entry = Entry(name: node.name, attributes: node.attributes)
        if case .link(let target) = node.content { entry.target = target }
        return entry
    }

    // MARK: Comparing

    /// What reading everything came to.
    package struct Findings: Sendable {
        /// Reads that gave something else than what was stored. Must stay empty.
        package var wrong: [String] = []
        /// Reads that failed with a SnapError.
        package var errors: [SnapError] = []
        package var right = 0
    }

    /// Reads everything of a view, each thing for itself.
    package func compare(with view: SnapshotView) -> Findings {
        var findings = Findings()
        compare(children, in: view.root, "", view, &findings)
        return findings
    }

    private func compare(
        _ nodes: [SampleNode], in directory: Place, _ path: String, _ view: SnapshotView,
        _ findings: inout Findings
    ) {
        let expected = nodes.map(\.name).sorted { $0.lexicographicallyPrecedes($1) }
        findings.take("\(path)/ listing") {
            var names: [[UInt8]] = []
            try view.forEach(in: directory) { place in
                names.append(place.name)
                return true
            }
            return names == expected
        }
        for node in nodes {
            let path = "\(path)/\(String(decoding: node.name, as: UTF8.self))"
            var found: Place?
            findings.take("\(path) lookup") {
                found = try view.lookup(node.name, in: directory)
                guard let found else { return false }
                let again = try view.place(found.rank)
                return again.name == node.name && Self.same(found.attributes, node)
            }
            guard let found else { continue }
            findings.take("\(path) xattrs") { try view.xattrs(found) == node.xattrs }
            switch node.content {
            case .directory(let children): compare(children, in: found, path, view, &findings)
            case .link(let target):
                findings.take("\(path) target") { try view.linkTarget(found) == target }
            case .file: compareContent(node, found, path, view, &findings)
            case .other: break
            }
        }
    }

    private func compareContent(
        _ node: SampleNode, _ place: Place, _ path: String, _ view: SnapshotView,
        _ findings: inout Findings
    ) {
        let expected = node.bytes
        findings.take("\(path) content") {
            var bytes = [UInt8](repeating: 0xaa, count: expected.count + 10)
            let count = try bytes.withUnsafeMutableBytes { try view.read(place, at: 0, into: $0) }
            return Array(bytes[..<count]) == expected
        }
        findings.take("\(path) tail") {
            let start = expected.count / 2
            var bytes = [UInt8](repeating: 0xaa, count: expected.count - start)
            let count = try bytes.withUnsafeMutableBytes {
                try view.read(place, at: UInt64(start), into: $0)
            }
            return count == bytes.count && bytes[...] == expected[start...]
        }
    }

    private static func same(_ found: Attributes, _ node: SampleNode) -> Bool {
        var expected = node.attributes
        switch node.content {
        case .file: expected.size = UInt64(node.bytes.count)
        case .directory(let children):
            expected.size = children.reduce(0) { $0 + bytesBelow($1) }
            expected.count = children.reduce(0) { $0 + entries($1) }
        case .link, .other: break
        }
        return found == expected
    }

    private static func bytesBelow(_ node: SampleNode) -> UInt64 {
        guard case .directory(let children) = node.content else { return UInt64(node.bytes.count) }
        return children.reduce(0) { $0 + bytesBelow($1) }
    }

    private static func entries(_ node: SampleNode) -> UInt64 {
        guard case .directory(let children) = node.content else { return 1 }
        return children.reduce(1) { $0 + entries($1) }
    }
}

extension SampleTree.Findings {
    /// Notes how one read ended: whether what it gave is right, or its error.
    fileprivate mutating func take(_ what: String, _ body: () throws -> Bool) {
        do {
            if try body() { right += 1 } else { wrong.append(what) }
        } catch {
            errors.append(SnapError.wrap(error))
        }
    }
}

/// The key of the repositories of the tests.
package let testKey = Credential.keyFile(Secret([UInt8](repeating: 7, count: 32)))

/// A new repository in a store.
package func createRepository(
    on files: MemoryFileLayer, _ credential: Credential = testKey
) throws {
    let store = LocalStore(files: files, location: "memory")
    try store.makeDirectories()
    try Repository.create(
        store, credential, stretching: Stretching(logN: 1, r: 1, p: 1), label: "test")
}

/// Opens the repository in a layer, its index too.
package func openRepository(
    on files: MemoryFileLayer, _ credential: Credential = testKey
) throws -> Repository {
    let repository = try Repository.open(
        LocalStore(files: files, location: "memory"), credential)
    try repository.refresh()
    return repository
}
