// SPDX-License-Identifier: MIT

import SnapSimulation
import SnapTestSupport
import Testing

@Suite struct SimulationTests {
    @Test func aMonthUnderCronKeepsWhatThePolicySays() throws {
        var random = SeededRandom()
        let seed = random.next() >> 24
        do { try Years(seed: seed).run(days: 30) } catch {
            Issue.record("snapfs-simulate --years 1 \(seed): \(error)")
        }
    }

    @Test func aSeedIsOneSchedule() throws {
        var random = SeededRandom()
        let simulation = Simulation()
        for _ in 0..<100 {
            let seed = random.next() >> 24
            var steps: [[String]] = [[], []]
            for time in 0..<2 { _ = simulation.run(seed: seed) { steps[time].append($0) } }
            if steps[0] != steps[1] { Issue.record("seed \(seed) is two schedules") }
        }
    }

    @Test func schedulesOfBackupsAndCollectionsLoseNothing() throws {
        var random = SeededRandom()
        let simulation = Simulation()
        for _ in 0..<2000 {
            let seed = random.next() >> 24
            if let violation = simulation.run(seed: seed) {
                Issue.record("snapfs-simulate --seed \(seed): \(violation)")
                return
            }
        }
    }
}
