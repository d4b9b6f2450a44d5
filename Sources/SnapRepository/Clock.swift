// SPDX-License-Identifier: MIT

import Glibc
import SnapFormat

extension Timestamp {
    /// The clock of this machine, in UTC. It names snapshots and paces checkpoints; no decision
    /// about what is kept depends on it.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
    }
}
