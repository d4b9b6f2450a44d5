// SPDX-License-Identifier: MIT

import Glibc

/// SplitMix64: the same seed gives the same numbers.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var out = [UInt8]()
        out.reserveCapacity(count + 8)
        while out.count < count { withUnsafeBytes(of: next()) { out.append(contentsOf: $0) } }
        return Array(out.prefix(count))
    }
}

/// The seed of this run, printed once; SNAPFS_SEED replays one.
enum Seed {
    static let run: UInt64 = {
        let seed =
            getenv("SNAPFS_SEED").flatMap { UInt64(String(cString: $0)) }
            ?? UInt64.random(in: 0..<1_000_000)
        print("fault tests: SNAPFS_SEED=\(seed)")
        return seed
    }()
}
