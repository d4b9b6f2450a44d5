// SPDX-License-Identifier: MIT
//
// Which packs a run reads that does not read all of them, so that runs go round the repository:
// those come first that were read in the earliest round, or never. What was read in which round is
// kept in the client's cache, by the names of packs: packs that come are read first, packs that go
// are forgotten. A pack that was found damaged counts as never read and is read by every run, in
// addition to its part, until it is sound or no longer needed.

import SnapBase
import SnapFormat
import SnapStore

/// How much one run reads.
package enum ReadShare: Sendable, Equatable {
    /// Of the bytes of all packs.
    case part(Double)
    case bytes(UInt64)

    func bytes(of total: UInt64) -> UInt64 {
        switch self {
        // Rounded up, so that thirty thirtieths are the whole.
        case .part(let part): UInt64((Double(total) * min(max(part, 0), 1)).rounded(.up))
        case .bytes(let bytes): bytes
        }
    }
}

/// Chooses the packs of one run and remembers what became of them. Used by one thread, once.
package final class ReadRotation {
    private let share: ReadShare
    private let record: ReadRecord
    /// What this run is to read, with the round that each belongs to.
    private var rounds: [ObjectID: UInt32] = [:]
    private var sizes: [ObjectID: UInt64] = [:]
    /// What this run has read and found damaged.
    private var damaged: Set<ObjectID> = []
    /// The round of the last pack that this run takes.
    package private(set) var round: UInt32 = 1

    /// Without a cache nothing is remembered: then a part is chosen by the day.
    package init(_ share: ReadShare, cache: (any Store)?, day: Int) {
        self.share = share
        record = ReadRecord(cache, day: day)
    }

    package var remembers: Bool { record.isKept }

    /// Bytes of the packs that were read in this round, and of all; known after `end`.
    package private(set) var progress: (read: UInt64, total: UInt64) = (0, 0)

    /// The names of the packs to read, of those that there are.
    func take(_ packs: [PackDescription]) -> Set<ObjectID> {
        sizes = Dictionary(
            packs.map { ($0.name, UInt64($0.fileSize)) }, uniquingKeysWith: { first, _ in first })
        let total = sizes.values.reduce(0, +)
        let (current, pending) = record.order(packs)
        round = current
        var left = share.bytes(of: total)
        for (name, next) in pending where !record.isDamaged(name) {
            if left == 0 { break }
            left -= min(left, sizes[name]!)  // `pending` are the names of `packs`
            rounds[name] = next
            round = max(round, next)
        }
        for pack in packs where record.isDamaged(pack.name) && rounds[pack.name] == nil {
            rounds[pack.name] = round
        }
        // Who reads everything has read all of the last round, too.
        if rounds.count == sizes.count { rounds = rounds.mapValues { _ in round } }
        return Set(rounds.keys)
    }

    /// A pack was read.
    func note(_ pack: ObjectID, isSound: Bool) {
        record.set(pack, isSound ? rounds[pack] ?? round : ReadRecord.damaged)
        if !isSound { damaged.insert(pack) }
    }

    /// Remembers what was read so far; a run that was interrupted has read that, too.
    func end() {
        record.keep(Set(sizes.keys))
        progress = (
            sizes.reduce(0) { sum, pack in
                let isRead = damaged.contains(pack.key) || record.round(pack.key) >= round
                return sum + (isRead ? pack.value : 0)
            },
            sizes.values.reduce(0, +)
        )
    }
}

/// In which round each pack was read last. In the cache it is one small file; two runs at the same
/// time leave two, which the next one reads as one.
private final class ReadRecord {
    private let cache: (any Store)?
    private let day: Int
    private var rounds: [ObjectID: UInt32] = [:]
    /// The files that `rounds` comes from.
    private var files: [String] = []

    /// Instead of a round. Also of packs that were never read.
    static let damaged: UInt32 = 0
    private static let directory = "read"
    private static let magic = Array("snapfs read 1\n".utf8)
    private static let itemSize = ObjectID.size + 4
    private static let sizeMax = 256 << 20

    init(_ cache: (any Store)?, day: Int) {
        self.cache = cache
        self.day = day
        guard let cache else { return }
        for entry in (try? cache.list(Self.directory)) ?? [] {
            let path = "\(Self.directory)/\(entry.name)"
            files.append(path)
            // One that is not what we wrote is done without, and taken away.
            guard let bytes = try? cache.read(path, limit: Self.sizeMax),
                bytes.starts(with: Self.magic)
            else { continue }
            add(bytes.dropFirst(Self.magic.count))
        }
    }

    var isKept: Bool { cache != nil }

    private func add(_ items: ArraySlice<UInt8>) {
        var reader = ByteReader(Array(items), name: Self.directory)
        while reader.remaining >= Self.itemSize {
            guard let name = try? reader.objectID(), let round = try? reader.u32() else { return }
            // Damage that either of two runs has met stays known.
            let other = rounds[name] ?? round
            rounds[name] = min(other, round) == Self.damaged ? Self.damaged : max(other, round)
        }
    }

    func round(_ pack: ObjectID) -> UInt32 { rounds[pack] ?? 0 }
    func isDamaged(_ pack: ObjectID) -> Bool { rounds[pack] == Self.damaged }
    func set(_ pack: ObjectID, _ round: UInt32) { rounds[pack] = round }

    /// The number of the present round, and the packs in the order in which they are due, each with
    /// the round in which it is read then.
    func order(
        _ packs: [PackDescription]
    ) -> (current: UInt32, due: [(name: ObjectID, round: UInt32)]) {
        // The record may be damaged: no number of rounds is that high.
        let current = min(max(1, packs.map { round($0.name) }.max() ?? 1), UInt32.max / 2)
        let names = packs.map(\.name).sorted { (round($0), $0) < (round($1), $1) }
        let due = names.map { (name: $0, round: round($0) < current ? current : current + 1) }
        guard cache == nil, !due.isEmpty else { return (current, due) }
        // By the day, so that daily runs read different parts most of the time.
        let start = Int(UInt(bitPattern: day &* 7_919) % UInt(due.count))
        return (current, Array(due[start...] + due[..<start]))
    }

    /// Writes the record anew, of the packs that there are.
    func keep(_ packs: Set<ObjectID>) {
        guard let cache else { return }
        var writer = ByteWriter(capacity: Self.magic.count + rounds.count * Self.itemSize)
        writer.append(Self.magic)
        for (name, round) in rounds where packs.contains(name) {
            writer.append(name)
            writer.u32(round)
        }
        let name =
            "\(Self.directory)/\(Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255) }))"
        // What cannot be remembered is read again.
        guard (try? cache.create(name, writer.bytes)) != nil else { return }
        for file in files { try? cache.delete(file) }
        files = [name]
    }
}
