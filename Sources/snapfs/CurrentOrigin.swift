// SPDX-License-Identifier: MIT

import Glibc
import SnapFormat
import SnapRepository

extension Origin {
    /// Now, on this host, by who runs the program.
    static func current() -> Origin {
        Origin(time: Timestamp.now().seconds, host: hostName, user: userName)
    }

    static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }  // never empty
    }

    static var userName: String {
        guard let entry = getpwuid(geteuid()) else { return String(geteuid()) }
        return String(cString: entry.pointee.pw_name)
    }
}
