// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapFuse
import SnapView

/// One snapshot, or a directory of it, at the mount point.
package final class SnapshotFileSystem: MountedFileSystem {
    private let nodes: SnapshotNodes
    private let start: Place
    private let report: @Sendable (String) -> Void
    private let push = PushAhead()

    /// `start` is a directory of the view; `report` hears what could not be read.
    package init(
        view: SnapshotView, start: Place, report: @escaping @Sendable (String) -> Void
    ) {
        nodes = SnapshotNodes(view: view, slot: 1)
        self.start = start
        self.report = report
        hasExtendedAttributes = view.manifest.hasXattrs
    }

    package let hasExtendedAttributes: Bool

    /// Gives files to the session's kernel ahead for as long as it runs.
    package func follow(_ session: MountSession) { push.start(session) }

    package func stop() { push.stop() }

    private func place(_ node: UInt64) throws -> Place {
        node == rootNode ? start : try nodes.place(node)
    }

    package func lookup(parent: UInt64, name: UnsafeRawBufferPointer) throws -> LookupResult {
        try nodes.lookup(name, in: try place(parent))
    }

    package func attributes(node: UInt64) throws -> (NodeAttributes, lifetime: Double) {
        (nodes.entry(try place(node)).attributes, Lifetime.forever)
    }

    package func readLink(node: UInt64) throws -> [UInt8] {
        try nodes.view.linkTarget(try place(node))
    }

    package func read(
        node: UInt64, offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        try nodes.read(try place(node), at: offset, into: buffer, push)
    }

    package func readDirectory(
        node: UInt64, from cookie: UInt64, into reply: inout DirectoryReply
    ) throws {
        try nodes.list(try place(node), from: cookie, into: &reply)
    }

    package func extendedAttributeNames(node: UInt64) throws -> [UInt8] {
        NodeNumber.isBare(node) ? [] : try nodes.xattrNames(try place(node))
    }

    package func extendedAttribute(node: UInt64, name: UnsafeRawBufferPointer) throws -> [UInt8]? {
        NodeNumber.isBare(node) ? nil : try nodes.xattr(try place(node), name)
    }

    package func seek(node: UInt64, offset: Int, to target: SeekTarget) throws -> Int? {
        try nodes.seek(try place(node), from: offset, to: target)
    }

    package func statistics() throws -> Statistics {
        let totals = nodes.view.manifest.totals
        return Statistics(blocks: totals.bytes / 4096 + 1, files: totals.files)
    }

    package func failed(_ operation: StaticString, node: UInt64, _ error: SnapError) {
        report("\(operation): \(error.message)")
    }
}
