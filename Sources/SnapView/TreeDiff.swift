// SPDX-License-Identifier: MIT
//
// What differs between two trees. Directories with equal ids hold the same and are never opened, so
// the cost is that of the difference.

import SnapBase
import SnapFormat

/// One difference.
package struct TreeChange: Sendable {
    package enum Kind: Sendable {
        case added, removed
        /// Other bytes, another link target or another device number.
        case content
        /// A file became a directory, or the like.
        case type
        /// The same content with another owner, mode, time or attribute.
        case metadata
    }

    package var kind: Kind
    /// Names from the roots of the comparison.
    package var components: [[UInt8]]
    /// nil where it was added.
    package var old: Entry?
    /// nil where it was removed.
    package var new: Entry?
}

/// Compares two places, which may be of different snapshots. Used by one thread, once.
package struct TreeDiff {
    private let old: SnapshotView
    private let new: SnapshotView
    private let metadata: Bool
    private let report: (TreeChange) throws -> Void

    /// Two directories that are both there; the names that lead to them.
    private struct Frame {
        var old: DirectoryCursor
        var new: DirectoryCursor
        /// How many components lead to them.
        var depth: Int
    }

    private var stack: [Frame] = []
    /// The names that lead to what is being compared.
    private var components: [[UInt8]] = []

    /// `metadata` asks for changes of metadata alone, too. `report` is called in preorder.
    package init(
        _ old: SnapshotView, _ new: SnapshotView, metadata: Bool,
        report: @escaping (TreeChange) throws -> Void
    ) {
        self.old = old
        self.new = new
        self.metadata = metadata
        self.report = report
    }

    package mutating func run(_ a: Place, _ b: Place) throws {
        try compare(a, b)
        while !stack.isEmpty { try step() }
    }

    /// Handles the next name of the directories on top of the stack.
    private mutating func step() throws {
        let top = stack.count - 1
        let a = try stack[top].old.peek()
        let b = try stack[top].new.peek()
        guard let name = Self.first(a, b) else {
            stack.removeLast()
            return
        }
        components.removeSubrange(stack[top].depth...)
        components.append(name)
        let old = a?.name == name ? a : nil
        let new = b?.name == name ? b : nil
        if old != nil { stack[top].old.advance() }
        if new != nil { stack[top].new.advance() }
        switch (old, new) {
        case (let old?, let new?): try compare(old, new)
        case (let old?, nil): try reportTree(self.old, old, .removed)
        case (nil, let new?): try reportTree(self.new, new, .added)
        case (nil, nil): break
        }
    }

    private static func first(_ a: Place?, _ b: Place?) -> [UInt8]? {
        guard let a = a?.name else { return b?.name }
        guard let b = b?.name else { return a }
        return a.lexicographicallyPrecedes(b) ? a : b
    }

    private mutating func compare(_ a: Place, _ b: Place) throws {
        let (before, after) = (try old.entry(a), try new.entry(b))
        func change(_ kind: TreeChange.Kind) throws {
            try report(
                TreeChange(kind: kind, components: components, old: before, new: after))
        }
        guard before.attributes.kind == after.attributes.kind else {
            try change(.type)
            try reportBelow(old, a, .removed)
            try reportBelow(new, b, .added)
            return
        }
        if before.attributes.isDirectory {
            if metadata && !before.hasMetadata(of: after) { try change(.metadata) }
            if before.content != after.content {
                stack.append(
                    Frame(
                        old: DirectoryCursor(old, a), new: DirectoryCursor(new, b),
                        depth: components.count))
            }
        } else if let kind = TreeChange.Kind(from: before, to: after),
            kind == .content || metadata
        {
            try change(kind)
        }
    }

    // MARK: One side only

    private func reportTree(
        _ view: SnapshotView, _ place: Place, _ kind: TreeChange.Kind
    ) throws {
        try report(view, place, components, kind)
        try reportBelow(view, place, kind)
    }

    private func reportBelow(
        _ view: SnapshotView, _ place: Place, _ kind: TreeChange.Kind
    ) throws {
        var tree = TreeIterator(view, below: place, components: components)
        while let entry = try tree.next() { try report(view, entry, tree.components, kind) }
    }

    private func report(
        _ view: SnapshotView, _ place: Place, _ components: [[UInt8]], _ kind: TreeChange.Kind
    ) throws {
        let entry = try view.entry(place)
        try report(
            TreeChange(
                kind: kind, components: components, old: kind == .removed ? entry : nil,
                new: kind == .added ? entry : nil))
    }
}
