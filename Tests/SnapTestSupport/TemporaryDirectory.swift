// SPDX-License-Identifier: MIT

import Glibc
import SnapBase

/// Runs body with the path of a new directory on tmpfs (or /tmp), which is removed afterwards.
package func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(parent)/snapfs-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SnapError(errno: errno, "mkdtemp") }
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { removeTree(path) }
    return try body(path)
}

private func removeTree(_ path: String) {
    guard let directory = try? FileDescriptor.open(path, O_RDONLY | O_DIRECTORY) else { return }
    removeContents(directory)
    rmdir(path)
}

private func removeContents(_ directory: FileDescriptor) {
    var names: [[UInt8]] = []
    try? DirectoryReader(directory, label: "it").forEach { name, _ in names.append(Array(name)) }
    for name in names {
        name.withUnsafeBytes { bytes in
            withTerminated(bytes) { name in
                if unlinkat(directory.number, name, 0) == 0 { return }
                let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
                guard let below = try? FileDescriptor.open(name: name, at: directory, flags) else {
                    return
                }
                removeContents(below)
                unlinkat(directory.number, name, AT_REMOVEDIR)
            }
        }
    }
}
