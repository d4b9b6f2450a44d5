// SPDX-License-Identifier: MIT
//
// Runs several actors, one at a time: at each of their steps the seed decides who goes on. So one
// seed is one schedule, for ever.

import Glibc
import SnapBase
import SnapTestSupport

/// Thrown in an actor that has crashed, by every further step.
func crash() -> SnapError { SnapError(.interrupted, "simulated crash") }

/// One program of the simulation. Its state belongs to whoever runs: one at a time.
final class Actor: @unchecked Sendable {
    // Sendable: the scheduler lets one thread run at a time; the semaphores order their accesses.
    let name: String
    let body: (Actor) throws -> Void
    fileprivate var semaphore = sem_t()
    fileprivate var isFinished = false
    var hasCrashed = false
    /// Steps of others that it sleeps through.
    fileprivate var sleep = 0
    /// Why it ended, if not well.
    var failure: SnapError?

    init(_ name: String, _ body: @escaping (Actor) throws -> Void) {
        self.name = name
        self.body = body
        sem_init(&semaphore, 0, 0)
    }

    deinit { sem_destroy(&semaphore) }
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

final class Scheduler: @unchecked Sendable {
    // Sendable: as for Actor.
    var random: SeededRandom
    let faults: Faults
    private var actors: [Actor] = []
    private var running = 0
    private var done = sem_t()
    /// Called before each step of whoever runs.
    var onStep: () -> Void = {}
    private(set) var steps = 0
    /// Prints every step.
    var isTracing = false

    init(random: SeededRandom, faults: Faults) {
        self.random = random
        self.faults = faults
        sem_init(&done, 0, 0)
    }

    deinit { sem_destroy(&done) }

    func happens(_ probability: Int) -> Bool {
        probability > 0 && Int(random.next() % 1000) < probability
    }

    func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    /// Runs all actors to their ends.
    func run(_ actors: [Actor], on pool: ThreadPool) {
        self.actors = actors
        for actor in actors {
            pool.run {
                sem_wait(&actor.semaphore)
                do { try actor.body(actor) } catch { actor.failure = SnapError.wrap(error) }
                actor.isFinished = true
                self.handOver(from: nil)
            }
        }
        handOver(from: nil)
        sem_wait(&done)
        // Their bodies hold the world, which holds us.
        self.actors = []
    }

    /// A point at which others may run, before `actor` does to the store what it says.
    func step(_ actor: Actor, _ what: @autoclosure () -> String) throws {
        if actor.hasCrashed { throw crash() }
        try wait(actor)
        steps += 1
        onStep()
        if isTracing { print("\(steps) \(actor.name): \(what())") }
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
            if isTracing { print("\(steps) \(actor.name) crashes") }
            throw crash()
        }
        if happens(faults.sleep) { actor.sleep = 1 + below(120) }
        if actor.sleep == 0, happens(faults.stay) { return }
        handOver(from: actor)
    }

    private func handOver(from actor: Actor?) {
        let ready = actors.filter { !$0.isFinished }
        guard !ready.isEmpty else {
            sem_post(&done)
            return
        }
        for other in ready where other.sleep > 0 { other.sleep -= 1 }
        let awake = ready.filter { $0.sleep == 0 }
        let next = awake.isEmpty ? ready.min { $0.sleep < $1.sleep }! : awake[below(awake.count)]
        next.sleep = 0
        if next === actor { return }
        sem_post(&next.semaphore)
        if let actor { sem_wait(&actor.semaphore) }
    }
}

/// Threads that are kept from one schedule to the next.
final class ThreadPool: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private var work: [@Sendable () -> Void] = []
    private var isClosed = false
    private var threads: [Thread] = []

    init(threads count: Int) throws {
        for _ in 0..<count { threads.append(try Thread("actor") { [self] in loop() }) }
    }

    func run(_ body: @escaping @Sendable () -> Void) {
        monitor.locked {
            work.append(body)
            monitor.wakeAll()
        }
    }

    private func loop() {
        while true {
            let next: (@Sendable () -> Void)? = monitor.locked {
                while work.isEmpty && !isClosed { monitor.wait() }
                return work.popLast()
            }
            guard let next else { return }
            next()
        }
    }

    /// Ends the threads; nothing is at work.
    func close() {
        monitor.locked {
            isClosed = true
            monitor.wakeAll()
        }
        threads.forEach { $0.join() }
    }
}
