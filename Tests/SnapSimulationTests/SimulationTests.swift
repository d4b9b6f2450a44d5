// SPDX-License-Identifier: MIT

import SnapSimulation
import SnapTestSupport
import Testing

@Suite struct SimulationTests {
    @Test func schedulesOfBackupsAndCollectionsLoseNothing() throws {
        var random = SeededRandom()
        let simulation = try Simulation()
        defer { simulation.close() }
        for _ in 0..<2000 {
            let seed = random.next() >> 24
            if let violation = simulation.run(seed: seed) {
                Issue.record("snapfs-simulate --seed \(seed): \(violation)")
                return
            }
        }
    }
}
