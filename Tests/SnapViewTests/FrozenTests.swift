// SPDX-License-Identifier: MIT
//
// Tests/Frozen holds a repository of every version of the format, made by contrib/make-frozen with
// the program of its time. Each must be read right for ever.

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapView

@Suite struct FrozenTests {
    private static let folder = Vector.sourceFolder + "/Tests/Frozen/format-1"
    private static let tree = Array("/tmp/snapfs-frozen/tree".utf8)

    private static func open() throws -> Repository {
        let path = folder + "/repository"
        let store = LocalStore(
            files: try SystemFileLayer(root: path, create: false), location: path)
        let key = Credential.keyFile(Secret(try readFile(folder + "/key")))
        let repository = try Repository.open(store, key)
        try repository.refresh()
        return repository
    }

    private static func view(_ tag: String) throws -> SnapshotView {
        let repository = try open()
        let catalog = try repository.catalog()
        let all = catalog.snapshots
        #expect(all.count == 2 && catalog.damaged.isEmpty)
        let manifest = try #require(all.first { $0.tags == [tag] })
        return try SnapshotView(manifest, repository: repository, caches: ViewCaches())
    }

    /// `MODE UID GID SIZE MTIME CONTENT PATH` of an entry, as make-frozen lists it.
    private static func line(
        _ place: Place, _ path: [UInt8], _ view: SnapshotView
    ) throws -> String {
        let a = place.attributes
        var content = "-"
        switch a.kind {
        case .regular where a.size > 0: content = try digest(place, view)
        case .symlink: content = quoted(try view.linkTarget(place))
        case .characterDevice: content = "\(a.count >> 32):\(a.count & 0xffff_ffff)"
        default: break
        }
        let mtime = a.mtime.seconds * 1_000_000_000 + Int64(a.mtime.nanoseconds)
        let size = a.isDirectory ? 0 : a.size
        let mode = String(a.mode, radix: 8)
        return "\(mode) \(a.uid) \(a.gid) \(size) \(mtime) \(content) "
            + (path.isEmpty ? "." : quoted(path))
    }

    private static func digest(_ place: Place, _ view: SnapshotView) throws -> String {
        var bytes = [UInt8](repeating: 0xaa, count: Int(place.attributes.size))
        let count = try bytes.withUnsafeMutableBytes { try view.read(place, at: 0, into: $0) }
        return try SHA256.digest(Array(bytes[..<count])).hex
    }

    /// As urllib.parse.quote_from_bytes does it.
    private static func quoted(_ bytes: [UInt8]) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~/".utf8)
        return bytes.map { byte in
            plain.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + Hex.encode([byte]).uppercased()
        }.joined()
    }

    private static func lines(
        _ place: Place, _ path: [UInt8], _ view: SnapshotView
    ) throws -> [String] {
        var lines = [try line(place, path, view)]
        guard place.attributes.isDirectory else { return lines }
        try view.forEach(in: place) { child in
            lines += try self.lines(
                child, path.isEmpty ? child.name : path + [0x2f] + child.name, view)
            return true
        }
        return lines
    }

    @Test(arguments: ["first", "second"]) func everyEntryIsAsItWas(tag: String) throws {
        let expected = String(decoding: try readFile("\(Self.folder)/\(tag)"), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        let view = try Self.view(tag)
        let root = try #require(try view.place(path: Self.tree))
        let found = try Self.lines(root, [], view)
        #expect(found.count == expected.count && expected.count > 1000)
        #expect(Set(found).symmetricDifference(expected) == [])
    }

    @Test func attributesLinksAndHolesAreAsTheyWere() throws {
        let view = try Self.view("first")
        func place(_ path: String) throws -> Place {
            try #require(try view.place(path: Self.tree + Array("/\(path)".utf8)))
        }
        let note = ExtendedAttribute(
            name: Array("user.note".utf8), value: Array("small".utf8))
        #expect(try view.xattrs(place("inline")).contains(note))
        let large = try #require(
            try view.xattrs(place("docs")).first { $0.name == Array("user.large".utf8) })
        let noise = try (0..<94).flatMap { try SHA256.digest(Array("xattr \($0)".utf8)).bytes }
        #expect(large.value == Array(noise[..<3000]))
        let (a, b) = (try place("inline").attributes, try place("docs/linked").attributes)
        #expect(a.linkGroup != 0 && a.linkGroup == b.linkGroup && a.links == 2 && b.links == 2)
        #expect(try place("nothing").attributes.linkGroup == 0)
        var data: UInt64 = 0
        try view.forEachExtent(view.entry(place("scattered"))) { placed in
            if placed.extent.id != nil { data += UInt64(placed.length) }
            return true
        }
        #expect(data < 24 * 8192, "the holes are holes")
        #expect(view.manifest.host == "frozen" && view.manifest.hasXattrs)
        #expect(view.manifest.time == Timestamp(seconds: 1_767_225_600))
    }
}
