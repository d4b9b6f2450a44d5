// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapView
import Synchronization

/// A regular file that is being written: a new one, or one that is there and is changed where it
/// differs. Several threads may write to it.
final class TargetFile: Sendable {
    private let descriptor: FileDescriptor
    let isNew: Bool
    private let touched: Atomic<Bool>

    /// Takes ownership of an open descriptor.
    init(owning number: Int32, isNew: Bool) {
        descriptor = FileDescriptor(owning: number)
        self.isNew = isNew
        touched = Atomic(isNew)
    }

    var number: Int32 { descriptor.number }

    /// Whether it is no longer what it was before.
    var isTouched: Bool { touched.load(ordering: .acquiring) }

    /// Before the first change: from here on nobody else may look at it.
    private func touch() {
        if !touched.exchange(true, ordering: .acquiringAndReleasing) { fchmod(number, 0o600) }
    }

    /// Makes these bytes stand at an offset. `scratch` is to compare with.
    func put(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ scratch: UnsafeMutableRawBufferPointer
    ) throws {
        if isNew { return try write(bytes, at: offset) }
        var done = 0
        while done < bytes.count {
            let count = min(scratch.count, bytes.count - done)
            let part = UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
            if try !isThere(part, at: offset + done, scratch) {
                touch()
                try write(part, at: offset + done)
            }
            done += count
        }
    }

    private func isThere(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ scratch: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<bytes.count])
        let count = try descriptor.read(at: offset, into: room, label: "what is there")
        guard count == bytes.count, memcmp(scratch.baseAddress!, bytes.baseAddress!, count) == 0
        else { return false }
        // Zeros may be a hole there, and are to be data.
        return bytes.contains { $0 != 0 }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try descriptor.write(bytes, at: offset, label: "it")
    }

    /// Makes a range of a file that was there a hole; new files have them where nothing is written.
    func putHole(_ range: Range<Int>) throws {
        if isNew { return }
        let size = Int(try attributes().size)
        let part = range.lowerBound..<min(range.upperBound, size)
        guard part.lowerBound < part.upperBound else { return }
        guard let data = descriptor.nextData(from: part.lowerBound), data < part.upperBound else {
            return
        }
        touch()
        if TargetCalls.punchHole(number, part) == 0 { return }
        let zeros = [UInt8](repeating: 0, count: 64 << 10)
        var offset = part.lowerBound
        while offset < part.upperBound {
            let count = min(zeros.count, part.upperBound - offset)
            try zeros.withUnsafeBytes {
                try write(UnsafeRawBufferPointer(rebasing: $0[..<count]), at: offset)
            }
            offset += count
        }
    }

    /// Cuts or extends it.
    func setSize(_ size: UInt64) throws {
        if try attributes().size == size { return }
        touch()
        try systemCall("setting its size") { ftruncate(number, Int(size)) }
    }

    func attributes() throws -> FileAttributes { try FileAttributes(number, "", "it") }

    /// Some file systems tell only here that writing failed.
    func close() throws { try descriptor.close(label: "it") }
}

/// A file that several workers write. The walk holds it while it hands out extents; the last to let
/// go completes it.
final class LargeFile: Sendable {
    let item: Item
    let file: TargetFile
    let attributes: EntryAttributes
    /// Whether something else was in its place.
    let replaced: Bool
    /// The group of links to which it is the first name.
    let key: LinkGroups.Key?
    private let holds = Atomic<Int>(1)
    private let failed = Mutex<SnapError?>(nil)

    init(
        _ item: Item, _ opened: EntryWriter.Opened, key: LinkGroups.Key?
    ) {
        self.item = item
        file = opened.file
        attributes = opened.attributes
        replaced = opened.replaced
        self.key = key
    }

    func hold() { holds.add(1, ordering: .relaxed) }

    /// True if it was the last hold.
    func release() -> Bool { holds.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

    func fail(_ error: any Error) { failed.withLock { $0 = $0 ?? SnapError.wrap(error) } }

    var failure: SnapError? { failed.withLock { $0 } }
}
