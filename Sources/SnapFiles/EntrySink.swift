// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapRepository

/// Where a source sends its tree: the snapshot writer, or a count of it for a dry run.
package protocol EntrySink: AnyObject {
    func beginDirectory(_ entry: Entry, xattrs: [UInt8]) throws
    func endDirectory() throws
    func add(_ entry: Entry, xattrs: [UInt8]) throws
    func reuse(_ entry: Entry) throws
    func hasLink(_ group: UInt64) -> Bool
    func addLink(_ entry: Entry, xattrs: [UInt8], before: Entry?) throws
    func beginFile()
    func append(_ body: (UnsafeMutableRawBufferPointer) throws -> Int) throws -> Int
    func appendHole(_ count: UInt64) throws
    var openFileSize: UInt64 { get }
    func endFile(_ entry: Entry, xattrs: [UInt8], before: Entry?) throws
    func checkpoint() throws
}

extension SnapshotWriter: EntrySink {}

/// Takes a tree and keeps nothing of it: what `backup --dry-run` sends to. Files are not read.
package final class DryRunSink: EntrySink {
    private let progress: BackupProgress

    package init(_ progress: BackupProgress) { self.progress = progress }

    package let openFileSize: UInt64 = 0
    package func beginDirectory(_ entry: Entry, xattrs: [UInt8]) {}
    package func endDirectory() {}
    package func add(_ entry: Entry, xattrs: [UInt8]) {}
    package func reuse(_ entry: Entry) {}
    package func hasLink(_ group: UInt64) -> Bool { false }
    package func addLink(_ entry: Entry, xattrs: [UInt8], before: Entry?) {}
    package func beginFile() {}
    package func append(_ body: (UnsafeMutableRawBufferPointer) throws -> Int) -> Int { 0 }
    package func appendHole(_ count: UInt64) {}
    package func endFile(_ entry: Entry, xattrs: [UInt8], before: Entry?) {
        progress.file(entry, before: before)
    }
    package func checkpoint() {}
}
