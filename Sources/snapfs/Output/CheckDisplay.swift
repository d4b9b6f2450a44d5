// SPDX-License-Identifier: MIT

import SnapRepository

extension CheckObserver {
    /// Prints each finding at once, but for those of paths, which are grouped at the end unless the
    /// output is JSON; and counts on the progress line, whose total is known only where
    /// data are read. Any thread may call it.
    init(_ output: Output, _ progress: Progress, readData: Bool = true) {
        self.init()
        isInterrupted = { Interruption.requested }
        found = { finding in
            if case .entry = finding.place, !output.json { return }
            try? FindingLine.show(finding, output)
        }
        if readData {
            expect = { progress.expect(items: UInt64($0), bytes: $1) }
        }
        done = { items, bytes in progress.add(items: items, bytes: bytes) }
    }
}
