// SPDX-License-Identifier: MIT

import CLinux
import Glibc

/// Processors that a thread may run on.
package struct ProcessorSet: Sendable, Equatable {
    /// A bit a processor, the kernel's form.
    private var mask: [UInt8]

    /// One processor, numbered from 0.
    package init(only processor: Int) {
        mask = [UInt8](repeating: 0, count: processor / 64 * 8 + 8)
        mask[processor / 8] = 1 << UInt8(processor % 8)
    }

    /// Those of the calling thread; nil when the kernel does not tell.
    package init?(ofThread _: Void) {
        mask = [UInt8](repeating: 0, count: 1024)
        let count = snapfs_get_affinity(&mask, mask.count)
        guard count > 0 else { return nil }
        mask.removeLast(mask.count - count)
    }

    /// Sends the calling thread there, at once; false when it may not.
    package func apply() -> Bool { snapfs_set_affinity(mask, mask.count) == 0 }

    /// The processor that a thread of this machine ran on last: proc(5), the 39th field of its
    /// stat. nil when it has ended or is hidden.
    package static func last(of thread: pid_t) -> Int? {
        let file = open("/proc/\(thread)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 1024)
        let count = read(file, &text, text.count)
        // The second field is a name in parentheses, which may hold anything.
        guard count > 0, let end = text[..<count].lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = text[(end + 1)..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 36 else { return nil }
        return Int(String(decoding: fields[36], as: UTF8.self))
    }
}
