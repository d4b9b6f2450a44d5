// SPDX-License-Identifier: MIT
//
// Every call of a small backup to the store fails once. Also what the store's errors may never be
// taken for.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import Testing

@Suite struct StoreFaultTests {
    private static func store(_ files: any FileLayer) -> LocalStore {
        LocalStore(files: files, location: "memory")
    }

    @Test(arguments: FaultScenario.allCases, FaultMode.allCases)
    func aFailingCallOfTheStoreLosesNothing(_ scenario: FaultScenario, _ mode: FaultMode) throws {
        let engine = try Engine.shared.get()
        let known = scenario.known(engine)
        var failures = 0
        var call = 0
        while true {
            call += 1
            let fault = Fault(call, mode)
            let files = AmnesiaFileLayer(known.disk)
            let outcome = Result {
                try engine.backup(
                    try engine.open(FaultStore(Self.store(files), fault)), scenario.style)
            }
            guard let hit = fault.hit else {
                #expect(throws: Never.self) { try outcome.get() }
                break
            }
            if case .failure(let error) = outcome {
                failures += 1
                // A name that is ours is no reason to fail.
                if mode == .exists { Issue.record("\(scenario), \(hit) exists: \(error)") }
            }
            engine.judge(
                files.disk.after(.synchronizedOnly), known, committed: try? outcome.get(),
                "\(scenario), \(mode) at call \(call), \(hit)")
        }
        print("faults of the store: \(scenario) \(mode): \(call - 1), \(failures) failed")
        #expect(call > 1)
    }

    /// A list that cannot be read is not an empty one: not for the index, not for the snapshots,
    /// not for the keys, not for the packs, not for the traces of a collection.
    @Test func aFailingListIsNeverTakenForAnEmptyOne() throws {
        let engine = try Engine.shared.get()
        var lists: Set<String> = []
        var call = 0
        while true {
            call += 1
            let fault = Fault(call, .error)
            let files = AmnesiaFileLayer(engine.one.disk)
            let outcome = Result {
                try engine.backup(try engine.open(FaultStore(Self.store(files), fault)))
            }
            guard let hit = fault.hit else { break }
            guard hit.hasPrefix("list ") else { continue }
            // Of "data/00" and its like, "data".
            lists.insert(String(hit.prefix { $0 != "/" }))
            #expect(throws: SnapError.self, "\(hit)") { try outcome.get() }
        }
        #expect(
            lists == [
                "list slots", "list keyring", "list index", "list snapshots", "list gc",
                "list data", "list meta", "list notes",
            ])
    }

    /// A snapshot that cannot be read is told of; it does not drop out of the list in silence.
    @Test func aManifestThatCannotBeReadIsReported() throws {
        let engine = try Engine.shared.get()
        var reported = 0
        var call = 0
        while true {
            call += 1
            let fault = Fault(call, .error)
            let store = FaultStore(Self.store(AmnesiaFileLayer(engine.one.disk)), fault)
            let found = Result {
                let catalog = try engine.open(store).catalog()
                return (catalog.snapshots.count, catalog.damaged.count)
            }
            guard let hit = fault.hit else {
                let (manifests, unreadable) = try found.get()
                #expect(manifests == 1 && unreadable == 0)
                break
            }
            if case .success((let manifests, let unreadable)) = found {
                #expect(manifests + unreadable == 1, "\(hit)")
                reported += unreadable
            }
        }
        #expect(reported > 0)
    }

    /// With a part of the index gone the content of unchanged files is nowhere: a backup that ends
    /// well has read them again.
    @Test(arguments: [true, false])
    func contentThatTheIndexDoesNotKnowIsReadAgain(isRemoved: Bool) throws {
        let engine = try Engine.shared.get()
        let files = AmnesiaFileLayer(engine.one.disk)
        let segments = try files.list("index")
        // Every directory changes, so the segment of the second backup knows all of them.
        try engine.backup(try engine.open(files))
        for (name, size) in segments {
            try files.unlink("index/\(name)")
            if isRemoved { continue }
            let damaged = try files.createFile("index/\(name)")
            try [UInt8](repeating: 0, count: size!).withUnsafeBytes {
                try damaged.write($0, at: 0)
            }
        }
        let manifest = try engine.backup(try engine.open(files))
        let tree = try engine.contents(manifest, try engine.open(files))
        #expect(tree == engine.model)
    }
}
