// SPDX-License-Identifier: MIT
//
// The live line of a long command: a thread of its own draws the counters five times a second, so
// that counting costs the engine one atomic addition.

import Glibc
import SnapBase
import Synchronization

/// Counters that any thread may feed, drawn while the command runs. Call `finish` once.
final class Progress: Sendable {
    private let output: Output
    private let items = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let itemsTotal = Atomic<UInt64>(0)
    private let bytesTotal = Atomic<UInt64>(0)
    private let noun: ProgressLine.Noun
    private let started = MonotonicClock.now
    private let monitor = Monitor()
    private let state = Mutex(State())

    private struct State {
        var finished = false
        var thread: Thread?
    }

    private static let interval = 0.2

    /// Starts drawing unless output shows no progress.
    init(_ output: Output, counting noun: ProgressLine.Noun = .files) {
        self.output = output
        self.noun = noun
        guard output.showsProgress else { return }
        state.withLock { $0.thread = try? Thread("progress") { [self] in draw() } }
    }

    /// Counts what is done.
    func add(items count: Int = 0, bytes size: Int = 0) {
        if count > 0 { items.wrappingAdd(UInt64(count), ordering: .relaxed) }
        if size > 0 { bytes.wrappingAdd(UInt64(size), ordering: .relaxed) }
    }

    /// Adds to what there is to do; the line shows a share and the time left once bytes are known.
    func expect(items count: UInt64 = 0, bytes size: UInt64 = 0) {
        itemsTotal.wrappingAdd(count, ordering: .relaxed)
        bytesTotal.wrappingAdd(size, ordering: .relaxed)
    }

    /// Sets what is done, for an engine that counts by itself.
    func set(items count: UInt64, bytes size: UInt64) {
        items.store(count, ordering: .relaxed)
        bytes.store(size, ordering: .relaxed)
    }

    /// Seconds since this was created.
    var seconds: Double { MonotonicClock.now - started }

    /// Ends the drawing and removes the line. Also right on the way out of an error.
    func finish() {
        monitor.locked {
            state.withLock { $0.finished = true }
            monitor.wakeAll()
        }
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
        output.clearStatus()
    }

    private func draw() {
        var rate = RateMeter()
        monitor.locked {
            while !state.withLock({ $0.finished }) {
                if monitor.wait(seconds: Self.interval) { continue }
                let line = line(&rate)
                output.status(line.text)
            }
        }
    }

    private func line(_ rate: inout RateMeter) -> ProgressLine {
        let done = bytes.load(ordering: .relaxed)
        rate.record(done, at: seconds)
        return ProgressLine(
            noun: noun, items: items.load(ordering: .relaxed), bytes: done,
            itemsTotal: itemsTotal.load(ordering: .relaxed),
            bytesTotal: bytesTotal.load(ordering: .relaxed), seconds: seconds,
            bytesPerSecond: rate.perSecond)
    }
}

/// What the live line says.
struct ProgressLine {
    enum Noun: String, Sendable { case files, packs, objects, entries }

    var noun: Noun
    var items: UInt64
    var bytes: UInt64
    /// 0 while unknown.
    var itemsTotal: UInt64
    /// 0 while unknown.
    var bytesTotal: UInt64
    var seconds: Double
    var bytesPerSecond: Double

    /// `0:12  1200 of 6000 files  1.2 GiB of 4.0 GiB (30 %)  103.4 MiB/s  0:28 left`
    var text: String {
        let share = bytesTotal > 0 ? min(1, Double(bytes) / Double(bytesTotal)) : 0
        var parts = [Format.duration(seconds)]
        parts.append("\(items)\(itemsTotal > 0 ? " of \(itemsTotal)" : "") \(noun.rawValue)")
        var amount = Format.size(bytes)
        if bytesTotal > 0 {
            amount += " of \(Format.size(bytesTotal)) (\(Int(share * 100)) %)"
        }
        parts.append(amount)
        parts.append(Format.rate(bytes: UInt64(bytesPerSecond), seconds: 1))
        if bytesTotal > bytes, bytes > 0, seconds >= 1 {
            // The mean rate since the start, which jumps about less than the present one.
            let left = seconds * Double(bytesTotal - bytes) / Double(bytes)
            parts.append("\(Format.duration(left)) left")
        }
        return parts.joined(separator: "  ")
    }
}

/// The present rate: an average that forgets with a time constant of three seconds.
struct RateMeter {
    private(set) var perSecond = 0.0
    private var count: UInt64 = 0
    private var time = 0.0
    private var isEmpty = true

    mutating func record(_ newCount: UInt64, at newTime: Double) {
        let elapsed = newTime - time
        guard elapsed > 0, newCount >= count else { return }
        let present = Double(newCount - count) / elapsed
        let weight = isEmpty ? 1 : elapsed / (elapsed + 3)
        perSecond += (present - perSecond) * weight
        (count, time, isEmpty) = (newCount, newTime, false)
    }
}
