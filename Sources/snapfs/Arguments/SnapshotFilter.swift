// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapFiles
import SnapFormat

/// Which snapshots a command looks at. Several values of one option are alternatives; a snapshot
/// must satisfy every option that is given.
struct SnapshotFilter: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("host")],
        help: ArgumentHelp("Only snapshots of this host (repeatable).", valueName: "name"),
        transform: LabelArgument.read)
    var hosts: [LabelArgument] = []

    @Option(
        name: .customLong("tag"),
        help: ArgumentHelp("Only snapshots with this tag (repeatable).", valueName: "tag"),
        transform: TagArgument.read)
    var tags: [TagArgument] = []

    @Option(
        name: .customLong("job"),
        help: ArgumentHelp("Only snapshots of this job (repeatable).", valueName: "name"),
        transform: LabelArgument.read)
    var jobs: [LabelArgument] = []

    @Option(
        name: .customLong("path"),
        help: ArgumentHelp(
            "Only snapshots that were made of this source path (repeatable).", valueName: "path"))
    var paths: [BytesArgument] = []

    /// ` that matches --host web --tag db`, behind the word snapshot; empty without a filter.
    var matching: String {
        func words(_ option: String, _ values: [String]) -> [String] {
            values.map { "--\(option) \($0)" }
        }
        let all =
            words("host", hosts.map(\.text)) + words("tag", tags.map(\.text))
            + words("job", jobs.map(\.text)) + words("path", paths.map { Text.escaped($0.bytes) })
        return all.isEmpty ? "" : " that matches " + all.joined(separator: " ")
    }

    var choice: SnapshotChoice {
        SnapshotChoice(
            hosts: Set(hosts.map(\.text)), tags: Set(tags.map(\.text)),
            jobs: Set(jobs.map(\.text)),
            // What cannot be made absolute is none of a snapshot's.
            paths: Set(paths.map { (try? SourcePaths.absolute($0.bytes)) ?? $0.bytes }))
    }
}

/// A filter's values, fit for any thread.
struct SnapshotChoice: Sendable {
    let hosts: Set<String>
    let tags: Set<String>
    let jobs: Set<String>
    let paths: Set<[UInt8]>

    func accepts(_ manifest: Manifest) -> Bool {
        (hosts.isEmpty || hosts.contains(manifest.host))
            && (tags.isEmpty || !tags.isDisjoint(with: manifest.tags))
            && (jobs.isEmpty || manifest.job.map { jobs.contains($0) } ?? false)
            && (paths.isEmpty || !paths.isDisjoint(with: manifest.paths))
    }
}
