// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc
import SnapBase
import SnapFiles
import SnapFuse

struct UnmountCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "umount", abstract: "Unmount what snapfs has mounted.",
        usage: "snapfs umount [<options>] <mountpoint>")

    @Argument(help: ArgumentHelp("Where it is mounted.", valueName: "mountpoint"))
    var mountPoint: BytesArgument

    @OptionGroup var global: GlobalOptions

    func perform(_ output: Output) throws {
        let path = try Self.resolve(mountPoint.bytes)
        guard let mount = try MountTable.find(path), mount.type == "fuse.snapfs" else {
            throw SnapError(
                .notFound, "snapfs has nothing mounted on \(Text.escaped(mountPoint.bytes))")
        }
        do { try Unmount.unmount(path) } catch let error as SnapError where error.kind == .busy {
            throw SnapError(
                .busy, "\(error.message); 'fuser -vm' shows who uses \(Text.escaped(path.utf8))",
                code: error.code)
        }
    }

    /// Absolute, without links; the last component is not asked, for a dead mount answers nothing.
    private static func resolve(_ path: [UInt8]) throws -> String {
        let absolute = try SourcePaths.absolute(path)
        guard let slash = absolute.lastIndex(of: UInt8(ascii: "/")), absolute.count > 1 else {
            return "/"
        }
        let parent = slash == 0 ? [UInt8(ascii: "/")] : Array(absolute[..<slash])
        guard let resolved = parent.withCString({ realpath($0, nil) }) else {
            throw SnapError(errno: errno, "finding \(Text.escaped(path))")
        }
        defer { free(resolved) }
        let prefix = String(cString: resolved)
        let name = String(decoding: absolute[(slash + 1)...], as: UTF8.self)
        let direct = prefix == "/" ? "/\(name)" : "\(prefix)/\(name)"
        if try MountTable.find(direct) != nil { return direct }
        // A symbolic link to the mount point.
        guard let target = absolute.withCString({ realpath($0, nil) }) else { return direct }
        defer { free(target) }
        return String(cString: target)
    }
}
