// SPDX-License-Identifier: MIT
//
// One mount, from the options to its end.

import Glibc
import SnapBase
import SnapFormat
import SnapFuse
import SnapMount
import SnapRepository
import SnapView

struct MountRun {
    private let command: MountCommand
    private let output: Output
    private let log: MountLog

    init(_ command: MountCommand, _ output: Output) {
        self.command = command
        self.output = output
        log = MountLog(output)
    }

    func run() throws {
        // The caches are bounded; what each thread keeps of freed memory is not: after a walk
        // through the history of 1,000 snapshots that was three quarters of 430 MB.
        Heap.limit(to: 2)
        let mountPoint = try MountPoint(command.mountPoint)
        try mountPoint.requireApart(from: try command.global.repository(), "the repository")
        try mountPoint.requireApart(from: try command.global.cacheDirectory(), "the cache")
        var limits = ObjectReader.Limits()
        limits.readAheadThreads = Processors.count(in: 2...8)
        let access = try RepositoryAccess.open(command.global, output, limits: limits)
        let (fileSystem, pin) = try fileSystem(access)
        defer { withExtendedLifetime(pin) {} }
        var options = MountOptions()
        options.allowOther = command.allowOther
        options.source = "snapfs:\(access.path)"
        let session = try MountSession(
            mountPoint: mountPoint.path, fileSystem: fileSystem, options: options)
        defer { fileSystem.stop() }
        try fileSystem.follow(session)
        try stopOnSignal(session)
        if let ready = command.readyDescriptor { detach(ready) }
        do { try session.run() } catch {
            // In the background there is no other place to say why the mount is gone.
            if command.readyDescriptor != nil { log.say(SnapError.wrap(error).message) }
            throw error
        }
    }

    /// One snapshot is pinned; of the whole history a snapshot may vanish.
    private func fileSystem(
        _ access: RepositoryAccess
    ) throws -> (any MountedFileSystem, Pin?) {
        let report: @Sendable (String) -> Void = { [log] in log.say($0) }
        if let snapshot = command.snapshot {
            let found = try access.find(snapshot, command.filter)
            guard found.place.attributes.isDirectory else {
                throw SnapError(.invalid, "\(Text.escaped(found.path)) is not a directory")
            }
            try output.note(Text("from snapshot \(found.view.manifest.inWords)"))
            // What is buffered would be lost with the terminal.
            try output.flush()
            return (
                SnapshotFileSystem(view: found.view, start: found.place, report: report),
                try access.pin(found.view.manifest)
            )
        }
        let filter = command.filter.choice
        // Said before the mount is left alone; snapshots that pass may come later.
        if !command.filter.matching.isEmpty { _ = try access.manifests(command.filter) }
        let history = try HistoryFileSystem(
            repository: access.repository, caches: ViewCaches(),
            accepts: { filter.accepts($0) }, report: report)
        return (history, nil)
    }

    /// Ends the session when the first signal arrives.
    private func stopOnSignal(_ session: MountSession) throws {
        _ = try Thread("signals") { [weak session, log] in
            while !Interruption.requested {
                if session == nil { return }
                usleep(200_000)
            }
            do { try session?.stop() } catch { log.say(SnapError.wrap(error).message) }
        }
    }

    /// Leaves the terminal to the user, then tells the process in front that the mount answers.
    private func detach(_ ready: Int32) {
        log.useSystemLog()
        // What the kernel took from the name it was started by is "exe".
        Thread.nameCurrent("snapfs")
        setsid()
        chdir("/")
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        for descriptor: Int32 in 0...2 { dup2(null, descriptor) }
        var byte: UInt8 = 1
        // Served by the session's threads from here on; the kernel holds requests until then.
        _ = write(ready, &byte, 1)
        close(ready)
    }
}

/// A directory that can be mounted on.
struct MountPoint {
    /// Absolute, without links.
    let path: String

    /// Throws unless the path is an empty directory with nothing mounted on it.
    init(_ name: [UInt8]) throws {
        let shown = Text.escaped(name)
        guard let resolved = name.withCString({ realpath($0, nil) }) else {
            let code = errno
            if code == ENOTCONN {
                throw SnapError(
                    .refused, "\(shown) is a mount whose process died; run 'snapfs umount \(shown)'"
                )
            }
            throw SnapError(errno: code, "the mount point \(shown)")
        }
        defer { free(resolved) }
        let bytes = Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
        path = String(decoding: try bytes.requireText("the mount point"), as: UTF8.self)
        if let there = try MountTable.find(path), there.type.hasPrefix("fuse") {
            throw SnapError(.refused, "something is mounted on \(shown) already")
        }
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY, label: shown)
        var isEmpty = true
        try DirectoryReader(directory, label: shown).forEach { _, _ in isEmpty = false }
        guard isEmpty else { throw SnapError(.refused, "the mount point \(shown) is not empty") }
    }

    /// Throws when one of both directories is the other or lies inside it, by whatever path and
    /// even if the other one is not there yet: the kernel would wait for the mount while the mount
    /// waits for the kernel.
    func requireApart(from other: [UInt8], _ what: String) throws {
        let ours = try DirectoryPosition(Array(path.utf8))
        let theirs = try DirectoryPosition(other)
        let isOver = ours.identity.map(theirs.isWithin) ?? false
        let isInside = theirs.identity.map(ours.isWithin) ?? false
        if isOver || isInside {
            throw SnapError(
                .refused, "the mount point \(path) and \(what) must not lie inside each other")
        }
    }
}
