// SPDX-License-Identifier: MIT
//
// Every call of a small backup to the file system fails once, in every way a call can fail.

import SnapBase
import SnapRepository
import SnapStore
import Testing

/// A repository to begin with and a backup into it.
enum FaultScenario: CaseIterable {
    case first, second, checkpoints, merge

    func known(_ engine: Engine) -> Known {
        switch self {
        case .first: engine.empty
        case .second, .checkpoints: engine.one
        case .merge: engine.many
        }
    }

    var style: Engine.Style { Engine.Style(checkpoints: self == .checkpoints) }
}

@Suite struct FileFaultTests {
    @Test(arguments: FaultScenario.allCases, FaultMode.allCases)
    func aFailingCallOfTheFileSystemLosesNothing(
        _ scenario: FaultScenario, _ mode: FaultMode
    ) throws {
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
                    try engine.open(FaultFileLayer(files, fault)), scenario.style)
            }
            guard let hit = fault.hit else {
                #expect(throws: Never.self) { try outcome.get() }
                break
            }
            if case .failure = outcome { failures += 1 }
            // Success is success for good; after a failure the machine goes on as it is.
            let committed = try? outcome.get()
            engine.judge(
                files.disk.after(committed == nil ? .everything : .synchronizedOnly), known,
                committed: committed,
                "\(scenario), \(mode) at call \(call), \(hit)")
        }
        print("faults of the file system: \(scenario) \(mode): \(call - 1), \(failures) failed")
        #expect(call > 1)
    }

    @Test(arguments: FaultMode.allCases)
    func aFailingCallOfInitLeavesAPlaceToInitialize(_ mode: FaultMode) throws {
        let engine = try Engine.shared.get()
        var call = 0
        var fault = Fault(1, mode)
        repeat {
            call += 1
            fault = Fault(call, mode)
            let files = AmnesiaFileLayer()
            let outcome = Result { try engine.initialize(FaultFileLayer(files, fault)) }
            let what = "init, \(mode) at call \(call), \(fault.hit ?? "none")"
            do {
                if case .failure = outcome {
                    do { _ = try engine.open(files) } catch let error as SnapError
                    where error.kind == .noRepository { try engine.initialize(files) }
                }
                engine.judge(files.disk, Known(disk: files.disk), what)
            } catch { Issue.record("\(what): \(error)") }
        } while fault.hit != nil
        #expect(call > 1)
    }
}
