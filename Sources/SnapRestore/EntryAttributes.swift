// SPDX-License-Identifier: MIT
//
// Attributes in the one order that works: owner first, since changing it takes capabilities and
// set-id bits away; extended attributes while the file is still writable; mode; times last.

import Glibc
import SnapBase
import SnapFormat

/// What an entry gets besides its content.
struct EntryAttributes {
    let attributes: Attributes
    let xattrs: [ExtendedAttribute]
    let isPrivileged: Bool

    /// Where they are to be set.
    enum Object {
        /// A regular file or a directory.
        case descriptor(Int32)
        /// Anything, by its name in a directory; links are not followed.
        case name(Int32, UnsafePointer<CChar>)
    }

    /// Sets all of them. `clean` also removes extended attributes that the entry does not have.
    /// Goes on after a failure and returns the first.
    func apply(to object: Object, clean: Bool) -> SnapError? {
        var failure: SnapError?
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { failure = failure ?? SnapError.wrap(error) }
        }
        var isOwned = false
        attempt { isOwned = try setOwner(object) }
        if clean || !xattrs.isEmpty {
            object.withXattrCalls { calls in
                if clean { attempt { try removeOthers(calls) } }
                for xattr in xattrs { attempt { try set(xattr, calls) } }
            }
        }
        if !attributes.isSymlink {
            // Without its owner a program must not run with the rights of another one.
            let mode = mode_t(attributes.mode & (isOwned ? 0o7777 : 0o1777))
            attempt { try systemCall("setting its mode") { object.setMode(mode) } }
        }
        attempt { try setTimes(object) }
        return failure
    }

    /// Whether owner and group are the entry's afterwards. What only root may do is not expected of
    /// others.
    private func setOwner(_ object: Object) throws -> Bool {
        if object.setOwner(attributes.uid, attributes.gid) == 0 { return true }
        let code = errno
        if isPrivileged { throw SnapError(errno: code, "setting its owner") }
        _ = object.setOwner(uid_t.max, attributes.gid)
        return false
    }

    private func setTimes(_ object: Object) throws {
        let time = timespec(
            tv_sec: Int(attributes.mtime.seconds), tv_nsec: Int(attributes.mtime.nanoseconds))
        try withUnsafeTemporaryAllocation(of: timespec.self, capacity: 2) { times in
            times.initialize(repeating: time)
            try systemCall("setting its times") { object.setTimes(times.baseAddress!) }
        }
    }

    private func set(_ xattr: ExtendedAttribute, _ calls: any XattrTarget) throws {
        do { try calls.set(xattr.name, xattr.value) } catch let error as SnapError
            where error.code == EPERM && !isPrivileged && !xattr.name.starts(with: "user.".utf8)
        {}
    }

    private func removeOthers(_ calls: any XattrTarget) throws {
        for name in try calls.names() where !xattrs.contains(where: { $0.name == name }) {
            // Labels belong to the policy of the machine, not to the file.
            if name.starts(with: "security.".utf8),
                !name.elementsEqual("security.capability".utf8)
            {
                continue
            }
            do { try calls.remove(name) } catch let error as SnapError
                where error.code == ENODATA || (error.code == EPERM && !isPrivileged)
            {}
        }
    }
}

extension EntryAttributes.Object {
    @inline(__always)
    fileprivate func setOwner(_ uid: uid_t, _ gid: gid_t) -> Int32 {
        switch self {
        case .descriptor(let number): fchown(number, uid, gid)
        case .name(let directory, let name):
            fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW)
        }
    }

    @inline(__always)
    fileprivate func setMode(_ mode: mode_t) -> Int32 {
        switch self {
        case .descriptor(let number): fchmod(number, mode)
        case .name(let directory, let name): fchmodat(directory, name, mode, AT_SYMLINK_NOFOLLOW)
        }
    }

    @inline(__always)
    fileprivate func setTimes(_ times: UnsafePointer<timespec>) -> Int32 {
        switch self {
        case .descriptor(let number): futimens(number, times)
        case .name(let directory, let name):
            utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW)
        }
    }

    fileprivate func withXattrCalls(_ body: (any XattrTarget) -> Void) {
        switch self {
        case .descriptor(let number): body(XattrDescriptor(number: number))
        case .name(let directory, let name):
            // As short as the name, however deep it lies; of the links only the first is followed.
            let path = Array("/proc/self/fd/\(directory)/".utf8CString.dropLast())
            (path + UnsafeBufferPointer(start: name, count: strlen(name) + 1))
                .withUnsafeBufferPointer { body(XattrPath(path: $0.baseAddress!)) }
        }
    }
}

private protocol XattrTarget {
    func names() throws -> [[UInt8]]
    func set(_ name: [UInt8], _ value: [UInt8]) throws
    func remove(_ name: [UInt8]) throws
}

private struct XattrDescriptor: XattrTarget {
    let number: Int32
    func names() throws -> [[UInt8]] { try XattrCalls.names(descriptor: number) }
    func set(_ name: [UInt8], _ value: [UInt8]) throws {
        try XattrCalls.set(descriptor: number, name: name, value: value)
    }
    func remove(_ name: [UInt8]) throws {
        try XattrCalls.remove(descriptor: number, name: name)
    }
}

/// Valid as long as the path is.
private struct XattrPath: XattrTarget {
    let path: UnsafePointer<CChar>
    func names() throws -> [[UInt8]] { try XattrCalls.names(path: path) }
    func set(_ name: [UInt8], _ value: [UInt8]) throws {
        try XattrCalls.set(path: path, name: name, value: value)
    }
    func remove(_ name: [UInt8]) throws { try XattrCalls.remove(path: path, name: name) }
}
