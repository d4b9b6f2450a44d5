// SPDX-License-Identifier: MIT

import SnapRepository

extension CheckObserver {
    /// Prints each finding at once and counts on the progress line, whose total is known only where
    /// data are read. Any thread may call it.
    init(_ output: Output, _ progress: Progress, readData: Bool = true) {
        self.init()
        isInterrupted = { Interruption.requested }
        found = { try? FindingLine.show($0, output) }
        if readData {
            expect = { progress.expect(items: UInt64($0), bytes: $1) }
        }
        done = { items, bytes in progress.add(items: items, bytes: bytes) }
    }
}
