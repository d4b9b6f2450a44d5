// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

/// What happens in a stream of a snapshot, in order.
enum TreeEvent: Sendable {
    /// A directory begins; its entry's content is built from what follows.
    case beginDirectory(Entry)
    case endDirectory
    /// An entry that is complete.
    case entry(Entry)
    /// A chunk of the open file: a range of the batch's bytes. `origin` is its id in the repository
    /// that it is copied from.
    case chunk(Range<Int>, origin: ObjectID? = nil)
    /// A chunk of the open file that is stored.
    case stored(ObjectID, count: Int)
    /// Bytes of the open file that are a hole.
    case hole(UInt64)
    /// The open file is complete; its content are the chunks and holes since the last one.
    /// `before` is the predecessor's entry, nil for a new file.
    case file(Entry, before: Entry?)
    /// A file whose content is in the entry.
    case inlineFile(Entry, before: Entry?)
    /// A further link to a file that came before; its content is that file's.
    case link(Entry, before: Entry?)
    /// The extended attributes of the next entry, directory or file: a data object.
    case xattrs(Range<Int>)
    /// Everything up to here is to be made durable as a checkpoint.
    case checkpoint
    /// The end; the root's entry.
    case finish(Entry)
}

/// A fixed buffer of bytes with the events that refer to them: the unit that travels through the
/// stages. Written by one stage at a time; returns its memory to the pool with its last reference.
final class Batch: @unchecked Sendable {
    // Sendable: it is handed from stage to stage through locks, and written by one at a time.
    static let size = 4 << 20
    static let eventsMax = 4096

    let memory: UnsafeMutableRawBufferPointer
    private let pool: BatchPool
    var used = 0
    var events: [TreeEvent] = []
    /// Ids of the chunks and xattrs among the events, in order; filled by the hashing stage.
    var ids: [ObjectID] = []

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, _ pool: BatchPool) {
        self.memory = memory
        self.pool = pool
    }

    deinit { pool.release(memory) }

    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[range])
    }
}

/// The buffers of a backup: their number is its memory bound, waiting for one its back-pressure.
final class BatchPool: @unchecked Sendable {
    // Sendable: all mutable state is used inside monitor.locked.
    private let monitor = Monitor()
    private var free: [UnsafeMutableRawBufferPointer] = []
    private var left: Int
    private var failure: SnapError?

    init(count: Int) { left = count }

    deinit { free.forEach { $0.deallocate() } }

    /// An empty batch; waits for one. Throws the failure of the backup.
    func acquire() throws -> Batch {
        let memory: UnsafeMutableRawBufferPointer = try monitor.locked {
            while true {
                if let failure { throw failure }
                if let memory = free.popLast() { return memory }
                if left > 0 {
                    left -= 1
                    return .allocate(byteCount: Batch.size, alignment: 4096)
                }
                monitor.wait()
            }
        }
        return Batch(memory, self)
    }

    func fail(_ error: SnapError) {
        monitor.locked {
            failure = error
            monitor.wakeAll()
        }
    }

    fileprivate func release(_ memory: UnsafeMutableRawBufferPointer) {
        monitor.locked {
            free.append(memory)
            monitor.wakeAll()
        }
    }
}
