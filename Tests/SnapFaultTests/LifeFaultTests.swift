// SPDX-License-Identifier: MIT
//
// Every call to the store that forget, unforget, hold, tag, erase, prune and the audit log make
// fails once; and the power goes after every change that they make on the disk.

import SnapBase
import SnapRepository
import SnapStore
import Testing

@Suite struct LifeFaultTests {
    /// Of the longer ones only some calls fail, other ones in each run.
    private static func step(_ deed: Deed, _ mode: FaultMode?) -> Int {
        let step =
            switch deed {
            case .prune: 4
            case .erase: 3
            default: 1
            }
        return mode == .error ? 4 * step : step
    }

    @Test(arguments: Deed.allCases, FaultMode.allCases)
    func aFailingCallLosesNothingThatIsKept(_ deed: Deed, _ mode: FaultMode) throws {
        let life = try Life.shared.get()
        let step = Self.step(deed, mode)
        var call = 1 + Int(Seed.run % UInt64(step)) - step
        while true {
            call += step
            let fault = Fault(call, mode)
            let files = AmnesiaFileLayer(life.disk)
            let outcome = Result {
                let store = LocalStore(files: files, location: "memory")
                try life.perform(deed, try life.engine.open(FaultStore(store, fault)))
            }
            guard let hit = fault.hit else {
                try outcome.get()
                break
            }
            let what = "\(deed), \(mode) at call \(call), \(hit)"
            // A name that is ours is no reason to fail.
            if case .failure(let error) = outcome, mode == .exists {
                Issue.record("\(what): \(error)")
            }
            let disk = files.disk.after(.synchronizedOnly)
            try life.judge(disk, deed, isDone: (try? outcome.get()) != nil, what)
            try life.judgeNext(disk, deed, what)
        }
        print("faults of a life: \(deed) \(mode): \(call - 1)")
        #expect(call > 1)
    }

    @Test(arguments: Deed.allCases)
    func aPowerCutLosesNothingThatIsKept(_ deed: Deed) throws {
        let life = try Life.shared.get()
        let step = Self.step(deed, nil)
        var point = 1 + Int(Seed.run % UInt64(step)) - step
        var isOver = false
        while !isOver {
            point += step
            let files = AmnesiaFileLayer(life.disk, powerCutAfter: point)
            let outcome = Result { try life.perform(deed, try life.engine.open(files)) }
            isOver = !files.isOff
            if isOver { try outcome.get() }
            let seed = Seed.run &+ UInt64(point)
            for survival in [
                Survival.synchronizedOnly, .everything, .namesWithHalfContent, .random(seed),
            ] {
                let what = "\(deed): power cut after change \(point), \(survival)"
                let disk = files.disk.after(survival)
                try life.judge(disk, deed, isDone: (try? outcome.get()) != nil, what)
                try life.judgeNext(disk, deed, what)
            }
        }
        print("power cuts of a life: \(deed): \(point)")
        #expect(point > 2)
    }
}
