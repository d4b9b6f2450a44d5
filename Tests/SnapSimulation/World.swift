// SPDX-License-Identifier: MIT
//
// The store of the simulation: the small files as values, packs and segments as sets of numbers.
// Every method of an actor is a step first, so anything may happen in between.

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport

/// Objects are numbers below 64; a set of them is a mask.
typealias Objects = UInt64

struct ModelSegment {
    var collection: UInt64
    var packs: [PackName: Objects]
    var superseded: Set<ObjectID>
}

/// What went wrong with the promises.
struct Violation: Error, CustomStringConvertible {
    var description: String
}

final class World {
    let scheduler: Scheduler
    var files = ModelFiles()
    var packs: [PackName: Objects] = [:]
    var segments: [ObjectID: ModelSegment] = [:]
    /// Creations that happen later, with the step after which they do.
    private var late: [(step: Int, file: LedgerFile, digest: ObjectID)] = []
    /// The objects of each manifest.
    var roots: [[UInt8]: Objects] = [:]
    /// What each object needs besides itself: nodes are objects below 16.
    var children: [Objects] = Array(repeating: 0, count: 64)
    /// Finished snapshots that counted when they appeared, even late, and that nobody has forgotten
    /// since.
    var promised: Set<[UInt8]> = []
    /// How often somebody wanted them to be forgotten, less how often that was taken back.
    var unwanted: [[UInt8]: Int] = [:]
    /// Readers that were taken for dead.
    var buried: Set<[UInt8]> = []
    var violation: Violation?
    private var names: UInt64 = 0

    init(_ scheduler: Scheduler) {
        self.scheduler = scheduler
        scheduler.onStep = { [unowned self] in landLate() }
    }

    func fail(_ text: String) { violation = violation ?? Violation(description: text) }

    func newName() -> ObjectID {
        names += 1
        return ObjectID(words: (scheduler.random.next(), names, 0, 0))
    }

    func newID() -> [UInt8] { scheduler.random.bytes(16) }

    func add(_ file: LedgerFile, _ digest: ObjectID) -> Bool {
        let name = file.storeName
        guard files[name] == nil else { return false }
        files[name] = ModelFile(file, digest)
        switch file {
        case .end: check("after \(name) was created")
        case .manifest(let manifest):
            if manifest.state == .complete, Counting(end).counts(manifest, digest) {
                promised.insert(manifest.id)
            }
            check("after \(name) was created")
        default: break
        }
        return true
    }

    func addLate(_ file: LedgerFile, _ digest: ObjectID) {
        late.append((scheduler.steps + 1 + scheduler.below(200), file, digest))
    }

    private func landLate() {
        guard !late.isEmpty else { return }
        for item in late where item.step <= scheduler.steps { _ = add(item.file, item.digest) }
        late.removeAll { $0.step <= scheduler.steps }
    }

    /// Everything that was on its way has arrived.
    func settle() {
        for item in late { _ = add(item.file, item.digest) }
        late = []
    }

    /// An object and all that it needs.
    func closure(_ objects: Objects) -> Objects {
        var all = objects
        for node in 0..<16 where objects & (1 << UInt64(node)) != 0 { all |= children[node] }
        return all
    }

    // MARK: The promises

    var end: CollectionEnd? {
        var newest: CollectionEnd?
        for item in files.all(in: CollectionStart.directory) {
            if case .end(let end) = item.file, end.number > newest?.number ?? 0 { newest = end }
        }
        return newest
    }

    /// The objects that the index finds in packs that are there.
    var found: Objects {
        let counting = Counting(end)
        let counted = segments.filter {
            counting.countsSegment($0.key, collection: $0.value.collection)
        }
        let superseded = counted.values.reduce(into: Set<ObjectID>()) {
            $0.formUnion($1.superseded)
        }
        var found: Objects = 0
        for (name, segment) in counted where !superseded.contains(name) {
            for (pack, objects) in segment.packs where packs[pack] != nil { found |= objects }
        }
        return found
    }

    /// The snapshots that count.
    var counted: [Manifest] {
        let counting = Counting(end)
        return files.all(in: Manifest.directory).compactMap {
            guard case .manifest(let manifest) = $0.file, counting.counts(manifest, $0.digest)
            else { return nil }
            return manifest
        }.sorted { $0.id.lexicographicallyPrecedes($1.id) }
    }

    /// Whatever counts is whole, and whatever was promised counts.
    func check(_ when: String) {
        let (found, counted) = (found, counted)
        for manifest in counted {
            let missing = closure(roots[manifest.id]!) & ~found
            if missing != 0 {
                fail("snapshot \(manifest.hexID.prefix(4)) misses \(missing) \(when)")
            }
        }
        let lost = promised.filter { unwanted[$0, default: 0] == 0 }
            .subtracting(counted.map(\.id))
        if let id = lost.first { fail("snapshot \(Hex.encode(id.prefix(2))) is lost \(when)") }
    }
}
