// SPDX-License-Identifier: MIT
//
// A source tree made by a shell script, its snapshot, and a target, in a temporary directory.

import Glibc
import SnapBase
import SnapFiles
import SnapFormat
import SnapRepository
import SnapRestore
import SnapTestSupport
import SnapView
import Synchronization
import Testing

/// Removed with its last reference.
final class Site {
    let path: String
    let repository: TestRepository
    private var manifest: Manifest?

    var source: String { path + "/src" }
    var target: String { path + "/to" }

    /// Makes the source by a script that runs in it, and a snapshot of it.
    init(_ script: String) throws {
        var template = Array("/tmp/snapfs-restore-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SnapError(errno: errno, "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        repository = try TestRepository()
        try shell("mkdir src outside; echo precious > outside/precious; cd src; \(script)")
        try backUp()
    }

    deinit { _ = try? shell("rm -rf '\(path)' '\(path).sh'") }

    /// Makes another snapshot, which is restored from then on.
    func backUp() throws {
        let repository = try repository.open()
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var template = Manifest(
            id: [UInt8](repeating: 0, count: 16), time: Timestamp(seconds: 1), root: root)
        template.paths = [Array(source.utf8)]
        let progress = BackupProgress()
        let writer = try SnapshotWriter(
            repository: repository, template: template, progress: progress, threads: 2)
        var options = FileBackup.Options()
        options.paths = template.paths
        let backup = FileBackup(
            repository: repository, options: options, progress: progress, writer: writer)
        manifest = try writer.finish(root: try backup.run(predecessors: []))
        #expect(progress.problems.1 == 0)
    }

    /// Runs a script of bash in the site; throws unless it succeeds. Returns its output.
    @discardableResult
    func shell(_ script: String) throws -> String {
        let text = "exec 2>&1 </dev/null; cd '\(path)'; set -e; \(script)\n"
        let written = try #require(fopen(path + ".sh", "w"))
        fputs(text, written)
        fclose(written)
        let file = try #require(popen("bash '\(path).sh'", "r"))
        var output: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { output.append(UInt8(byte)) }
        let status = pclose(file)
        let said = String(decoding: output, as: UTF8.self)
        guard status == 0 else { throw SnapError(.io, "\(script): \(said)") }
        return said.hasSuffix("\n") ? String(said.dropLast()) : said
    }

    /// What a restore did.
    struct Outcome {
        var summary = Restore.Summary()
        var problems: [(path: String, kind: SnapError.Kind)] = []
        var actions: [String: Restore.Action] = [:]
    }

    /// Restores the source into the target, or what lies at a path in the snapshot.
    func restore(
        _ path: String? = nil, manifest other: Manifest? = nil, to target: String? = nil,
        threads: Int = 3, with change: (inout Restore.Options) throws -> Void = { _ in }
    ) throws -> Outcome {
        let view = try SnapshotView(
            try #require(other ?? manifest), repository: try repository.open(),
            caches: ViewCaches())
        let log = Log()
        var options = Restore.Options()
        options.threads = threads
        options.report = { log.report($0, $1) }
        options.visit = { log.visit($0, $1) }
        try change(&options)
        let components = pathComponents(Array((path ?? source).utf8))
        let start = try #require(try view.place(path: absolutePath(components)))
        let restore = Restore(
            view, start: start, components: components,
            target: Array((target ?? self.target).utf8), options: options)
        return try log.outcome(restore.run())
    }

    private final class Log: Sendable {
        private let state = Mutex(Outcome())

        func report(_ path: [UInt8], _ error: SnapError) {
            let path = String(decoding: path, as: UTF8.self)
            state.withLock { $0.problems.append((path, error.kind)) }
        }

        func visit(_ action: Restore.Action, _ path: [UInt8]) {
            let path = String(decoding: path, as: UTF8.self)
            state.withLock { $0.actions[path] = action }
        }

        func outcome(_ summary: Restore.Summary) -> Outcome {
            state.withLock {
                $0.summary = summary
                return $0
            }
        }
    }

    /// The differences that the acceptance tests' judge finds between two trees.
    func differences(_ a: String = "src", _ b: String = "to") throws -> String {
        let judge = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        return try shell("python3 '/\(judge)/Acceptance/sametree.py' --nlink \(a) \(b) || true")
    }

    /// The names below a directory, sorted, in one line.
    func files(_ directory: String = "to") throws -> String {
        try shell("cd \(directory); find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort | xargs")
    }

    /// The path of a name of the source in the snapshot.
    func at(_ name: String) -> String { "\(source)/\(name)" }
}

/// One problem, at this path, of this kind.
func expectOne(
    _ outcome: Site.Outcome, _ path: String, _ kind: SnapError.Kind,
    at location: SourceLocation = #_sourceLocation
) {
    #expect(outcome.problems.map(\.path) == [path], sourceLocation: location)
    #expect(outcome.problems.map(\.kind) == [kind], sourceLocation: location)
    #expect(outcome.summary.problems == 1, sourceLocation: location)
    #expect(outcome.summary.isDamaged == (kind == .damaged), sourceLocation: location)
}
