// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct RetentionTests {
    private static let day: Int64 = 86_400
    private var now: Int64 { Self.day * 20_000 }

    private func snapshot(
        _ seconds: Int64, host: String = "a", tags: [String] = [], job: String? = nil
    ) -> Manifest {
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var number = seconds
        let id = withUnsafeBytes(of: &number) { Array($0) } + Array(host.utf8)
        var manifest = Manifest(
            id: id + [UInt8](repeating: 0, count: 16 - id.count),
            time: Timestamp(seconds: seconds, nanoseconds: 0), root: root)
        (manifest.host, manifest.tags, manifest.job) = (host, tags, job)
        return manifest
    }

    private func kept(_ policy: RetentionPolicy, _ times: [Int64]) -> [Int64] {
        policy.judge(times.map { snapshot($0) }, notes: NoteBook(), now: now)
            .filter(\.stays).map(\.manifest.time.seconds)
    }

    /// Periods by the fields of the calendar alone.
    private func name(_ period: RetentionPeriod, _ seconds: Int64) -> String {
        let civil = CivilTime(seconds: seconds)
        switch period {
        case .hourly: return "\(civil.date) \(civil.hour)"
        case .daily: return civil.date
        case .weekly:
            // The Monday before, found day by day; 1970-01-05 was one.
            var monday = seconds - (civil.hour * 3600 + civil.minute * 60 + civil.second).asSeconds
            while (monday / Self.day - 4) % 7 != 0 { monday -= Self.day }
            return CivilTime(seconds: monday).date
        case .monthly: return "\(civil.year)-\(civil.month)"
        case .yearly: return "\(civil.year)"
        }
    }

    @Test func everyPeriodKeepsItsFirst() {
        var random = SeededRandom()
        for _ in 0..<200 {
            let times = (0..<60).map { _ in
                now
                    - Int64.random(
                        in: 0..<[2, 40, 400, 4000].randomElement(using: &random)!  // four
                            * Self.day, using: &random)
            }
            let sorted = Set(times).sorted()
            for period in RetentionPeriod.allCases {
                let count = Int.random(in: 1...12, using: &random)
                var policy = RetentionPolicy()
                policy.periods = [period: UInt64(count)]
                var expected: [Int64] = []
                var seen: Set<String> = []
                for time in sorted where seen.insert(name(period, time)).inserted {
                    expected.append(time)
                }
                let wanted = Set(expected.suffix(count)).union([sorted.last!])  // of sixty
                #expect(kept(policy, sorted) == wanted.sorted(), "\(period) \(count)")
            }
        }
    }

    @Test func weeksBeginOnMonday() {
        // 2026-11-22 is a Sunday, the day after a Monday.
        let sunday = CivilTime(year: 2026, month: 11, day: 22)!.seconds
        #expect(
            RetentionPeriod.weekly.number(of: sunday)
                == RetentionPeriod.weekly.number(of: sunday - 6 * Self.day))
        #expect(
            RetentionPeriod.weekly.number(of: sunday) + 1
                == RetentionPeriod.weekly.number(of: sunday + Self.day))
        // 1970 began on a Thursday.
        for period in RetentionPeriod.allCases where period != .weekly {
            #expect(period.number(of: -1) + 1 == period.number(of: 0), "\(period)")
        }
    }

    @Test func spansAreThoseOfTheCalendar() {
        func before(_ span: RetentionSpan, _ month: Int, _ day: Int) -> String {
            let civil = CivilTime(year: 2024, month: month, day: day, hour: 5)!
            return CivilTime(seconds: span.before(civil.seconds)).description
        }
        #expect(before(RetentionSpan(months: 1), 3, 31) == "2024-02-29T05:00:00Z")
        #expect(before(RetentionSpan(years: 1), 2, 29) == "2023-02-28T05:00:00Z")
        #expect(before(RetentionSpan(months: 14), 1, 15) == "2022-11-15T05:00:00Z")
        #expect(before(RetentionSpan(days: 1, hours: 6), 1, 1) == "2023-12-30T23:00:00Z")
        #expect(before(RetentionSpan(years: 10_000), 1, 1).hasPrefix("-7976-"))
    }

    @Test func whatLiesInTheFutureStaysAndDoesNotCount() {
        var policy = RetentionPolicy()
        policy.last = 2
        let times = [now - 3, now - 2, now - 1, now + 1, now + Self.day]
        #expect(kept(policy, times) == [now - 2, now - 1, now + 1, now + Self.day])
        policy = RetentionPolicy()
        policy.within = RetentionSpan(days: 1)
        #expect(
            kept(policy, [now - 2 * Self.day, now - Self.day, now - 1, now + 9])
                == [now - Self.day, now - 1, now + 9])
    }

    @Test func aPolicyThatKeepsNothingIsRefused() {
        for policy in [
            RetentionPolicy(),
            {
                var p = RetentionPolicy()
                p.periods = [.daily: 0]
                return p
            }(),
        ] {
            #expect(policy.isEmpty)
            #expect(throws: SnapError.self) {
                try ForgetPlan(
                    policy, [snapshot(1)], notes: NoteBook(), grouping: RetentionGrouping(),
                    limits: .init(), now: now)
            }
        }
    }

    private func plan(
        _ manifests: [Manifest], _ change: (inout RetentionPolicy, inout ForgetPlan.Limits) -> Void
    ) throws -> ForgetPlan {
        var (policy, limits) = (RetentionPolicy(), ForgetPlan.Limits())
        change(&policy, &limits)
        return try ForgetPlan(
            policy, manifests, notes: NoteBook(), grouping: RetentionGrouping(), limits: limits,
            now: now)
    }

    @Test func tooFewAreNotLeft() throws {
        let ten = (0..<10).map { snapshot(now - $0) }
        #expect(try plan(ten) { policy, _ in policy.last = 2 }.refusal?.kind == .refused)
        #expect(try plan(ten) { policy, _ in policy.last = 3 }.refusal == nil)
        // Where nothing goes, there may be fewer.
        let two = Array(ten.prefix(2))
        #expect(try plan(two) { policy, _ in policy.last = 2 }.refusal == nil)
        #expect(
            try plan(two + ten.map { snapshot($0.time.seconds, host: "b") }) { policy, _ in
                policy.last = 3
            }.refusal == nil)
        // Each group for itself.
        let groups = ten + (0..<4).map { snapshot(now - $0, host: "b") }
        #expect(try plan(groups) { policy, _ in policy.last = 3 }.going.count == 8)
        #expect(
            try plan(ten) { policy, limits in
                policy.last = 5
                limits.removedPercentMax = 49
            }.refusal?.kind == .refused)
    }

    @Test func groupsAreMadeOfWhatIsAsked() {
        let all = [
            snapshot(1, host: "a", tags: ["x", "y"], job: "j"),
            snapshot(2, host: "b", tags: ["y", "x"], job: "j"),
            snapshot(3, host: "b", tags: [], job: nil),
        ]
        func sizes(_ parts: Set<RetentionGrouping.Part>) -> [Int] {
            RetentionGrouping(parts).groups(all).map(\.manifests.count)
        }
        #expect(sizes([.host]) == [1, 2])
        #expect(sizes([.tags]) == [2, 1])
        #expect(sizes([.job]) == [2, 1])
        #expect(sizes([.paths]) == [3])
        #expect(sizes([.host, .tags]) == [1, 1, 1])
        #expect(sizes([]) == [3])
    }

    @Test func aGroupIsCalledByWhatItsSnapshotsShare() {
        func title(_ parts: Set<RetentionGrouping.Part>) -> String? {
            var manifest = snapshot(1, tags: ["y", "x"], job: "j")
            manifest.paths = [Array("/p".utf8), Array("/q".utf8)]
            return RetentionGrouping(parts).key(manifest).title {
                "<\(String(decoding: $0, as: UTF8.self))>"
            }
        }
        #expect(
            title([.host, .paths, .tags, .job]) == "host <a>, paths </p> </q>, tags <x,y>, job <j>")
        #expect(title([.job]) == "job <j>")
        #expect(title([]) == nil)
    }

    @Test func aJumpOfTheClockLosesNothing() throws {
        let daily = (0..<40).map { now - Int64(40 + $0) * Self.day }
        let jumped = (daily + [now - 60]).map { snapshot($0) }
        func within(_ accepts: Bool) throws -> ForgetPlan {
            try plan(jumped) { policy, limits in
                policy.within = RetentionSpan(days: 7)
                limits.keepMin = 1
                limits.acceptsClock = accepts
            }
        }
        #expect(try within(false).refusal?.kind == .refused)
        #expect(try within(true).refusal == nil)
        #expect(ClockJump.trusted(jumped, now: now) == now - 40 * Self.day)
        // Decades, and clocks at the ends of time.
        #expect(ClockJump.find([1000, 2000, 3000], now: .max)?.from == 3000)
        #expect(ClockJump.find([.min, .max - 1], now: .max)?.from == .min)
        #expect(ClockJump.find([], now: .max) == nil)
        // What backups of a month have followed is believed; so are regular pauses.
        let since = daily.map { $0 - 400 * Self.day } + daily
        #expect(ClockJump.find(since, now: now - 39 * Self.day) == nil)
        #expect(ClockJump.find((0..<9).map { $0 * 100 * Self.day }, now: 900 * Self.day) == nil)
    }
}

extension Int {
    fileprivate var asSeconds: Int64 { Int64(self) }
}
