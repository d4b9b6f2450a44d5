// SPDX-License-Identifier: MIT
//
// Golden vectors: Tests/Vectors/*.vec, made by make-vectors.py from the format page alone.

import Glibc
import SnapBase

package struct Vector: Sendable, CustomStringConvertible {
    package var name: String
    /// The header lines; `value.` ones without that prefix are in `values`.
    package var header: [String: String] = [:]
    package var values: [String: String] = [:]
    package var bytes: [UInt8]

    package var description: String { name }
    package var structure: String { header["structure"] ?? "" }

    package struct Malformed: Error, CustomStringConvertible {
        package var description: String
    }

    package static let folder = sourceFolder + "/Tests/Vectors"

    /// The root of the sources.
    package static let sourceFolder = String(
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
            .joined(separator: "/"))

    /// Every vector of a folder, in order of names.
    package static func all(in folder: String = folder) throws -> [Vector] {
        let directory = try FileDescriptor.open(folder, O_RDONLY | O_DIRECTORY)
        var names: [String] = []
        try DirectoryReader(directory, label: folder).forEach { bytes, _ in
            let name = String(decoding: bytes, as: UTF8.self)
            if name.hasSuffix(".vec") { names.append(name) }
        }
        return try names.sorted().map { name in
            try Vector(
                name: String(name.dropLast(4)),
                text: String(decoding: readFile("\(folder)/\(name)"), as: UTF8.self))
        }
    }

    package init(name: String, text: String) throws {
        self.name = name
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let empty = lines.firstIndex(of: "") else {
            throw Malformed(description: "\(name): no empty line")
        }
        for line in lines[..<empty] {
            guard let colon = line.firstIndex(of: ":") else {
                throw Malformed(description: "\(name): \(line)")
            }
            let value = String(line[colon...].dropFirst(2))
            if line.hasPrefix("value.") {
                values[String(line[..<colon].dropFirst(6))] = value
            } else {
                header[String(line[..<colon])] = value
            }
        }
        guard var bytes = Hex.decode(lines[empty...].joined()) else {
            throw Malformed(description: "\(name): not hexadecimal")
        }
        bytes.append(contentsOf: repeatElement(0, count: Int(header["zeros"] ?? "0") ?? 0))
        self.bytes = bytes
    }

    package func text(_ key: String) throws -> String {
        guard let value = header[key] else { throw Malformed(description: "\(name): no \(key)") }
        return value
    }

    package func hex(_ key: String) throws -> [UInt8] {
        guard let value = Hex.decode(try text(key)) else {
            throw Malformed(description: "\(name): \(key) is not hexadecimal")
        }
        return value
    }

    package func number<I: FixedWidthInteger>(_ key: String, _ type: I.Type = I.self) throws -> I {
        guard let value = I(try text(key)) else {
            throw Malformed(description: "\(name): \(key) is not a number")
        }
        return value
    }
}

/// The whole of a file of the test data.
package func readFile(_ path: String) throws -> [UInt8] {
    let file = try FileDescriptor.open(path, O_RDONLY)
    let size = Int(try FileAttributes(of: file, label: path).size)
    var bytes = [UInt8](repeating: 0, count: size)
    let count = try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0, label: path) }
    return Array(bytes[..<count])
}
