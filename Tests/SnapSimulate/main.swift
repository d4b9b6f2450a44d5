// SPDX-License-Identifier: MIT
//
// Many schedules of backups and collections; see Tests/SnapSimulation.
//
//   snapfs-simulate COUNT [FIRST-SEED]     one after the other, best pinned to one processor
//   snapfs-simulate --seed SEED            one again, step by step
//   snapfs-simulate --years YEARS [SEED]   the life of a repository under cron

import Glibc
import SnapBase
import SnapSimulation

func say(_ message: String) {
    print(message)
    fflush(nil)
}

func fail(_ message: String) -> Never {
    say(message)
    _exit(1)
}

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "--seed", let seed = UInt64(arguments[2]) {
    let simulation = Simulation()
    if let violation = simulation.run(seed: seed, trace: { print($0) }) {
        fail("seed \(seed): \(violation)")
    }
    print("seed \(seed): nothing went wrong")
    exit(0)
}
if (3...4).contains(arguments.count), arguments[1] == "--years", let years = Int(arguments[2]) {
    let given = arguments.count == 4 ? UInt64(arguments[3]) : nil
    let seed = given ?? UInt64.random(in: 0..<1 << 40)
    say("\(years) years from seed \(seed)")
    do {
        let life = try Years(seed: seed)
        life.progress = say
        try life.run(days: 365 * years)
        let sizes = life.sizes.map(String.init).joined(separator: ", ")
        print(
            "\(life.backups) backups, \(life.prunes) prunes, \(life.copies) copies, "
                + "bytes of the packs at the end of each year: \(sizes)")
        if let first = life.sizes.dropFirst().first, let last = life.sizes.last,
            last > first + first / 2
        {
            fail("seed \(seed): the repository grows")
        }
    } catch { fail("seed \(seed): \(error)") }
    exit(0)
}
guard (2...3).contains(arguments.count), let count = UInt64(arguments[1]),
    let first = arguments.count == 3 ? UInt64(arguments[2]) : UInt64.random(in: 0..<1 << 40)
else {
    fail("usage: snapfs-simulate COUNT [FIRST-SEED] | --seed SEED | --years YEARS [SEED]")
}
say("\(count) schedules from seed \(first) on")
let simulation = Simulation()
for seed in first..<first + count {
    if let violation = simulation.run(seed: seed) {
        fail("seed \(seed): \(violation); snapfs-simulate --seed \(seed) shows it again")
    }
    let done = seed - first + 1
    if done.isMultiple(of: 50_000) { say("\(done) schedules so far") }
}
print("\(count) schedules, nothing went wrong")
