// SPDX-License-Identifier: MIT
//
// Files that hold a key: made once, for the user alone, durable before anything depends on them.

import Glibc
import SnapBase
import SnapCrypto

enum KeyFile {
    /// Writes a new random key of 32 bytes for a repository to a new file, as `create` does.
    static func make(_ path: [UInt8], for repository: [UInt8]) throws -> Secret {
        let key = try Secret(randomCount: 32)
        try key.withBytes { try create(path, $0, for: repository) }
        return key
    }

    /// Writes a new file with mode 0600. Throws `.exists` where there is one, `.refused` where it
    /// would lie in the directory of the repository, which has to be there: who gets hold of that
    /// would have what opens it, too.
    static func create(
        _ path: [UInt8], _ bytes: UnsafeRawBufferPointer, for repository: [UInt8]
    ) throws {
        let shown = Text.escaped(path)
        if let inside = try DirectoryPosition(repository).identity,
            try DirectoryPosition(parentPath(path)).isWithin(inside)
        {
            throw SnapError(
                .refused,
                "the key file \(shown) would lie in the repository that it opens; keep it elsewhere"
            )
        }
        let file = try path.withUnsafeBytes {
            try withTerminated($0) { name in
                try FileDescriptor.open(
                    String(cString: name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600,
                    label: "the new key file \(shown)")
            }
        }
        do {
            try file.write(bytes, at: 0, label: shown)
            try systemCall("synchronising \(shown)") { fsync(file.number) }
            try synchronizeName(path)
        } catch {
            remove(path)
            throw error
        }
    }

    /// Removes what `create` has made.
    static func remove(_ path: [UInt8]) {
        path.withCString { _ = unlink($0) }
    }

    private static func synchronizeName(_ path: [UInt8]) throws {
        let parent = String(decoding: parentPath(path), as: UTF8.self)
        let directory = try FileDescriptor.open(parent, O_RDONLY | O_DIRECTORY)
        try systemCall("synchronising the directory \(parent)") { fsync(directory.number) }
    }
}
