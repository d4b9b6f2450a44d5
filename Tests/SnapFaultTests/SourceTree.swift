// SPDX-License-Identifier: MIT
//
// What is backed up: a small tree on disk, made from a dictionary that says what it holds.

import CLinux
import Glibc
import SnapBase
import SnapFormat
import SnapView

/// Bytes that compare at the speed of memcmp(3), in unoptimised builds too.
struct Bytes: Equatable {
    var bytes: [UInt8]

    static func == (a: Bytes, b: Bytes) -> Bool {
        a.bytes.count == b.bytes.count && memcmp(a.bytes, b.bytes, a.bytes.count) == 0
    }
}

/// An entry as a backup must give it back.
struct SourceNode: Equatable {
    enum Kind: Equatable {
        case directory
        case file(Bytes)
        case link([UInt8])
    }
    var kind: Kind
    var mode: UInt16
    var attributes: [ExtendedAttribute] = []
}

/// Paths below the source's directory, "" for itself.
typealias SourceModel = [String: SourceNode]

/// A directory in memory-backed storage, removed when the process ends.
final class SourceDirectory {
    let path: String
    nonisolated(unsafe) private static var leftover = ""

    init() throws {
        var template = Array(
            ((access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/snapfs-fault-XXXXXX")
                .utf8CString)
        guard mkdtemp(&template) != nil else { throw SnapError(errno: errno, "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        Self.leftover = path
        atexit { removeTree(SourceDirectory.leftover) }
    }

    /// Makes what is on disk equal to a model: entries that are there already stay untouched.
    func bring(from old: SourceModel, to new: SourceModel) throws {
        for name in old.keys.sorted(by: >) where new[name] != old[name] {
            try systemCall("removing \(name)") { remove("\(path)/\(name)") }
        }
        for name in new.keys.sorted() where new[name] != old[name] {
            try make(name.isEmpty ? path : "\(path)/\(name)", new[name]!)
        }
    }

    private func make(_ path: String, _ node: SourceNode) throws {
        switch node.kind {
        case .directory:
            if mkdir(path, 0o700) != 0 && errno != EEXIST { throw SnapError(errno: errno, path) }
        case .link(let target):
            try systemCall(path) { symlink(String(decoding: target, as: UTF8.self), path) }
            return
        case .file(let content):
            let bytes = content.bytes
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try bytes.withUnsafeBytes { try file.write($0, at: 0, label: path) }
        }
        for attribute in node.attributes {
            let name = String(decoding: attribute.name, as: UTF8.self)
            try systemCall("setting \(name) of \(path)") {
                setxattr(path, name, attribute.value, attribute.value.count, 0)
            }
        }
        try systemCall(path) { chmod(path, mode_t(node.mode & 0o7777)) }
    }
}

/// Removes a directory of tests with all in it.
func removeTree(_ path: String) {
    guard let stream = opendir(path) else { return }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) {
            String(cString: $0.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
        if name != "." && name != ".." { names.append(name) }
    }
    closedir(stream)
    for name in names where unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
    rmdir(path)
}

extension SourceNode {
    static func file(_ bytes: [UInt8], _ attributes: [ExtendedAttribute] = []) -> SourceNode {
        SourceNode(kind: .file(Bytes(bytes: bytes)), mode: 0o100640, attributes: attributes)
    }
    static let directory = SourceNode(kind: .directory, mode: 0o040755)
    static func link(_ target: String) -> SourceNode {
        SourceNode(kind: .link(Array(target.utf8)), mode: 0o120777)
    }
}

extension SnapshotView {
    /// Everything below a path, read the way mount and restore read it; nil where it is not there.
    func contents(below path: String) throws -> SourceModel? {
        guard let top = try place(path: Array(path.utf8)) else { return nil }
        var model: SourceModel = [:]
        var open: [(String, Place)] = [("", top)]
        while let (name, place) = open.popLast() {
            model[name] = try node(place)
            guard place.attributes.isDirectory else { continue }
            try forEach(in: place) { child in
                let childName = String(decoding: child.name, as: UTF8.self)
                open.append((name.isEmpty ? childName : "\(name)/\(childName)", child))
                return true
            }
        }
        return model
    }

    /// The same, without what cannot be read.
    func readable(below path: String) throws -> SourceModel {
        var model: SourceModel = [:]
        guard let top = try? place(path: Array(path.utf8)) else { return model }
        var open: [(String, Place)] = [("", top)]
        while let (name, place) = open.popLast() {
            model[name] = try? node(place)
            guard place.attributes.isDirectory else { continue }
            try? forEach(in: place) { child in
                let childName = String(decoding: child.name, as: UTF8.self)
                open.append((name.isEmpty ? childName : "\(name)/\(childName)", child))
                return true
            }
        }
        return model
    }

    private func node(_ place: Place) throws -> SourceNode {
        let attributes = place.attributes
        let kind: SourceNode.Kind
        switch attributes.kind {
        case .directory: kind = .directory
        case .symlink: kind = .link(try linkTarget(place))
        default:
            var bytes = [UInt8](repeating: 0xff, count: Int(attributes.size))
            let count = try bytes.withUnsafeMutableBytes { try read(place, at: 0, into: $0) }
            guard count == bytes.count else { throw SnapError(.damaged, "a file reads short") }
            kind = .file(Bytes(bytes: bytes))
        }
        return SourceNode(kind: kind, mode: attributes.mode, attributes: try xattrs(place))
    }
}
