// SPDX-License-Identifier: MIT
//
// Every call of a repair to the store fails once. Whatever a repair was interrupted at, the
// repository is not worse than before, and the next repair does what the first one could not.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import SnapView
import Testing

@Suite struct RepairFaultTests {
    enum Repair: CaseIterable {
        case index, packs, snapshots
    }

    private static let modes: [FaultMode] = [.error, .lostAnswer, .gone]

    @Test(arguments: Repair.allCases, modes)
    func anInterruptedRepairMakesNothingWorse(_ repair: Repair, _ mode: FaultMode) throws {
        let engine = try Engine.shared.get()
        let known = engine.one
        let damaged = try damage(known.disk, for: repair)
        let (id, model) = try #require(known.snapshots.first)
        let before = try readable(AmnesiaFileLayer(damaged), engine, id)
        var call = 0
        while true {
            call += 1
            let fault = Fault(call, mode)
            let files = AmnesiaFileLayer(damaged)
            let outcome = Result {
                let store = LocalStore(files: files, location: "memory")
                return try run(repair, try engine.open(FaultStore(store, fault)))
            }
            let hit = fault.hit ?? "nothing"
            let what = "\(repair), \(mode) at call \(call), \(hit)"
            let disk = files.disk.after(.synchronizedOnly)
            let after = try readable(AmnesiaFileLayer(disk), engine, id)
            for (path, node) in before where after[path] != node {
                Issue.record("\(what): \(path) could be read before")
            }
            if case .success(true) = outcome {
                try expectRepaired(disk, repair, engine, id, model, what)
            }
            // The next one finishes it.
            let again = AmnesiaFileLayer(disk)
            _ = try run(repair, try engine.open(again))
            try expectRepaired(
                again.disk.after(.synchronizedOnly), repair, engine, id, model,
                what + ", the repair after it")
            if fault.hit == nil { break }
        }
        print("faults of a repair: \(repair) \(mode): \(call - 1)")
        #expect(call > 8)
    }

    /// False where it says that something is left to do.
    private func run(_ repair: Repair, _ repository: Repository) throws -> Bool {
        switch repair {
        case .index:
            let report = try IndexRepair(repository).run(host: "main", isDryRun: false)
            return report.unreadable.isEmpty
        case .packs:
            let report = try PackRepair(repository).run(
                names: [], host: "main", threads: 1, isDryRun: false)
            return report.lostCount == 0
        case .snapshots:
            let origin = Origin(time: 1, host: "main", user: "root")
            var isComplete = true
            try SnapshotRepair(
                repository, origin: origin, program: "tests", isDryRun: false
            ).run(readData: true, threads: 1) {
                if case .kept = $0.outcome { isComplete = false }
            }
            return isComplete
        }
    }

    // MARK: Damage

    /// A disk on which there is something to repair.
    private func damage(_ disk: Disk, for repair: Repair) throws -> Disk {
        let files = AmnesiaFileLayer(disk)
        switch repair {
        case .index: for (name, _) in try files.list("index") { try files.unlink("index/\(name)") }
        // All of it can be saved.
        case .packs: try flip(files) { $0.count - 40 }
        // The content of the large file, which comes first.
        case .snapshots: try flip(files) { _ in 5000 }
        }
        return files.disk.after(.everything)
    }

    private func flip(_ files: AmnesiaFileLayer, at place: ([UInt8]) -> Int) throws {
        var packs: [(path: String, size: Int)] = []
        for (directory, _) in try files.list("data") {
            for (name, size) in try files.list("data/\(directory)") {
                packs.append(("data/\(directory)/\(name)", size ?? 0))
            }
        }
        let largest = try #require(packs.max { $0.size < $1.size })
        var bytes = [UInt8](repeating: 0, count: largest.size)
        let old = try files.openFile(largest.path)
        _ = try bytes.withUnsafeMutableBytes { try old.read(at: 0, into: $0) }
        bytes[place(bytes)] ^= 1
        try files.unlink(largest.path)
        let new = try files.createFile(largest.path)
        try bytes.withUnsafeBytes { try new.write($0, at: 0) }
        try new.synchronize()
    }

    // MARK: Judgement

    /// What can be read of a snapshot, in it or in the one that has taken its place.
    private func readable(
        _ files: AmnesiaFileLayer, _ engine: Engine, _ id: String
    ) throws -> SourceModel {
        let repository = try engine.open(files)
        let found = try repository.catalog().snapshots.filter {
            $0.hexID == id || $0.predecessor.map { Hex.encode($0) } == id
        }
        #expect(!found.isEmpty, "a snapshot has gone")
        var model: SourceModel = [:]
        for manifest in found {
            model.merge(try engine.readable(manifest, repository)) { first, _ in first }
        }
        return model
    }

    private func expectRepaired(
        _ disk: Disk, _ repair: Repair, _ engine: Engine, _ id: String, _ model: SourceModel,
        _ what: String
    ) throws {
        let files = AmnesiaFileLayer(disk)
        let listed = try engine.open(files).catalog().snapshots
        #expect(listed.count == 1, "\(what): \(listed.count) snapshots are listed")
        #expect((listed[0].hexID == id) == (repair != .snapshots), "\(what)")
        var wanted = model
        if repair == .snapshots { wanted["large"] = nil }
        let got = try readable(files, engine, id)
        #expect(Set(got.keys) == Set(wanted.keys), "\(what)")
        for (path, node) in wanted where got[path] != node { Issue.record("\(what): \(path)") }
    }
}
