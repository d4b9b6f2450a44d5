// SPDX-License-Identifier: MIT
//
// What libfuse calls, on its own threads. Free functions, never closures written where an actor's
// isolation could be inherited: that traps on a foreign thread. Each finds its session by the
// request, calls the file system and answers once. Operations that are not set here are answered by
// libfuse (ENOSYS) or never arrive, because the mount is read-only.

import CFuse
import Glibc
import SnapBase

/// The operations of a read-only file system.
func callbackTable(extendedAttributes: Bool) -> fuse_lowlevel_ops {
    var table = fuse_lowlevel_ops()
    table.`init` = onInit
    table.lookup = onLookup
    table.getattr = onAttributes
    table.readlink = onReadLink
    table.open = onOpen
    table.read = onRead
    table.opendir = onOpenDirectory
    table.readdir = onReadDirectory
    table.readdirplus = onReadDirectoryPlus
    table.lseek = onSeek
    table.statfs = onStatistics
    if extendedAttributes {
        table.listxattr = onListExtendedAttributes
        table.getxattr = onExtendedAttribute
    }
    return table
}

/// The thread that asks; 0 when another process namespace hides it.
func client(_ request: OpaquePointer) -> pid_t {
    // Part of the request; lives as long as it does.
    fuse_req_ctx(request).pointee.pid
}

private func bit(_ capability: Int32) -> UInt32 { UInt32(bitPattern: capability) }

private func onInit(
    _ data: UnsafeMutableRawPointer?, _ connection: UnsafeMutablePointer<fuse_conn_info>?
) {
    guard let data, let connection else { return }
    let context = Unmanaged<CallbackContext>.fromOpaque(data).takeUnretainedValue()
    var wanted = [
        FUSE_CAP_ASYNC_READ, FUSE_CAP_PARALLEL_DIROPS, FUSE_CAP_READDIRPLUS,
        FUSE_CAP_CACHE_SYMLINKS,
    ]
    if context.options.noOpen {
        wanted += [FUSE_CAP_NO_OPEN_SUPPORT, FUSE_CAP_NO_OPENDIR_SUPPORT]
    }
    // Others than the owner of the mount read it: the kernel then has to obey the lists, or the
    // group bits, which are the mask of a list, would grant more than the original did.
    if context.options.allowOther && context.fileSystem.hasExtendedAttributes {
        wanted.append(FUSE_CAP_POSIX_ACL)
    }
    for capability in wanted {
        connection.pointee.want |= bit(capability) & connection.pointee.capable
    }
    let unwanted = [
        FUSE_CAP_SPLICE_READ, FUSE_CAP_SPLICE_WRITE, FUSE_CAP_SPLICE_MOVE,
        FUSE_CAP_AUTO_INVAL_DATA, FUSE_CAP_READDIRPLUS_AUTO,
    ]
    for capability in unwanted { connection.pointee.want &= ~bit(capability) }
    context.noOpen = connection.pointee.want & bit(FUSE_CAP_NO_OPEN_SUPPORT) != 0
    context.noOpenDirectory = connection.pointee.want & bit(FUSE_CAP_NO_OPENDIR_SUPPORT) != 0
}

private func onLookup(_ request: fuse_req_t?, _ parent: UInt64, _ name: UnsafePointer<CChar>?) {
    guard let request, let name else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let name = UnsafeRawBufferPointer(start: name, count: strlen(name))
        let result = try context.fileSystem.lookup(parent: parent, name: name)
        if case .entry(let entry) = result, entry.attributes.mode & S_IFMT != S_IFDIR {
            context.habits.didLookUp(client: client(request))
        }
        reply.entry(result)
    } catch {
        context.fail(reply, "lookup", parent, error)
    }
}

private func onAttributes(
    _ request: fuse_req_t?, _ node: UInt64, _: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let (attributes, lifetime) = try context.fileSystem.attributes(node: node)
        reply.attributes(attributes, lifetime: lifetime)
    } catch {
        context.fail(reply, "getattr", node, error)
    }
}

private func onReadLink(_ request: fuse_req_t?, _ node: UInt64) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let target = try context.fileSystem.readLink(node: node)
        reply.bytes(target)
    } catch {
        context.fail(reply, "readlink", node, error)
    }
}

