// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapFormat
import SnapRepository
import SnapView

struct LogCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show the versions of a file, newest last.",
        usage: "snapfs log [<options>] <path>",
        discussion: """
            Each line is named as in the mount's history/ and shows + where the path appeared, M \
            for changed contents, U for a changed owner, mode, time or attribute, T for a changed \
            type, - where it was removed; then the snapshots that show it so. Of a directory, M \
            means that something below it changed.
            """)

    @Argument(help: ArgumentHelp("The path in the snapshots.", valueName: "path"))
    var path: BytesArgument

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        try PathInSnapshots.require(
            path.bytes, choice: "and choose snapshots with --host, --tag, --job or --path")
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let manifests = try access.manifests(filter)
        let snapshots = NumberedView.list(
            try manifests.enumerated().map { (number: $0, view: try access.view($1)) })
        let components = pathComponents(try PathInSnapshots.absolute(path.bytes))
        let trace = try PathHistory().trace(
            components, in: snapshots, check: { try Interruption.check() })
        for (number, error) in trace.failures.sorted(by: { $0.key < $1.key }) {
            output.warning(
                Text("snapshot \(manifests[number].hexID.prefix(8)): \(error.message)"))
        }
        let changes = trace.changes(in: snapshots)
        if changes.isEmpty && trace.failures.isEmpty {
            try access.requireWholeManifests()
            throw SnapError(
                .notFound,
                "\(Text.escaped(absolutePath(components))) is in none of "
                    + Format.count(UInt64(manifests.count), "snapshot", "snapshots"))
        }
        try LogReport(output, manifests, path: absolutePath(components)).show(changes)
        if !trace.failures.isEmpty {
            throw SnapError(.damaged, "some snapshots could not be searched")
        }
        try access.requireWholeManifests()
    }
}

/// Prints the changes of one path.
private struct LogReport {
    private struct Message: Encodable {
        var messageType = "version"
        let modifier: String
        /// As in the mount.
        let name: String
        let path: String
        let pathB64: String?
        let time: String
        let hostname: String
        let firstSnapshot, lastSnapshot: String
        let snapshots: Int
        // Of what it became; absent where it was removed.
        let type: String?
        let size: UInt64?
        let mode: UInt16?
        let permissions: String?
        let mtime: String?
        let uid, gid: UInt32?
        let linktarget: String?
        let linktargetB64: String?
    }

    private let output: Output
    private let manifests: [Manifest]
    private let names: [String]
    private let path: [UInt8]

    init(_ output: Output, _ manifests: [Manifest], path: [UInt8]) {
        self.output = output
        self.manifests = manifests
        names = SnapshotNames.names(manifests)
        self.path = path
    }

    func show(_ changes: [PathChange]) throws {
        if output.json { return try changes.forEach { try output.json(message($0)) } }
        var table = Table([
            ("Time", .left), ("", .left), ("Mode", .left), ("Size", .right), ("Modified", .left),
            ("Host", .left), ("Snapshots", .right), ("", .left),
        ])
        for change in changes { table.add(cells(change)) }
        for line in table.lines() { try output.line(Text(line)) }
    }

    private func cells(_ change: PathChange) -> [String] {
        let first = manifests[change.first]
        let entry = change.state?.version.entry
        let attributes = entry?.attributes
        let ids = [first, manifests[change.last]].map { String($0.hexID.prefix(8)) }
        return [
            names[change.first], DiffReport.modifier(change.kind),
            attributes.map { Format.mode(UInt32($0.mode)) } ?? "",
            attributes.map { String($0.size) } ?? "",
            attributes.map { Format.time($0.mtime.seconds) } ?? "",
            Text.escaped(first.host.utf8), entry == nil ? "" : String(change.count),
            change.first == change.last ? ids[0] : ids.joined(separator: ".."),
        ]
    }

    private func message(_ change: PathChange) -> Message {
        let first = manifests[change.first]
        let entry = change.state?.version.entry
        let attributes = entry?.attributes
        let path = JSONName(path)
        let target = entry.flatMap { $0.attributes.isSymlink ? JSONName($0.target) : nil }
        return Message(
            modifier: DiffReport.modifier(change.kind), name: names[change.first],
            path: path.text, pathB64: path.base64,
            time: Format.time(first.time.seconds, nanoseconds: first.time.nanoseconds),
            hostname: first.host, firstSnapshot: first.hexID,
            lastSnapshot: manifests[change.last].hexID, snapshots: entry == nil ? 0 : change.count,
            type: attributes.map { EntryLine.type($0) }, size: attributes?.size,
            mode: attributes.map { $0.mode & 0o7777 },
            permissions: attributes.map { Format.mode(UInt32($0.mode)) },
            mtime: attributes.map {
                Format.time($0.mtime.seconds, nanoseconds: $0.mtime.nanoseconds)
            },
            uid: attributes?.uid, gid: attributes?.gid, linktarget: target?.text,
            linktargetB64: target?.base64)
    }
}
