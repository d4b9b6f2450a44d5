// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapView

extension TargetDirectory {
    /// Makes the directory of an entry, or enters the one that is there. Anything else in its place
    /// is removed where the overwrite mode allows.
    static func make(
        _ place: Place, in parent: TargetDirectory, _ restore: Restore
    ) throws -> TargetDirectory {
        let name = place.name
        guard name.withUnsafeBytes(isValidName) else {
            throw SnapError(.damaged, "a directory with a bad name")
        }
        return try name.withUnsafeBytes {
            try withTerminated($0) { terminated in
                try make(place, name, terminated, in: parent, restore)
            }
        }
    }

    private static func make(
        _ place: Place, _ name: [UInt8], _ terminated: UnsafePointer<CChar>,
        in parent: TargetDirectory, _ restore: Restore
    ) throws -> TargetDirectory {
        guard let above = parent.descriptor else { return absent(place, name, in: parent) }
        let flags = O_RDONLY | O_DIRECTORY
        if restore.options.dryRun {
            let number = TargetCalls.open(above.number, terminated, flags)
            if number < 0 { return absent(place, name, in: parent) }
            return try entered(
                place, name, FileDescriptor(owning: number), in: parent, isNew: false, restore)
        }
        for _ in 0..<3 {
            let isNew = mkdirat(above.number, terminated, 0o700) == 0
            if !isNew && errno != EEXIST { throw SnapError(errno: errno, "making the directory") }
            let number = TargetCalls.open(above.number, terminated, flags)
            if number >= 0 {
                return try entered(
                    place, name, FileDescriptor(owning: number), in: parent, isNew: isNew, restore)
            }
            let code = errno
            if code == EACCES, let opened = try unlocked(above, terminated, restore) {
                return try entered(place, name, opened, in: parent, isNew: false, restore)
            }
            guard code == ENOTDIR || code == ELOOP else {
                throw SnapError(errno: code, "opening the directory")
            }
            try clear(terminated, above, place.attributes, restore)
        }
        throw SnapError(.exists, "something else comes back in its place")
    }

    /// In a dry run: a directory that is not there yet.
    private static func absent(
        _ place: Place, _ name: [UInt8], in parent: TargetDirectory
    ) -> TargetDirectory {
        TargetDirectory(
            name, in: parent, place: place, isNew: true, descriptor: nil, identity: nil,
            inheritsACL: false)
    }

    private static func clear(
        _ name: UnsafePointer<CChar>, _ above: FileDescriptor, _ attributes: Attributes,
        _ restore: Restore
    ) throws {
        let found: FileAttributes
        do { found = try FileAttributes(above.number, name, "it") } catch let error as SnapError
            where error.kind == .notFound
        { return }
        guard !found.isDirectory else { return }
        guard restore.decide(attributes, over: found) != .keep else {
            throw SnapError(.exists, "something that is no directory is in its place")
        }
        try systemCall("removing what is in its place") { unlinkat(above.number, name, 0) }
    }

    /// Opens a directory of the user's own that its mode keeps the user out of.
    private static func unlocked(
        _ above: FileDescriptor, _ name: UnsafePointer<CChar>, _ restore: Restore
    ) throws -> FileDescriptor? {
        guard restore.options.overwrite != .never else { return nil }
        let number = TargetCalls.open(above.number, name, TargetCalls.path | O_DIRECTORY)
        guard number >= 0 else { return nil }
        let found = FileDescriptor(owning: number)
        guard chmod("/proc/self/fd/\(number)", 0o700) == 0 else { return nil }
        return try FileDescriptor.open(".", at: found, O_RDONLY | O_DIRECTORY)
    }

    private static func entered(
        _ place: Place, _ name: [UInt8], _ descriptor: FileDescriptor, in parent: TargetDirectory,
        isNew: Bool, _ restore: Restore
    ) throws -> TargetDirectory {
        let found = try FileAttributes(of: descriptor, label: "the directory")
        try restore.requireUnguarded(found)
        restore.noteFileSystem(of: descriptor, found)
        var inheritsACL = false
        if isNew ? parent.inheritsACL : hasDefaultACL(descriptor) {
            // What is made in it must not inherit: it gets its list when everything in it is there.
            let isKept = restore.options.dryRun || (!isNew && restore.options.overwrite == .never)
            inheritsACL = isKept
            if !isKept {
                for list in ["system.posix_acl_default", "system.posix_acl_access"] {
                    try? XattrCalls.remove(descriptor: descriptor.number, name: Array(list.utf8))
                }
            }
        }
        let mine = found.uid == geteuid() && found.mode & 0o700 != 0o700
        if mine && !isNew && !restore.isPrivileged && !restore.options.dryRun
            && restore.options.overwrite != .never
        {
            fchmod(descriptor.number, mode_t(found.mode & 0o7777 | 0o700))
        }
        return TargetDirectory(
            name, in: parent, place: place, isNew: isNew, descriptor: descriptor,
            identity: FileIdentity(found), inheritsACL: inheritsACL)
    }

    /// Closes the descriptor of a directory far up the path; the work in it has its own hold on it.
    func close() { if parent != nil { descriptor = nil } }

    /// Opens it again from a directory in it, if it was closed.
    func reopen(from child: TargetDirectory) throws {
        guard descriptor == nil, let below = child.descriptor else { return }
        let opened = try FileDescriptor.open("..", at: below, O_RDONLY | O_DIRECTORY)
        let found = FileIdentity(try FileAttributes(of: opened, label: "its directory"))
        guard found == identity else {
            throw SnapError(.io, "a directory of the target was moved during the restore")
        }
        descriptor = opened
    }
}
