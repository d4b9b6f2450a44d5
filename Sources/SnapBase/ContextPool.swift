// SPDX-License-Identifier: MIT

/// Library contexts kept for reuse: making one costs more than a small operation with it. A context
/// is used by one thread at a time; at most as many exist as threads asked at once.
@usableFromInline
package final class ContextPool<Context>: @unchecked Sendable {
    // Sendable: `free` is used inside monitor.locked; a context has one user at a time.
    @usableFromInline let monitor = Monitor()
    @usableFromInline var free: [Context] = []
    @usableFromInline let make: () throws -> Context

    package init(_ make: @escaping () throws -> Context) { self.make = make }

    @inlinable @inline(__always)
    package func use<R>(_ body: (Context) throws -> R) throws -> R {
        let context = try monitor.locked { free.popLast() } ?? make()
        defer { monitor.locked { free.append(context) } }
        return try body(context)
    }
}
