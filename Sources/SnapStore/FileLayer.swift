// SPDX-License-Identifier: MIT

import SnapBase

/// An open file of a file layer; closes with its last reference.
package protocol LayerFile: AnyObject, Sendable {
    func size() throws -> Int
    /// Reads until buffer is full or the file ends; returns the count.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
    /// Writes all bytes at offset.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws
    /// Content and size are durable afterwards (fdatasync(2)).
    func synchronize() throws
    /// The whole file is about to be read from the front (posix_fadvise(2)).
    func expectSequentialReading()
}

extension LayerFile {
    package func expectSequentialReading() {}
}

/// The few system calls of a local store, on paths relative to its root, so that tests can make the
/// n-th one fail or lose what was not synchronised. Thread-safe.
package protocol FileLayer: AnyObject, Sendable {
    /// Makes a directory; an existing one is no error.
    func makeDirectory(_ path: String) throws
    func createFile(_ path: String) throws -> any LayerFile
    func openFile(_ path: String) throws -> any LayerFile
    /// Moves a file to a name that must not exist: link(2) and unlink(2), or
    /// renameat2(RENAME_NOREPLACE). Throws `.exists` for a taken name.
    func publish(_ from: String, as to: String) throws
    func unlink(_ path: String) throws
    /// Names in the directory are durable afterwards.
    func synchronizeDirectory(_ path: String) throws
    /// Files with sizes, and directories with size nil.
    func list(_ path: String) throws -> [(name: String, size: Int?)]
}