private func onOpen(
    _ request: fuse_req_t?, _ node: UInt64, _ info: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request, let info else { return }
    let reply = Reply(request)
    // Answered once: from then on the kernel opens without asking, and keeps its page cache.
    if CallbackContext.of(request).noOpen {
        reply.error(ENOSYS)
    } else {
        reply.open(info, directory: false)
    }
}

private func onOpenDirectory(
    _ request: fuse_req_t?, _ node: UInt64, _ info: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request, let info else { return }
    let reply = Reply(request)
    if CallbackContext.of(request).noOpenDirectory {
        reply.error(ENOSYS)
    } else {
        reply.open(info, directory: true)
    }
}

private func onRead(
    _ request: fuse_req_t?, _ node: UInt64, _ size: Int, _ offset: off_t,
    _: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    guard offset >= 0 else { return reply.error(EINVAL) }
    let room = context.room(size)
    do {
        let count = try context.fileSystem.read(node: node, offset: offset, into: room)
        reply.bytes(UnsafeRawBufferPointer(rebasing: room[..<count]))
    } catch {
        context.fail(reply, "read", node, error)
    }
}

private func onReadDirectory(
    _ request: fuse_req_t?, _ node: UInt64, _ size: Int, _ offset: off_t,
    _: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request else { return }
    answerDirectory(request, node, size, offset, withAttributes: false)
}

private func onReadDirectoryPlus(
    _ request: fuse_req_t?, _ node: UInt64, _ size: Int, _ offset: off_t,
    _: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request else { return }
    answerDirectory(request, node, size, offset, withAttributes: true)
}

private func answerDirectory(
    _ request: OpaquePointer, _ node: UInt64, _ size: Int, _ offset: off_t, withAttributes: Bool
) {
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    guard offset >= 0 else { return reply.error(EINVAL) }
    let room = context.room(size + DirectoryReply.nameRoom)
    let listing: Listing? = withAttributes ? context.listing(request, node, offset) : nil
    var entries = DirectoryReply(request, room: room, size: size, listing: listing)
    do {
        try context.fileSystem.readDirectory(
            node: node, from: UInt64(offset), into: &entries)
        if entries.hasProbe { context.habits.didProbe(client: client(request)) }
        reply.bytes(entries.bytes)
    } catch {
        context.fail(reply, "readdir", node, error)
    }
}

private func onListExtendedAttributes(_ request: fuse_req_t?, _ node: UInt64, _ room: Int) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let names = try context.fileSystem.extendedAttributeNames(node: node)
        reply.extendedAttribute(names, room: room)
    } catch {
        context.fail(reply, "listxattr", node, error)
    }
}

private func onExtendedAttribute(
    _ request: fuse_req_t?, _ node: UInt64, _ name: UnsafePointer<CChar>?, _ room: Int
) {
    guard let request, let name else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let name = UnsafeRawBufferPointer(start: name, count: strlen(name))
        if let value = try context.fileSystem.extendedAttribute(node: node, name: name) {
            reply.extendedAttribute(value, room: room)
        } else {
            reply.error(ENODATA)
        }
    } catch {
        context.fail(reply, "getxattr", node, error)
    }
}

private func onSeek(
    _ request: fuse_req_t?, _ node: UInt64, _ offset: off_t, _ whence: Int32,
    _: UnsafeMutablePointer<fuse_file_info>?
) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    guard whence == SeekWhence.data || whence == SeekWhence.hole else {
        return reply.error(EINVAL)
    }
    // The kernel passes on whatever a program asks for.
    guard offset >= 0 else { return reply.error(ENXIO) }
    do {
        let target: SeekTarget = whence == SeekWhence.data ? .data : .hole
        if let position = try context.fileSystem.seek(node: node, offset: offset, to: target) {
            reply.position(position)
        } else {
            reply.error(ENXIO)
        }
    } catch {
        context.fail(reply, "lseek", node, error)
    }
}

private func onStatistics(_ request: fuse_req_t?, _ node: UInt64) {
    guard let request else { return }
    let reply = Reply(request)
    let context = CallbackContext.of(request)
    do {
        let statistics = try context.fileSystem.statistics()
        reply.statistics(statistics)
    } catch {
        context.fail(reply, "statfs", node, error)
    }
}
