// SPDX-License-Identifier: MIT

import CLinux
import Glibc

/// CLOCK_MONOTONIC: for how long something takes, whatever happens to the time of day.
package enum MonotonicClock {
    package static var nanoseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// In seconds.
    package static var now: Double { Double(nanoseconds) / 1e9 }
}

package enum Processors {
    /// How many there are now, as the number of threads of a stage that has its own bounds.
    package static func count(in bounds: ClosedRange<Int>) -> Int {
        min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), bounds.lowerBound), bounds.upperBound)
    }
}

package enum Heap {
    /// Lets all threads share so many heaps. Each thread has its own otherwise, and keeps what it
    /// has freed there to itself. Call before there are other threads.
    package static func limit(to count: Int) { snapfs_limit_heaps(Int32(clamping: count)) }
}
