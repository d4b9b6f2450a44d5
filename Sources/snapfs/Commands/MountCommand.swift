// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc
import SnapBase

struct MountCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount the history, or one snapshot, read-only.",
        usage: "snapfs mount [<options>] [<snapshot[:path]>] <mountpoint>",
        discussion: """
            Returns once the mount answers. The mount shows latest, snapshots/TIME, \
            hosts/HOST/TIME and tags/TAG/TIME; new snapshots appear by themselves. With a snapshot \
            named, it shows that one at the mount point.
            """)

    @Argument(
        help: ArgumentHelp(
            "The snapshot, if only one is to be mounted, and the mount point.",
            valueName: "[snapshot[:path]] mountpoint"))
    private var operands: [BytesArgument] = []

    @Flag(help: "Let other users read the mount, as far as the modes of the files permit.")
    var allowOther = false

    @Flag(name: [.customShort("f"), .long], help: "Stay in the foreground until unmounted.")
    var foreground = false

    /// Set by the process in front: where to say that the mount answers.
    @Option(help: .hidden)
    var readyDescriptor: Int32?

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    /// nil for the whole history.
    var snapshot: SnapshotArgument? {
        guard operands.count == 2 else { return nil }
        return SnapshotArgument(argument: ArgumentBytes.encode(operands[0].bytes))
    }

    var mountPoint: [UInt8] { operands.last?.bytes ?? [] }

    func validate() throws {
        guard 1...2 ~= operands.count else {
            throw ValidationError(
                "Give the mount point, an empty directory, and in front of it at most a snapshot.")
        }
        if operands.count == 2 && isDirectory(operands[0]) && !isDirectory(operands[1]) {
            let names = operands.map { Text.escaped($0.bytes) }
            throw ValidationError(
                "The mount point comes last: snapfs mount \(names[1]) \(names[0])")
        }
        if operands.count == 2 && snapshot == nil {
            let name = Text.escaped(operands[0].bytes)
            throw ValidationError("'\(name)' is no snapshot: give an id, 'latest' or a time.")
        }
    }

    private func isDirectory(_ path: BytesArgument) -> Bool {
        var status = stat()
        return path.bytes.withCString { stat($0, &status) } == 0
            && status.st_mode & S_IFMT == S_IFDIR
    }

    func perform(_ output: Output) throws {
        // What this process starts must not keep the process in front waiting.
        if let ready = readyDescriptor { _ = fcntl(ready, F_SETFD, FD_CLOEXEC) }
        if !foreground && readyDescriptor == nil { return try MountLauncher.launch() }
        try MountRun(self, output).run()
    }
}
