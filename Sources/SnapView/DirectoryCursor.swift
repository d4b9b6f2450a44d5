// SPDX-License-Identifier: MIT

/// The entries of one directory, in order of names, for a comparison with another one. Not
/// thread-safe.
package struct DirectoryCursor {
    private var tree: TreeIterator
    private var head: Place?
    private var isLoaded = false

    package init(_ view: SnapshotView, _ directory: Place) {
        tree = TreeIterator(view, below: directory)
    }

    /// The next entry; nil after the last.
    package mutating func peek() throws -> Place? {
        if !isLoaded {
            head = try tree.next()
            tree.skip()
            isLoaded = true
        }
        return head
    }

    package mutating func advance() { isLoaded = false }
}
