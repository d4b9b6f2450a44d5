// SPDX-License-Identifier: MIT

import SnapBase

/// A file on a store, as a listing shows it.
package struct StoreEntry: Sendable, Equatable {
    /// Name within the listed directory.
    package var name: String
    /// Bytes.
    package var size: Int

    package init(name: String, size: Int) {
        self.name = name
        self.size = size
    }
}

/// An open file of a store; closes with its last reference. Thread-safe.
package protocol StoreFile: AnyObject, Sendable {
    var size: Int { get }
    /// Fills buffer from offset; throws `.damaged` where the file ends before that.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws
    /// Says that the whole file is about to be read from the front; a store may ignore it.
    func expectSequentialReading()
}

extension StoreFile {
    package func expectSequentialReading() {}
}

/// A file being written, without a final name yet. Not thread-safe.
package protocol StagedFile: AnyObject {
    /// Appends bytes; they are readable at once.
    func append(_ bytes: UnsafeRawBufferPointer) throws
    /// Reads back what was appended.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws
    /// Synchronises the content and gives the file its final name. Throws `.exists` where the name
    /// is taken; the staged file is gone either way.
    func commit(as name: String) throws
    /// Drops the file. Harmless after commit.
    func discard()
}

/// A place for named, immutable byte strings: what a repository asks of a disk or a server.
/// Names are relative paths with "/" of at most three components. Every method is thread-safe and
/// throws SnapError; `.notFound` only when the thing is proven absent.
package protocol Store: AnyObject, Sendable {
    /// How users name it, for messages.
    var location: String { get }
    /// Opens a file for reading.
    func open(_ name: String) throws -> any StoreFile
    /// Starts a new file.
    func stage() throws -> any StagedFile
    /// The files directly in a directory, in no order. An absent directory is empty. Returns
    /// everything that was created before the call began.
    func list(_ directory: String) throws -> [StoreEntry]
    /// The directories directly in a directory.
    func listDirectories(_ directory: String) throws -> [String]
    /// Removes a file; an absent one is no error.
    func delete(_ name: String) throws
    /// Returns once every name that was committed or listed through this store before is durable.
    func synchronize() throws
}

extension Store {
    /// The whole of a file; `.damaged` when it is larger than `limit` bytes.
    package func read(_ name: String, limit: Int) throws -> [UInt8] {
        let file = try open(name)
        guard file.size <= limit else {
            throw SnapError(.damaged, "\(name): \(file.size) bytes, more than \(limit)")
        }
        var bytes = [UInt8](repeating: 0, count: file.size)
        try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        return bytes
    }

    /// Creates a file with this content. A store that lost the answer may say `.exists` of our own
    /// file, or fail after the deed: own bytes under the name mean it is done.
    package func create(_ name: String, _ bytes: [UInt8]) throws {
        let file = try stage()
        do {
            try bytes.withUnsafeBytes { try file.append($0) }
            try file.commit(as: name)
        } catch {
            file.discard()
            guard let there = try? read(name, limit: bytes.count), there == bytes else {
                throw error
            }
        }
    }
}
