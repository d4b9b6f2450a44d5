// SPDX-License-Identifier: MIT
//
// Small files given to the kernel before they are asked for. Whoever copies a directory reads one
// small file after the other, and for each waits for a round trip to this process that costs more
// than the bytes do. Once two files of a directory were read in order, the next ones are put into
// the kernel's page cache by a thread of ours (FUSE_NOTIFY_STORE) while the reader is busy with the
// ones before. Contents never change, so what the kernel holds cannot be wrong; what is not asked
// for is at most one burst, which grows with proven use.

import SnapBase
import SnapFormat
import SnapFuse
import SnapView

/// Thread-safe.
final class PushAhead: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private struct Reader {
        var last: Int
        /// Index behind the last file of the last burst.
        var pushed: Int
        var burst: Int
    }

    private struct Burst {
        var nodes: SnapshotNodes
        var leaf: DirectoryNode
        var range: Range<Int>
        /// Rank of the leaf's first entry.
        var rank: UInt64
    }

    /// Files beyond this size are read ahead by the kernel itself.
    static let fileSizeMax: UInt64 = 128 << 10
    private static let burstMin = 16
    private static let burstMax = 512
    private static let burstBytesMax = 8 << 20
    private static let queueMax = 8
    /// How far apart in a directory two reads still are in order.
    private static let gapMax = 8

    private let monitor = Monitor()
    private let readers = LRUCache<ObjectIdentifier, Reader>(costMax: 256)
    private var queue: [Burst] = []
    private var ended = false
    private weak var session: MountSession?
    private var thread: Thread?

    /// Starts giving files to the kernel of a session.
    func start(_ session: MountSession) {
        monitor.locked {
            self.session = session
            // Where the system has no room for a thread, only speed is lost.
            thread = try? Thread("push") { [self] in run() }
        }
    }

    func stop() {
        let thread = monitor.locked {
            ended = true
            monitor.wakeAll()
            return self.thread
        }
        thread?.join()
    }

    /// A small file is about to be read from its beginning.
    func willRead(_ place: Place, _ nodes: SnapshotNodes) {
        monitor.locked {
            guard thread != nil else { return }
            let key = ObjectIdentifier(place.leaf)
            let index = place.index
            guard var reader = readers.value(key), index > reader.last,
                index <= reader.pushed + Self.gapMax
            else {
                let fresh = Reader(last: index, pushed: index + 1, burst: Self.burstMin)
                return readers.insert(key, fresh, cost: 1)
            }
            reader.last = index
            if index + 1 >= reader.pushed, queue.count < Self.queueMax {
                let end = min(place.leaf.count, index + 1 + reader.burst)
                if index + 1 < end {
                    queue.append(
                        Burst(
                            nodes: nodes, leaf: place.leaf, range: index + 1..<end,
                            rank: place.rank - place.leaf.rank(at: index)))
                    monitor.wakeAll()
                }
                reader.pushed = end
                reader.burst = min(Self.burstMax, reader.burst * 2)
            }
            readers.insert(key, reader, cost: 1)
        }
    }

    /// The last file of a leaf that was read, so that a burst does not trail its reader.
    private func lastRead(_ leaf: DirectoryNode) -> Int {
        monitor.locked { readers.value(ObjectIdentifier(leaf))?.last ?? 0 }
    }

    private func run() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(Self.fileSizeMax), alignment: 4096)
        defer { buffer.deallocate() }
        while let burst = next() {
            // What fails here fails again for the reader, who is told.
            try? push(burst, buffer)
        }
    }

    private func next() -> Burst? {
        monitor.locked {
            while queue.isEmpty && !ended { monitor.wait() }
            return ended ? nil : queue.removeFirst()
        }
    }

    private func push(_ burst: Burst, _ buffer: UnsafeMutableRawBufferPointer) throws {
        var left = Self.burstBytesMax
        for index in burst.range where left > 0 {
            if index % 8 == 0, index <= lastRead(burst.leaf) { continue }
            let attributes = burst.leaf.attributes(at: index)
            guard attributes.isRegular, attributes.size > 0, attributes.size <= Self.fileSizeMax
            else { continue }
            let place = Place(
                leaf: burst.leaf, index: index, rank: burst.rank + burst.leaf.rank(at: index))
            let count = try burst.nodes.view.read(place, at: 0, into: buffer)
            let node = NodeNumber.number(slot: burst.nodes.slot, place: place)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            guard let session = monitor.locked({ session }), try session.store(node, bytes) else {
                return
            }
            left -= count
        }
    }
}
