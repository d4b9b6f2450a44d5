// SPDX-License-Identifier: MIT
//
// Runs several actors, one at a time: at each of their steps the seed decides who goes on. So one
// seed is one schedule, for ever.

import SnapBase
import SnapTestSupport

/// Thrown in an actor that has crashed, by every further step.
func crash() -> SnapError { SnapError(.interrupted, "simulated crash") }

/// One program of the simulation. Its state belongs to whoever runs: one at a time.
final class Actor {
    let name: String
    let body: (Actor) throws -> Void
    fileprivate var worker: Worker?
    fileprivate var isFinished = false
    var hasCrashed = false
    /// Steps of others that it sleeps through.
    fileprivate var sleep = 0
    /// Why it ended, if not well.
    var failure: SnapError?

    init(_ name: String, _ body: @escaping (Actor) throws -> Void) {
        self.name = name
        self.body = body
    }
}

/// The probabilities of one schedule, of 1,000.
struct Faults {
    /// Whoever runs goes on.
    var stay = 500
    var crash = 0
    var sleep = 0
    /// A creation whose answer is lost, done or not done.
    var lost = 0
    /// A creation that fails and happens later all the same.
    var late = 0
    /// A session that is taken for dead though it is not.
    var falseDeath = 0
}

final class Scheduler {
    var random: SeededRandom
    let faults: Faults
    private var actors: [Actor] = []
    /// Where `run` was called.
    private let start = Coroutine()
    /// Called before each step of whoever runs.
    var onStep: () -> Void = {}
    private(set) var steps = 0
    /// Is told of every step.
    var trace: ((String) -> Void)?

    init(random: SeededRandom, faults: Faults) {
        self.random = random
        self.faults = faults
    }

    func happens(_ probability: Int) -> Bool {
        probability > 0 && Int(random.next() % 1000) < probability
    }

    func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    /// Runs all actors to their ends, each on a worker of its own.
    func run(_ actors: [Actor], on workers: [Worker]) {
        self.actors = actors
        for (actor, worker) in zip(actors, workers) {
            actor.worker = worker
            worker.body = {
                do { try actor.body(actor) } catch { actor.failure = SnapError.wrap(error) }
                actor.isFinished = true
            }
            worker.leave = { [unowned self] in handOver(from: worker.place) }
        }
        handOver(from: start)
        // Their bodies hold the world, which holds us.
        self.actors = []
    }

    /// A point at which others may run, before `actor` does to the store what it says.
    func step(_ actor: Actor, _ what: @autoclosure () -> String) throws {
        if actor.hasCrashed { throw crash() }
        try wait(actor)
        steps += 1
        onStep()
        trace?("\(steps) \(actor.name): \(what())")
    }

    /// Lets the others go on for a while, now and then.
    func nap(_ actor: Actor) throws {
        guard happens(300) else { return }
        actor.sleep = 1 + below(60)
        try step(actor, "wakes")
    }

    private func wait(_ actor: Actor) throws {
        if happens(faults.crash) {
            actor.hasCrashed = true
            trace?("\(steps) \(actor.name) crashes")
            throw crash()
        }
        if happens(faults.sleep) { actor.sleep = 1 + below(120) }
        if actor.sleep == 0, happens(faults.stay) { return }
        handOver(from: actor.worker!.place)  // run gave each actor one
    }

    private func handOver(from place: Coroutine) {
        var (ready, awake) = (0, 0)
        for other in actors where !other.isFinished {
            ready += 1
            if other.sleep > 0 { other.sleep -= 1 }
            if other.sleep == 0 { awake += 1 }
        }
        guard ready > 0 else { return place.switch(to: start) }
        let next = awake > 0 ? self.awake(below(awake)) : soonest
        next.sleep = 0
        let other = next.worker!.place  // as above
        if other !== place { place.switch(to: other) }
    }

    /// That one of those that do not sleep.
    private func awake(_ index: Int) -> Actor {
        var left = index
        for actor in actors where !actor.isFinished && actor.sleep == 0 {
            if left == 0 { return actor }
            left -= 1
        }
        preconditionFailure("fewer are awake than were counted")
    }

    /// Of those that sleep, the one that wakes first. Asked only while there is one.
    private var soonest: Actor {
        actors.filter { !$0.isFinished }.min { $0.sleep < $1.sleep }!
    }
}

/// A stack that is kept from one schedule to the next, and runs one actor of each.
final class Worker {
    fileprivate var body: (() -> Void)?
    /// Leaves for whoever is next, once the body has ended.
    fileprivate var leave: () -> Void = {}
    fileprivate lazy var place = Coroutine { [unowned self] in
        while true {
            body?()
            body = nil
            leave()
        }
    }
}
