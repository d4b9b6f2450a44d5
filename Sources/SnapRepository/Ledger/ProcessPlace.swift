// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat

/// Where this process runs, so that another one on the same machine can see that it has ended.
enum ProcessPlace {
    /// nil where /proc does not tell.
    static let current: SessionRecord.Place? = {
        guard let boot, let namespace, let start = start(of: UInt32(getpid())) else { return nil }
        return SessionRecord.Place(boot: boot, namespace: namespace, start: start)
    }()

    /// Whether it is certain that a process has ended: it ran here, and does so no more.
    static func hasEnded(_ session: SessionRecord) -> Bool {
        guard let place = session.place, let current, place.boot == current.boot,
            place.namespace == current.namespace
        else { return false }
        // Not by /proc, where the processes of others may be hidden.
        guard let process = pid_t(exactly: session.process), process > 0 else { return false }
        if kill(process, 0) != 0, errno == ESRCH { return true }
        guard let start = start(of: session.process) else { return false }
        return start != place.start
    }

    private static let boot: [UInt8]? = {
        guard let text = read("/proc/sys/kernel/random/boot_id") else { return nil }
        let bytes = Hex.decode(text.filter { $0 != "-" && $0 != "\n" })
        return bytes?.count == 16 ? bytes : nil
    }()

    private static let namespace: UInt64? = {
        var status = stat()
        return stat("/proc/self/ns/pid", &status) == 0 ? UInt64(status.st_ino) : nil
    }()

    /// Ticks since the boot: field 22 of its line, behind a name that may hold anything.
    private static func start(of process: UInt32) -> UInt64? {
        guard let line = read("/proc/\(process)/stat"), let end = line.lastIndex(of: ")") else {
            return nil
        }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, Glibc.read(file, buffer.baseAddress, buffer.count))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
