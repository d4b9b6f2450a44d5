// SPDX-License-Identifier: MIT

import ArgumentParser
import SnapBase
import SnapView

struct CatCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Print the contents of files in snapshots.",
        usage: "snapfs cat [<options>] <snapshot:path> ...")

    @Argument(
        help: ArgumentHelp("The files to print, in this order.", valueName: "snapshot:path"))
    var files: [SnapshotArgument]

    @OptionGroup var filter: SnapshotFilter
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard files.allSatisfy({ $0.path?.isEmpty == false }) else {
            throw ValidationError("Name a file in a snapshot: SNAPSHOT:PATH.")
        }
    }

    func perform(_ output: Output) throws {
        let access = try RepositoryAccess.open(global, output)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        for file in files {
            let found = try access.find(file, filter)
            guard found.place.attributes.isRegular else {
                throw SnapError(.invalid, "\(Text.escaped(found.path)) is not a regular file")
            }
            try copy(found, through: buffer, to: output)
        }
    }

    private static let bufferSize = 1 << 20

    private func copy(
        _ file: SnapshotPath, through buffer: UnsafeMutableRawBufferPointer, to output: Output
    ) throws {
        var offset: UInt64 = 0
        while true {
            try Interruption.check()
            let count = try within(Text.escaped(file.path)) {
                try file.view.read(file.place, at: offset, into: buffer)
            }
            if count == 0 { return }
            try output.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
    }
}
