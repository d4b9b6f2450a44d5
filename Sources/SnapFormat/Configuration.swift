// SPDX-License-Identifier: MIT

import SnapBase
import SnapCrypto

/// The parameters of a repository, written once. See snapfs-format(5), Config.
package struct Configuration: Sendable {
    /// Bounds of content-defined chunks, bytes.
    package struct Chunking: Sendable, Equatable {
        package var minimum: UInt32 = 512 << 10
        /// A power of two.
        package var target: UInt32 = 1 << 20
        package var maximum: UInt32 = 4 << 20
        package init() {}
    }

    package static let storeName = "config"

    package var repository: [UInt8]
    package var chunking = Chunking()
    /// Instead of the derived one: that of the repository whose cuts this one repeats.
    package var chunkerKey: Secret?

    package static let chunkerKeySize = 32

    package init(repository: [UInt8]) { self.repository = repository }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, repository)
        var value = ByteWriter()
        value.u32(chunking.minimum)
        value.u32(chunking.target)
        value.u32(chunking.maximum)
        fields.add(2, value.bytes)
        if let chunkerKey { fields.add(3, chunkerKey.withBytes { Array($0) }) }
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], repository: [UInt8]) throws {
        var fields = try FieldReader(plain, name: Self.storeName, terminated: true)
        self.repository = try fields.required(1, count: 16)
        guard self.repository == repository else {
            throw fields.damaged("belongs to another repository")
        }
        var value = ByteReader(try fields.required(2, count: 12), name: Self.storeName)
        chunking.minimum = try value.u32()
        chunking.target = try value.u32()
        chunking.maximum = try value.u32()
        let powerOfTwo = chunking.target.nonzeroBitCount == 1
        guard chunking.minimum >= 64, powerOfTwo, chunking.target >= 256,
            chunking.target <= 1 << 22, chunking.minimum <= chunking.target,
            chunking.target < chunking.maximum, chunking.maximum <= 4 << 20
        else { throw fields.damaged("chunk sizes out of range") }
        chunkerKey = try fields.optional(3, count: Self.chunkerKeySize).map { Secret($0) }
        try fields.finish()
    }
}

/// The marker: the one file in clear, which makes a directory a repository.
package enum Marker {
    package static let storeName = "snapfs"
    package static let version = 1

    package static func bytes(repository: [UInt8]) -> [UInt8] {
        Array("snapfs \(version)\n\(Hex.encode(repository))\n".utf8)
    }

    /// The repository id; `.unsupported` for a newer format, `.damaged` for anything else.
    package static func repository(_ file: [UInt8]) throws -> [UInt8] {
        let lines = String(decoding: file, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, first.hasPrefix("snapfs "),
            let found = Int(first.dropFirst(7))
        else { throw SnapError(.damaged, "the marker file is not one of snapfs") }
        guard found <= version else {
            throw SnapError(
                .unsupported,
                "the repository has format \(found), this snapfs knows up to \(version): "
                    + "update snapfs")
        }
        guard found == version, lines.count == 3, lines[2].isEmpty,
            let id = Hex.decode(lines[1]), id.count == 16, file == bytes(repository: id)
        else { throw SnapError(.damaged, "the marker file is damaged") }
        return id
    }
}
