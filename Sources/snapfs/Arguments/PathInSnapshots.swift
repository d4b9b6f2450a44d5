// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFiles

/// PATH, for a command that looks for it in many snapshots: absolute, or from the working
/// directory.
enum PathInSnapshots {
    /// Throws where it is empty, or SNAPSHOT:PATH; `choice`, a clause, says how snapshots are
    /// chosen.
    /// What is named so all the same is typed with `./` in front.
    static func require(_ path: [UInt8], choice: String) throws {
        if path.isEmpty { throw ValidationError("A path must not be empty.") }
        guard let named = SnapshotArgument(argument: ArgumentBytes.encode(path)),
            named.path != nil, named.isLikely
        else { return }
        throw ValidationError(
            "'\(Text.escaped(path))' is SNAPSHOT:PATH; give the path alone, \(choice).")
    }

    /// As it is in snapshots: as `backup` takes its sources.
    static func absolute(_ path: [UInt8]) throws -> [UInt8] { try SourcePaths.absolute(path) }
}

extension SnapshotArgument {
    /// Whether the name is hardly that of a file.
    fileprivate var isLikely: Bool {
        guard case .id(let prefix) = name else { return true }
        return prefix.utf8.count >= 4
            && prefix.utf8.allSatisfy { 0x30...0x39 ~= $0 || 0x61...0x66 ~= $0 }
    }
}
