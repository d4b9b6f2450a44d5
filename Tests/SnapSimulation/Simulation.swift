// SPDX-License-Identifier: MIT
//
// One schedule: a repository with some history, then backups, readers, forgetting and collections
// at once, with crashes, sleepers and lost answers; at every change the promises are checked.

import SnapBase
import SnapFormat
import SnapRepository
import SnapTestSupport

package struct Simulation {
    private let workers: [Worker]

    package init() { workers = (0..<Self.actorsMax).map { _ in Worker() } }

    private static let actorsMax = 8

    /// What went wrong in the schedule of a seed, nil if nothing did. `trace` is told of each step.
    package func run(seed: UInt64, trace: ((String) -> Void)? = nil) -> String? {
        var random = SeededRandom(seed: seed)
        let faults = Self.faults(&random)
        let scheduler = Scheduler(random: random, faults: faults)
        scheduler.trace = trace
        let world = World(scheduler)
        // Nodes need objects that are no nodes.
        for node in 0..<16 {
            world.children[node] = scheduler.random.next() & scheduler.random.next() & ~0xffff
        }
        // Some history first, so that there is something to lose.
        let first = Actor("first backup") {
            try world.repeated(1 + scheduler.below(3), $0, world.backup)
        }
        scheduler.run([first], on: workers)
        let readers = scheduler.below(3)
        let actors = (0..<3 + scheduler.below(Self.actorsMax - 2)).map { number in
            switch scheduler.below(9 + readers * 2) {
            case 0..<4:
                Actor("backup \(number)") { try world.repeated(2, $0, world.backup) }
            case 4..<7:
                Actor("prune \(number)") { try world.repeated(3, $0, world.prune) }
            case 7..<9:
                Actor("forget \(number)") { try world.repeated(2, $0, world.forget) }
            default:
                Actor("read \(number)") { try world.repeated(2, $0, world.read) }
            }
        }
        scheduler.run(actors, on: workers)
        world.settle()
        let last = Scheduler(random: scheduler.random, faults: Faults(stay: 1000))
        last.trace = trace
        let quiet = World(last)
        quiet.adopt(world)
        let prune = Actor("last prune", quiet.pruneAll)
        last.run([prune], on: workers)
        if let failure = prune.failure { quiet.fail("the last prune failed: \(failure)") }
        return (world.violation ?? quiet.violation)?.description
    }

    private static func faults(_ random: inout SeededRandom) -> Faults {
        func one(of values: [Int]) -> Int { values[Int(random.next() % UInt64(values.count))] }
        return Faults(
            stay: one(of: [0, 500, 800, 950]), crash: one(of: [0, 0, 2, 10]),
            sleep: one(of: [0, 5, 30]), lost: one(of: [0, 10, 100]), late: one(of: [0, 10, 50]),
            falseDeath: one(of: [0, 100, 500]))
    }
}

extension World {
    /// Does it several times over; a failure of one does not keep it from the next.
    fileprivate func repeated(
        _ times: Int, _ actor: Actor, _ body: (Actor) throws -> Void
    ) throws {
        for _ in 0..<times {
            do { try body(actor) } catch let error as SnapError where error.kind != .damaged {
                if actor.hasCrashed { throw error }
            } catch {
                fail("\(actor.name): \(error)")
            }
        }
    }

    fileprivate func adopt(_ other: World) {
        (files, packs, segments, roots) = (other.files, other.packs, other.segments, other.roots)
        (children, promised, unwanted) = (other.children, other.promised, other.unwanted)
    }
}
