// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// A small file of the model, which nobody changes.
final class ModelFile {
    let file: LedgerFile
    let digest: ObjectID

    init(_ file: LedgerFile, _ digest: ObjectID) {
        self.file = file
        self.digest = digest
    }
}

/// The small files of the model, by directory. Millions of schedules list and read them all the
/// time.
struct ModelFiles {
    private var directories: [Substring: [Substring: ModelFile]] = [:]

    /// The file of a name, which has one directory in it.
    subscript(name: String) -> ModelFile? {
        get {
            let (directory, last) = Self.parts(name)
            return directories[directory]?[last]
        }
        set {
            let (directory, last) = Self.parts(name)
            directories[directory, default: [:]][last] = newValue
        }
    }

    private static func parts(_ name: String) -> (directory: Substring, last: Substring) {
        // The names of the ledger have one.
        let slash = name.utf8.firstIndex(of: UInt8(ascii: "/"))!
        return (name[..<slash], name[name.utf8.index(after: slash)...])
    }

    /// Without the directory, in order.
    func names(in directory: String) -> [String] {
        (directories[directory[...]] ?? [:]).keys.sorted().map(String.init)
    }

    /// In no order.
    func all(in directory: String) -> some Swift.Collection<ModelFile> {
        (directories[directory[...]] ?? [:]).values
    }
}
