// SPDX-License-Identifier: MIT
//
// Keeps processors awake while small questions come in a burst. A client that asks one after the
// other sleeps while it is answered, and the answering thread sleeps between two questions: each
// wakes an idle processor, which costs more than the question itself where processors sleep deeply
// or are virtual. The kernel can be asked not to let them (PM QoS, pm_qos_interface.rst): whoever
// holds /dev/cpu_dma_latency open names the latency that he bears, here 0 us. Awake and idle costs
// as much power as busy, so it is asked for in bursts only; and by root only, as the kernel has it.
//
// `cp -a` of 60,000 files with three questions a file, on two idle virtual processors: 20 to 22 s
// without, 9.8 to 10.9 s with it.

import Glibc
import SnapBase
import Synchronization

/// The request of one session. Thread-safe.
final class LatencyRequest: @unchecked Sendable {
    // Sendable: the two variables are used inside monitor.locked; the rest is.
    /// A burst is so many questions, one upon the other,
    private static let burst = 32
    /// in at most this time: 1 ms a question.
    private static let burstNanoseconds = 32_000_000
    /// For how long the request is made, and made again if another burst came meanwhile.
    private static let seconds = 0.1

    private let path: String
    private let questions = Atomic<Int>(0)
    private let burstStart = Atomic<Int>(0)
    /// Whether a burst came that the keeper did not see the end of.
    private let isBurst = Atomic<Bool>(false)
    private let monitor = Monitor()
    private var keeper: Thread?
    private var ended = false

    /// `path` is the kernel's file; another one only to test.
    init(path: String = "/dev/cpu_dma_latency") { self.path = path }

    /// A question arrived. Costs a count, and now and then a look at the clock.
    func didAsk() {
        let number = questions.add(1, ordering: .relaxed).newValue
        guard number % Self.burst == 0, !isBurst.load(ordering: .relaxed) else { return }
        let now = MonotonicClock.nanoseconds
        let start = burstStart.exchange(now, ordering: .relaxed)
        guard now - start <= Self.burstNanoseconds else { return }
        guard !isBurst.exchange(true, ordering: .relaxed) else { return }
        monitor.locked {
            if keeper == nil && !ended { keeper = try? Thread("latency") { self.keep() } }
            monitor.wakeAll()
        }
    }

    /// Takes the request back. Call once, when no question can arrive any more.
    func end() {
        let keeper = monitor.locked {
            ended = true
            monitor.wakeAll()
            return self.keeper
        }
        keeper?.join()
    }

    private func keep() {
        while waitForBurst() {
            // Refused to all but root: then for good, and nothing but speed is lost.
            guard let file = try? Self.request(path) else { return }
            waitForEnd()
            withExtendedLifetime(file) {}
        }
    }

    private static func request(_ path: String) throws -> FileDescriptor {
        let file = try FileDescriptor.open(path, O_WRONLY)
        let latency: Int32 = 0
        try withUnsafeBytes(of: latency) { try file.write($0, at: 0, label: path) }
        return file
    }

    private func waitForBurst() -> Bool {
        monitor.locked {
            while !isBurst.load(ordering: .relaxed) && !ended { monitor.wait() }
            return !ended
        }
    }

    private func waitForEnd() {
        var seen: Int
        repeat {
            seen = questions.load(ordering: .relaxed)
            monitor.locked { if !ended { _ = monitor.wait(seconds: Self.seconds) } }
        } while questions.load(ordering: .relaxed) - seen >= Self.burst
        isBurst.store(false, ordering: .relaxed)
    }
}
