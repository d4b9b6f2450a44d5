// SPDX-License-Identifier: MIT
//
// Reads every file of a repository without any key and compares it with what its name proves. What
// lies on failing disks is found by whoever has the files: the machine that keeps a copy, too.

import SnapBase
import SnapFormat
import SnapStore

/// What a scrub found.
package struct ScrubReport: Sendable {
    package struct Amount: Sendable {
        package var files = 0
        package var bytes: UInt64 = 0

        fileprivate mutating func add(_ size: Int) {
            files += 1
            bytes += UInt64(size)
        }
    }

    /// Files that are not what their names say, empty ones, and what a disk does not give back.
    package fileprivate(set) var damage = CheckFindings()
    /// What could not be read for another reason: nothing is known of it.
    package fileprivate(set) var unread = CheckFindings()
    /// Files whose names prove their content, and the others.
    package fileprivate(set) var proven = Amount()
    package fileprivate(set) var readable = Amount()
    package fileprivate(set) var foreign: [String] = []
    package fileprivate(set) var staged = 0
}

/// Used by one thread, once.
package final class StoreScrub {
    private let store: any Store
    private let observer: CheckObserver
    private var report = ScrubReport()

    private enum Verdict: Sendable {
        case sound(Int)
        case problem(SnapError)
        /// Taken away since the listing.
        case gone
    }

    package init(_ store: any Store, observer: CheckObserver = CheckObserver()) {
        self.store = store
        self.observer = observer
    }

    /// Reads everything on so many threads. Throws only when interrupted; what cannot be read is in
    /// the report, and the others are read all the same.
    package func run(threads: Int) throws -> ScrubReport {
        let listing = NamedFiles(store)
        for (path, error) in listing.unlisted { add(path.isEmpty ? "the repository" : path, error) }
        for (path, error) in listing.missing { add(path, error) }
        (report.foreign, report.staged) = (listing.foreign.sorted(), listing.staged)
        // Large ones first: a small one at the end leaves no thread without work for long.
        let files = listing.files.sorted { ($0.size, $0.path) > ($1.size, $1.path) }
        observer.expect(files.count, files.reduce(0) { $0 + UInt64($1.size) })
        let pool = try WorkerPool(threads: threads, name: "scrub")
        defer { pool.close() }
        // Two more than threads, so that nobody waits for the next file.
        let limit = threads + 2
        let work = OrderedWork<Verdict>(pool: pool, limit: limit)
        let (store, observer) = (store, observer)
        do {
            for (number, file) in files.enumerated() {
                if number >= limit { try take(work, files[number - limit]) }
                try work.submit { try Self.check(file, store, observer) }
            }
            work.finish()
            for file in files.suffix(limit) { try take(work, file) }
        } catch {
            work.fail(SnapError.wrap(error))
            throw error
        }
        return report
    }

    private func take(_ work: OrderedWork<Verdict>, _ file: NamedFile) throws {
        guard let verdict = try work.next() else { return }
        observer.done(1, 0)
        switch verdict {
        case .gone: break
        case .problem(let error): add(file.path, error)
        case .sound(let size):
            if file.proof == .none { report.readable.add(size) } else { report.proven.add(size) }
        }
    }

    private func add(_ path: String, _ error: SnapError) {
        let finding = CheckFinding(.file(path), error.message)
        guard error.isFinding else {
            report.unread.add(finding)
            return
        }
        if report.damage.add(finding) { observer.found(finding) }
    }

    /// Throws only when interrupted.
    private static func check(
        _ named: NamedFile, _ store: any Store, _ observer: CheckObserver
    ) throws -> Verdict {
        do {
            let file = try store.open(named.path)
            guard file.size > 0 else { throw SnapError(.damaged, "\(named.path): is empty") }
            let digest = try file.digest { count in
                observer.done(0, count)
                try observer.throwIfInterrupted()
            }
            guard named.proof.holds(of: digest) else {
                throw SnapError(
                    .damaged, "\(named.path): the content is not what the name says")
            }
            return .sound(file.size)
        } catch let error as SnapError where error.kind != .interrupted {
            return error.kind == .notFound ? .gone : .problem(error)
        }
    }
}

extension NamedFile.Proof {
    fileprivate func holds(of digest: ObjectID) -> Bool {
        switch self {
        case .digest(let name): digest == name
        case .digestPrefix(let name): Array(digest.bytes.prefix(16)) == name
        case .none: true
        }
    }
}
