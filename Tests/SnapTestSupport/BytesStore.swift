// SPDX-License-Identifier: MIT

import SnapBase
import SnapStore

/// A store that holds given files and takes no others.
package final class BytesStore: Store {
    package let location = "memory"
    private let files: [String: [UInt8]]

    package init(_ files: [String: [UInt8]]) { self.files = files }

    private final class File: StoreFile {
        let bytes: [UInt8]
        var size: Int { bytes.count }

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
            guard offset >= 0, offset + buffer.count <= bytes.count else {
                throw SnapError(.damaged, "ends early")
            }
            bytes.withUnsafeBytes {
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
            }
        }
    }

    package func open(_ name: String) throws -> any StoreFile {
        guard let bytes = files[name] else { throw SnapError(.notFound, name) }
        return File(bytes)
    }

    package func stage() throws -> any StagedFile { throw SnapError(.io, "read-only") }

    package func list(_ directory: String) throws -> [StoreEntry] {
        files.compactMap { path, bytes in
            path.hasPrefix(directory + "/") && !path.dropFirst(directory.count + 1).contains("/")
                ? StoreEntry(
                    name: String(path.dropFirst(directory.count + 1)), size: bytes.count) : nil
        }
    }

    package func listDirectories(_ directory: String) throws -> [String] { [] }
    package func delete(_ name: String) throws { throw SnapError(.io, "read-only") }
    package func synchronize() throws {}
}
