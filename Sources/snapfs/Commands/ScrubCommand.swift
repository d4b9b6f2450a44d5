// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapRepository

struct ScrubCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "scrub",
        abstract: "Read every file of the repository and compare it with its name; needs no key.",
        usage: "snapfs scrub [<options>]",
        discussion: """
            The names of packs, index segments and key slots are hashes of the files. Of the \
            others only 'snapfs check', which has the key, can tell more than that they can be \
            read. Exit status 13 means that damage was found.
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let store = try RepositoryAccess.store(try global.repository(), create: false)
        try Repository.requireRepository(store)
        let progress = Progress(output)
        defer { progress.finish() }
        let report = try StoreScrub(store, observer: CheckObserver(output, progress))
            .run(threads: Processors.count(in: 1...64))
        progress.finish()
        try ScrubSummary(report: report, seconds: progress.seconds).end(output)
    }
}

/// What a scrub found, in words or as JSON lines.
private struct ScrubSummary {
    private struct Message: Encodable {
        var messageType = "summary"
        let numErrors, numUnread: Int
        let filesProven, filesReadable: Int
        let bytesProven, bytesReadable: UInt64
        let foreign: [String]
        let staged: Int
        let totalDuration: Double
    }

    let report: ScrubReport
    let seconds: Double

    /// Prints the summary; throws `.damaged` after damage, and where something was not readable.
    func end(_ output: Output) throws {
        for finding in report.unread.list { output.warning(Text("warning: \(finding.message)")) }
        if output.json { try output.json(message) } else { try notes(output) }
        guard report.damage.count == 0 else {
            throw SnapError(
                .damaged,
                "damage found in " + Format.count(UInt64(report.damage.count), "place", "places")
                    + "; 'snapfs check --read-data' tells which snapshots need it and what helps")
        }
        guard report.unread.count == 0 else {
            throw SnapError(
                .io,
                Format.count(
                    UInt64(report.unread.count), "file or directory", "files or directories")
                    + " could not be read: whether they are whole is not known")
        }
        let (proven, readable) = (report.proven, report.readable)
        let rate = Format.rate(bytes: proven.bytes + readable.bytes, seconds: seconds)
        try output.note(
            Text(
                Format.count(UInt64(proven.files), "file is", "files are")
                    + " what the names say: \(Format.size(proven.bytes)); "
                    + "\(readable.files) others can be read; "
                    + "in \(Format.elapsed(seconds)) (\(rate))"))
    }

    private func notes(_ output: Output) throws {
        let more = report.damage.count - report.damage.list.count
        try FindingLine.showMore(more, output)
        if report.staged > 0 {
            try output.note(Text("note: \(counted(report.staged, "file", "files")) in tmp/"))
        }
        guard let first = report.foreign.first else { return }
        let names = counted(report.foreign.count, "name", "names")
        try output.note("note: \(names) not of a repository, such as \(name: first.utf8)")
    }

    private var message: Message {
        Message(
            numErrors: report.damage.count, numUnread: report.unread.count,
            filesProven: report.proven.files, filesReadable: report.readable.files,
            bytesProven: report.proven.bytes, bytesReadable: report.readable.bytes,
            foreign: report.foreign, staged: report.staged, totalDuration: seconds)
    }
}
