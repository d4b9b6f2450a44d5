// SPDX-License-Identifier: MIT

import ArgumentParser

/// Which snapshots a command looks at. Several values of one option are alternatives; a snapshot
/// must satisfy every option that is given.
struct SnapshotFilter: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("host")],
        help: ArgumentHelp("Only snapshots of this host (repeatable).", valueName: "name"))
    var hosts: [LabelArgument] = []

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("Only snapshots with this tag (repeatable).", valueName: "tag"))
    var tags: [LabelArgument] = []

    @Option(
        name: .customLong("path"),
        help: ArgumentHelp(
            "Only snapshots that were made of this source path (repeatable).", valueName: "path"))
    var paths: [BytesArgument] = []
}
