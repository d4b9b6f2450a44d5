// SPDX-License-Identifier: MIT

import SnapBase
import SnapCopy
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView

/// The second copy of a repository, made every ten days: it keeps whatever was copied, whatever
/// becomes of it at the source. Used by one thread.
final class YearsCopy {
    private let files = MemoryFileLayer()
    private let key = Credential.keyFile(Secret([UInt8](repeating: 8, count: 32)))
    /// Content by the logical ids that copies share with their originals.
    private var copied: [[UInt8]: [String: [UInt8]]] = [:]

    var count: Int { copied.count }

    init() throws {
        let store = LocalStore(files: files, location: "copy")
        try store.makeDirectories()
        try Repository.create(store, key, label: "copy")
    }

    func open() throws -> Repository {
        let repository = try Repository.open(LocalStore(files: files, location: "copy"), key)
        try repository.refresh()
        return repository
    }

    /// Copies all that is listed; `content` tells what it holds.
    func copy(from source: Repository, content: (Manifest) -> [String: [UInt8]]?) throws {
        let originals = try source.catalog()
        let destination = try open()
        let copy = try RepositoryCopy(
            from: source, originals, to: destination, try destination.catalog(), .init())
        for manifest in originals.snapshots {
            switch try copy.copy(manifest) {
            case .copied, .there: copied[manifest.logicalID] = content(manifest)
            case .forgotten, .gone, .damaged:
                throw YearsViolation(description: "\(manifest.hexID) is not copied")
            }
        }
    }

    /// All that was ever copied is there, as it was written.
    func check() throws {
        let repository = try open()
        let report = try RepositoryCheck(repository).run(readData: true, threads: 2)
        if let finding = report.findings.first {
            throw YearsViolation(description: "the copy: \(finding)")
        }
        let listed = try repository.catalog().snapshots
        guard Set(listed.map(\.logicalID)) == Set(copied.keys), listed.count == copied.count else {
            throw YearsViolation(
                description: "\(listed.count) copies are listed, \(copied.count) were made")
        }
        let caches = ViewCaches()
        for manifest in listed {
            let view = try SnapshotView(manifest, repository: repository, caches: caches)
            guard try view.fileContents() == copied[manifest.logicalID] else {
                throw YearsViolation(description: "copy \(manifest.hexID) has other contents")
            }
        }
    }
}

extension SnapshotView {
    /// The content of the files below the root, by name.
    func fileContents() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        try forEach(in: root) { place in
            var bytes = [UInt8](repeating: 0, count: Int(place.attributes.size))
            let read = try bytes.withUnsafeMutableBytes { try self.read(place, at: 0, into: $0) }
            files[String(decoding: place.name, as: UTF8.self)] = Array(bytes.prefix(read))
            return true
        }
        return files
    }
}
