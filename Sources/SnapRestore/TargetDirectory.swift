// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapView
import Synchronization

/// The directory that a user names as target.
enum TargetRoot {
    /// Opens it; links in the path as it was given are followed. nil where it is absent and not to
    /// be created. What is created is for the user alone. Also tells whether it is new.
    static func open(_ path: [UInt8], create: Bool) throws -> (FileDescriptor?, isNew: Bool) {
        do { return (try open(path), false) } catch let error as SnapError
            where error.code == ENOENT
        {
            guard create else { return (nil, true) }
        }
        for end in path.indices.dropFirst() + [path.count]
        where end == path.count || path[end] == 0x2f {
            let made = path[..<end].withUnsafeBytes { withTerminated($0) { mkdir($0, 0o700) } }
            if made != 0 && errno != EEXIST {
                throw SnapError(errno: errno, "making the target \(shown(path))")
            }
        }
        return (try open(path), true)
    }

    private static func open(_ path: [UInt8]) throws -> FileDescriptor {
        try path.withUnsafeBytes {
            try withTerminated($0) { name in
                FileDescriptor(
                    owning: try systemCall("opening the target \(shown(path))") {
                        Glibc.open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    })
            }
        }
    }

    private static func shown(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
}

/// A directory below the target, or the target itself. Whoever has work to do directly in it holds
/// it; with the last hold gone it gets its attributes.
final class TargetDirectory: @unchecked Sendable {
    // Sendable: `descriptor`, `applies` and `place` are changed by the walk only, before it gives
    // up its own hold; others read them after the last one is gone.
    private(set) var parent: TargetDirectory?
    /// Empty for the root.
    let name: [UInt8]
    /// The path of the root in the snapshot.
    private let prefix: [UInt8]
    /// The entry whose attributes it gets; nil to leave it alone.
    let place: Place?
    /// Whether this restore made it.
    let isNew: Bool
    let identity: FileIdentity?
    /// New entries in it inherit an access control list.
    let inheritsACL: Bool
    /// nil in a dry run where it does not exist, and while the walk has it closed.
    var descriptor: FileDescriptor?
    /// Whether something of it was selected.
    var applies: Bool
    private let holds = Atomic<Int>(1)

    /// The target; `place` is the directory whose contents are restored into it.
    init(root: FileDescriptor?, isNew: Bool, path: [[UInt8]], place: Place?) {
        name = []
        prefix = path.isEmpty ? [] : [0x2f] + path.joined(separator: [0x2f])
        self.place = place
        self.isNew = isNew
        descriptor = root
        identity = root.flatMap { try? FileIdentity(FileAttributes(of: $0, label: "the target")) }
        inheritsACL = root.map(Self.hasDefaultACL) ?? false
        applies = false
    }

    init(
        _ name: [UInt8], in parent: TargetDirectory, place: Place?, isNew: Bool,
        descriptor: FileDescriptor?, identity: FileIdentity?, inheritsACL: Bool
    ) {
        self.name = name
        self.parent = parent
        self.place = place
        self.isNew = isNew
        self.descriptor = descriptor
        self.identity = identity
        self.inheritsACL = inheritsACL
        prefix = []
        applies = true
    }

    deinit {
        // Not one inside the other: a path may have more parts than the stack has frames.
        var next = parent
        parent = nil
        while isKnownUniquelyReferenced(&next) {
            let above = next!.parent  // there is one, or it would not be referenced
            next!.parent = nil
            next = above
        }
    }

    static func hasDefaultACL(_ descriptor: FileDescriptor) -> Bool {
        XattrCalls.isPresent(descriptor: descriptor.number, name: "system.posix_acl_default")
    }

    func hold() { holds.add(1, ordering: .relaxed) }

    /// Gives up a hold; true if it was the last.
    func release() -> Bool {
        holds.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
    }

    /// The names from the root to this directory, and the root's path in the snapshot.
    private var chain: (names: [[UInt8]], prefix: [UInt8]) {
        var names: [[UInt8]] = []
        var directory = self
        while let parent = directory.parent {
            names.append(directory.name)
            directory = parent
        }
        names.reverse()
        return (names, directory.prefix)
    }

    /// The path in the snapshot.
    var path: [UInt8] {
        let (names, prefix) = chain
        let path = names.reduce(into: prefix) { $0 += [0x2f] + $1 }
        return path.isEmpty ? [0x2f] : path
    }

    func path(of name: [UInt8]) -> [UInt8] {
        let path = path
        return path == [0x2f] ? path + name : path + [0x2f] + name
    }

    /// Opens it again from the root, to look names up in it.
    func open(from root: FileDescriptor) throws -> FileDescriptor {
        var directory = root
        for name in chain.names {
            directory = try name.withUnsafeBytes {
                try withTerminated($0) {
                    try FileDescriptor.open(
                        name: $0, at: directory, TargetCalls.path | O_DIRECTORY | O_NOFOLLOW)
                }
            }
        }
        return directory
    }
}
