// SPDX-License-Identifier: MIT
//
// The power goes after every change that a small backup makes on the disk, and what was not
// synchronised is lost in several ways.

import SnapBase
import SnapFormat
import SnapRepository
import SnapStore
import Testing

@Suite struct PowerCutTests {
    /// What may be found after a crash at this point.
    private static func survivals(_ point: Int) -> [Survival] {
        let seed = Seed.run &+ UInt64(point) &* 16
        return [
            .synchronizedOnly, .everything, .namesWithoutContent, .namesWithHalfContent,
            .random(seed), .random(seed + 1),
        ]
    }

    @Test(arguments: FaultScenario.allCases)
    func aPowerCutLosesNothingThatWasListed(_ scenario: FaultScenario) throws {
        let engine = try Engine.shared.get()
        let known = scenario.known(engine)
        var states = 0
        var point = 0
        var isOver = false
        while !isOver {
            point += 1
            let files = AmnesiaFileLayer(known.disk, powerCutAfter: point)
            let outcome = Result { try engine.backup(try engine.open(files), scenario.style) }
            isOver = !files.isOff
            if isOver { #expect(throws: Never.self) { try outcome.get() } }
            for survival in Self.survivals(point) {
                engine.judge(
                    files.disk.after(survival), known, committed: try? outcome.get(),
                    "\(scenario): power cut after change \(point), \(survival)")
                states += 1
            }
        }
        print("power cuts: \(scenario): \(point) points, \(states) states")
    }

    /// What a killed backup left in the kernel's memory only, the next one may build upon; its
    /// success must then cover that too.
    @Test(arguments: FaultScenario.allCases)
    func aPowerCutAfterAKillAndABackupLosesNothing(_ scenario: FaultScenario) throws {
        let engine = try Engine.shared.get()
        let known = scenario.known(engine)
        var point = 0
        var isOver = false
        while !isOver {
            point += 1
            let killed = AmnesiaFileLayer(known.disk, powerCutAfter: point)
            _ = Result { try engine.backup(try engine.open(killed), scenario.style) }
            isOver = !killed.isOff
            // The process is gone, the machine is not: nothing of the disk is lost or durable yet.
            let files = AmnesiaFileLayer(killed.disk)
            let manifest = try engine.backup(try engine.open(files))
            for survival in [Survival.synchronizedOnly, .random(Seed.run &+ UInt64(point))] {
                engine.judge(
                    files.disk.after(survival), known, committed: manifest,
                    "\(scenario): killed after change \(point), backup, power cut, \(survival)")
            }
        }
        print("kills before a power cut: \(scenario): \(point)")
    }

    /// And a power cut within the backup after the kill finds no snapshot that rests on less.
    @Test func aPowerCutInTheBackupAfterAKillLosesNothing() throws {
        let engine = try Engine.shared.get()
        let changes = AmnesiaFileLayer(engine.one.disk)
        try engine.backup(try engine.open(changes))
        var states = 0
        // Before the packs have their names there is nothing to build upon.
        for kill in (changes.changes - 14)...changes.changes {
            let killed = AmnesiaFileLayer(engine.one.disk, powerCutAfter: kill)
            _ = Result { try engine.backup(try engine.open(killed)) }
            var point = 0
            var isOver = false
            while !isOver {
                point += 1
                states += 1
                let files = AmnesiaFileLayer(killed.disk, powerCutAfter: point)
                let outcome = Result { try engine.backup(try engine.open(files)) }
                isOver = !files.isOff
                let survival = Survival.random(Seed.run &+ UInt64(states))
                engine.judge(
                    files.disk.after(survival), engine.one, committed: try? outcome.get(),
                    "killed after change \(kill), power cut after change \(point), \(survival)")
            }
        }
        print("power cuts after a kill: \(states)")
    }

    /// A lost answer must not lose what makes the change durable.
    @Test(arguments: [FaultMode.lostAnswer, .exists])
    func aPowerCutAfterALostAnswerLosesNothing(_ mode: FaultMode) throws {
        let engine = try Engine.shared.get()
        var call = 0
        var fault = Fault(1, mode)
        repeat {
            call += 1
            fault = Fault(call, mode)
            let files = AmnesiaFileLayer(engine.one.disk)
            let outcome = Result {
                try engine.backup(try engine.open(FaultFileLayer(files, fault)))
            }
            engine.judge(
                files.disk.after(.synchronizedOnly), engine.one, committed: try? outcome.get(),
                "\(mode) at call \(call), \(fault.hit ?? "none"), then a power cut")
        } while fault.hit != nil
    }

    @Test func anInterruptedInitCanBeRunAgain() throws {
        let engine = try Engine.shared.get()
        var states = 0
        var point = 0
        var isOver = false
        while !isOver {
            point += 1
            let files = AmnesiaFileLayer(powerCutAfter: point)
            let outcome = Result { try engine.initialize(files) }
            isOver = !files.isOff
            for survival in Self.survivals(point) {
                let found = AmnesiaFileLayer(files.disk.after(survival))
                let what = "init, power cut after change \(point), \(survival)"
                do {
                    do { _ = try engine.open(found) } catch let error as SnapError
                    where error.kind == .noRepository {
                        if case .success = outcome { Issue.record("\(what): it is gone") }
                        try engine.initialize(found)
                    }
                    engine.judge(found.disk, Known(disk: found.disk), what)
                } catch { Issue.record("\(what): \(error)") }
                states += 1
            }
        }
        print("power cuts: init: \(point) points, \(states) states")
    }
}
