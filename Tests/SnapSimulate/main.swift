// SPDX-License-Identifier: MIT
//
// Many schedules of backups and collections; see Tests/SnapSimulation.
//
//   snapfs-simulate COUNT [FIRST-SEED]     as many at once as there are processors
//   snapfs-simulate --seed SEED            one again, step by step

import Glibc
import SnapBase
import SnapSimulation

func fail(_ message: String) -> Never {
    print(message)
    fflush(nil)
    _exit(1)
}

func simulate(from first: UInt64, count: UInt64, every: UInt64) throws {
    let simulation = try Simulation()
    defer { simulation.close() }
    for number in stride(from: 0, to: count, by: Int(every)) {
        let seed = first + number
        if let violation = simulation.run(seed: seed) {
            fail("seed \(seed): \(violation); snapfs-simulate --seed \(seed) shows it again")
        }
    }
}

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "--seed", let seed = UInt64(arguments[2]) {
    let simulation = try Simulation()
    if let violation = simulation.run(seed: seed, tracing: true) {
        fail("seed \(seed): \(violation)")
    }
    print("seed \(seed): nothing went wrong")
    exit(0)
}
guard (2...3).contains(arguments.count), let count = UInt64(arguments[1]),
    let first = arguments.count == 3 ? UInt64(arguments[2]) : UInt64.random(in: 0..<1 << 40)
else {
    fail("usage: snapfs-simulate COUNT [FIRST-SEED] | --seed SEED")
}
print("\(count) schedules from seed \(first) on")
fflush(nil)
let every = UInt64(Processors.count(in: 1...64))
let threads = try (0..<every).map { number in
    try Thread("simulate") {
        do {
            try simulate(from: first + number, count: count - min(count, number), every: every)
        } catch { fail("\(error)") }
    }
}
threads.forEach { $0.join() }
print("\(count) schedules, nothing went wrong")
