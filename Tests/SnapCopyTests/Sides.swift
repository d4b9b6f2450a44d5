// SPDX-License-Identifier: MIT
//
// Two repositories, copies from one to the other, and whether they hold the same.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapTestSupport
import SnapView
import Testing

@testable import SnapCopy

/// Not thread-safe.
final class Sides {
    let source: TestRepository
    let copy: TestRepository

    init(cuttingAlike: Bool = false) throws {
        source = try TestRepository()
        copy = try TestRepository(cuttingLike: cuttingAlike ? try source.open() : nil)
    }

    /// Another destination for the same source.
    init(source: TestRepository) throws {
        self.source = source
        copy = try TestRepository()
    }

    /// What one run did, snapshot by snapshot.
    struct Run {
        var outcomes: [RepositoryCopy.Outcome] = []

        var copied: [Manifest] {
            outcomes.compactMap { if case .copied(let made, _) = $0 { made } else { nil } }
        }
        var bytesRead: [UInt64] {
            outcomes.compactMap { if case .copied(_, let bytes) = $0 { bytes } else { nil } }
        }
        var notes: [Int] {
            outcomes.compactMap { if case .there(_, let notes) = $0 { notes } else { nil } }
        }
        var damage: [SnapError] {
            outcomes.compactMap { if case .damaged(let error) = $0 { error } else { nil } }
        }
    }

    /// Copies all snapshots, in a new process as it were.
    @discardableResult
    func run(
        from: (any Store)? = nil, to: (any Store)? = nil,
        _ change: (inout RepositoryCopy.Options) -> Void = { _ in }
    ) throws -> Run {
        let (from, to) = (try source.open(from), try copy.open(to))
        var options = RepositoryCopy.Options()
        options.host = "host"
        options.checkpointInterval = 1 << 40
        change(&options)
        let originals = try from.catalog()
        let copy = try RepositoryCopy(from: from, originals, to: to, try to.catalog(), options)
        var run = Run()
        for manifest in originals.snapshots where manifest.state == .complete {
            run.outcomes.append(try copy.copy(manifest))
        }
        return run
    }

    // MARK: Judgement

    static func snapshots(_ side: TestRepository) throws -> [Manifest] {
        try side.open().catalog().snapshots.filter { $0.state == .complete }
    }

    /// Both are whole; of all snapshots, or of some, there is one copy each that is the same.
    func expectEqual(partly: Bool = false, _ what: String = "") throws {
        for side in [source, copy] {
            let report = try RepositoryCheck(try side.open()).run(readData: true, threads: 2)
            #expect(report.findings.isEmpty, "\(what)")
        }
        let copies = try Self.snapshots(copy)
        // A manifest that cannot be read leaves a gap, which the next run fills.
        let originals = try Self.snapshots(source).filter { original in
            !partly || copies.contains { $0.logicalID == original.logicalID }
        }
        #expect(
            copies.map(\.logicalID) == originals.map(\.logicalID), "\(what)")
        for (a, b) in zip(originals, copies) { try expectEqual(a, b, what) }
    }

    func expectEqual(_ a: Manifest, _ b: Manifest, _ what: String = "") throws {
        #expect(Self.words(a) == Self.words(b), "\(what)")
        let old = try SnapshotView(a, repository: try source.open(), caches: ViewCaches())
        let new = try SnapshotView(b, repository: try copy.open(), caches: ViewCaches())
        var (left, right) = (
            TreeIterator(old, below: old.root), TreeIterator(new, below: new.root)
        )
        while let x = try left.next() {
            guard let y = try right.next() else {
                Issue.record("\(what): entries are missing")
                return
            }
            try #expect(Self.facts(x, old) == Self.facts(y, new), "\(what)")
        }
        #expect(try right.next() == nil, "\(what)")
    }

    /// What a manifest says that a copy says again.
    private static func words(_ manifest: Manifest) -> Manifest {
        var words = manifest
        words.id = []
        words.predecessor = nil
        words.collection = 0
        words.root.content = .none
        (words.totals.bytesAdded, words.totals.bytesStored) = (0, 0)
        return words
    }

    private struct Facts: Equatable {
        var name: [UInt8]
        var attributes: Attributes
        var target: [UInt8]
        var xattrs: [ExtendedAttribute]
        var bytes: [UInt8]
        /// Where each extent ends, and whether it is a hole.
        var cuts: [UInt64: Bool] = [:]
    }

    private static func facts(_ place: Place, _ view: SnapshotView) throws -> Facts {
        let entry = try view.entry(place)
        var facts = Facts(
            name: entry.name, attributes: entry.attributes, target: entry.target,
            xattrs: try view.xattrs(of: entry), bytes: [])
        guard entry.attributes.isRegular else { return facts }
        facts.bytes = [UInt8](repeating: 0, count: Int(entry.attributes.size))
        let count = try facts.bytes.withUnsafeMutableBytes { try view.read(place, at: 0, into: $0) }
        #expect(count == facts.bytes.count)
        try view.forEachExtent(entry) {
            facts.cuts[$0.extent.end] = $0.extent.id == nil
            return true
        }
        return facts
    }
}

/// A store of which one call fails, and with `forGood` every later one that writes.
final class FailingStore: ForwardingStore, @unchecked Sendable {
    // Sendable: `left` is used inside monitor.locked.
    let base: any Store
    private let forGood: Bool
    private let monitor = Monitor()
    private var left: Int

    init(_ base: any Store, failing call: Int, forGood: Bool = false) {
        self.base = base
        self.forGood = forGood
        left = call
    }

    var hasFailed: Bool { monitor.locked { left <= 0 } }

    fileprivate func count(writes: Bool = true) throws {
        try monitor.locked {
            if forGood, left <= 0, !writes { return }
            left -= 1
            if left == 0 || forGood && left < 0 { throw SnapError(.noSpace, "injected: full") }
        }
    }

    func open(_ name: String) throws -> any StoreFile {
        try count(writes: false)
        return try base.open(name)
    }
    func list(_ directory: String) throws -> [StoreEntry] {
        try count(writes: false)
        return try base.list(directory)
    }
    func stage() throws -> any StagedFile {
        try count()
        return FailingFile(try base.stage(), self)
    }
    func delete(_ name: String) throws {
        try count(writes: false)
        try base.delete(name)
    }
    func synchronize() throws {
        try count()
        try base.synchronize()
    }
}

private final class FailingFile: StagedFile {
    private let base: any StagedFile
    private let store: FailingStore

    init(_ base: any StagedFile, _ store: FailingStore) {
        self.base = base
        self.store = store
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try store.count()
        try base.append(bytes)
    }
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        try base.read(at: offset, into: buffer)
    }
    func commit(as name: String) throws {
        try store.count()
        try base.commit(as: name)
    }
    func discard() { base.discard() }
}
