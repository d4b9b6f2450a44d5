// SPDX-License-Identifier: MIT
//
// Makes entries that are no directories. What is there is never opened through a link, and never
// written to where it has other names or another owner: it is removed and made anew.

import Glibc
import SnapBase
import SnapFormat
import SnapView

/// One per thread.
final class EntryWriter {
    /// A regular file ready for its content.
    struct Opened {
        let file: TargetFile
        let attributes: EntryAttributes
        /// Whether something else was in its place.
        let replaced: Bool
    }

    private let restore: Restore
    /// The target; nil in a dry run where it does not exist.
    private let root: FileDescriptor?
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 256 << 10, alignment: 16)
    /// The directory to which the last link was made.
    private var linkDirectory: (directory: TargetDirectory, descriptor: FileDescriptor)?

    init(_ restore: Restore, root: FileDescriptor?) {
        self.restore = restore
        self.root = root
    }

    deinit { scratch.deallocate() }

    func run(_ job: Job) {
        switch job {
        case .entries(let items): items.forEach(run)
        case .extents(let file, let extents):
            for placed in extents where file.failure == nil {
                do { try copy(placed, to: file.file) } catch { file.fail(error) }
                restore.options.progress(0, placed.length)
            }
            release(file)
        }
    }

    private func run(_ item: Item) {
        defer { restore.release(item.directory) }
        if restore.isStopped { return }
        do {
            try item.withSpot { spot in
                let action = try restore.options.dryRun ? preview(spot) : make(spot)
                finish(spot, action)
            }
        } catch { restore.problem(item.path, error) }
    }

    private func finish(_ spot: Spot, _ action: Restore.Action) {
        let bytes = spot.attributes.isRegular ? spot.attributes.size : 0
        if bytes > 0 { restore.options.progress(0, Int(bytes)) }
        restore.done(action, bytes: bytes, spot.item.path)
    }

    private func preview(_ spot: Spot) throws -> Restore.Action {
        guard let found = try spot.existing() else { return .restored }
        switch restore.decide(spot.attributes, over: found) {
        case .keep: return .kept
        case .attributesOnly: return .unchanged
        case .write:
            if spot.attributes.isRegular { return .updated }
            let target = try restore.view.linkTarget(spot.item.place)
            return isSame(found, spot, target) ? .unchanged : .updated
        }
    }

    // MARK: Hard links

    private func make(_ spot: Spot) throws -> Restore.Action {
        guard spot.attributes.linkGroup != 0 else { return try makeAlone(spot) }
        let key = LinkGroups.Key(spot.attributes)
        if let first = restore.groups.claim(key) {
            return try link(spot, to: first) ?? makeAlone(spot)
        }
        var made: LinkGroups.First?
        defer { restore.groups.finish(key, made, links: spot.attributes.links) }
        let action = try makeAlone(spot)
        if action != .kept { made = try first(spot) }
        return action
    }

    private func first(_ spot: Spot) throws -> LinkGroups.First {
        LinkGroups.First(
            directory: spot.item.directory, name: spot.item.place.name,
            identity: try spot.identity())
    }

    /// nil where no link can be made: then the content is restored again.
    private func link(_ spot: Spot, to first: LinkGroups.First) throws -> Restore.Action? {
        var action = Restore.Action.restored
        if let found = try spot.existing() {
            if FileIdentity(found) == first.identity { return .unchanged }
            if restore.decide(spot.attributes, over: found) == .keep { return .kept }
            try restore.clear(spot, found)
            action = .updated
        }
        guard let from = try? directory(of: first, spot) else { return nil }
        let linked = first.name.withUnsafeBytes {
            withTerminated($0) { linkat(from.number, $0, spot.directory, spot.name, 0) }
        }
        guard linked == 0 else { return nil }
        // Somebody may have put another file where the first one was.
        guard try spot.identity() == first.identity else {
            try spot.unlink()
            return nil
        }
        return action
    }

    private func directory(of first: LinkGroups.First, _ spot: Spot) throws -> FileDescriptor? {
        if first.directory === spot.item.directory { return spot.item.descriptor }
        if let known = linkDirectory, known.directory === first.directory {
            return known.descriptor
        }
        guard let root else { return nil }
        let descriptor = try first.directory.open(from: root)
        linkDirectory = (first.directory, descriptor)
        return descriptor
    }

    // MARK: One entry

    private func makeAlone(_ spot: Spot) throws -> Restore.Action {
        spot.attributes.isRegular ? try makeFile(spot) : try makeOther(spot)
    }

    /// A symbolic link, fifo, socket or device.
    private func makeOther(_ spot: Spot) throws -> Restore.Action {
        let place = spot.item.place
        let target = spot.attributes.isSymlink ? try restore.view.linkTarget(place) : []
        let attributes = try restore.entryAttributes(place, spot.attributes)
        var action = Restore.Action.restored
        var isThere = false
        for _ in 0..<3 {
            if create(spot, target) == 0 {
                isThere = true
                break
            }
            guard errno == EEXIST else { throw SnapError(errno: errno, "making it") }
            guard let found = try spot.existing() else { continue }
            if restore.decide(spot.attributes, over: found) == .keep { return .kept }
            if isSame(found, spot, target) {
                isThere = true
                action = .unchanged
                break
            }
            try restore.clear(spot, found)
            action = .updated
        }
        guard isThere else { throw SnapError(.exists, "something else comes back in its place") }
        let failure = attributes.apply(
            to: .name(spot.directory, spot.name),
            clean: action == .unchanged || spot.item.directory.inheritsACL)
        if let failure { throw failure }
        return action
    }

    private func create(_ spot: Spot, _ target: [UInt8]) -> Int32 {
        let attributes = spot.attributes
        if attributes.isSymlink {
            return target.withUnsafeBytes {
                withTerminated($0) { symlinkat($0, spot.directory, spot.name) }
            }
        }
        return TargetCalls.makeNode(
            spot.directory, spot.name, mode: UInt32(attributes.mode & 0o170000) | 0o600,
            device: attributes.count)
    }

    /// Whether what is there needs new attributes only.
    private func isSame(_ found: FileAttributes, _ spot: Spot, _ target: [UInt8]) -> Bool {
        let attributes = spot.attributes
        guard found.links == 1,
            UInt16(truncatingIfNeeded: found.mode & S_IFMT)
                == attributes.mode & 0o170000
        else { return false }
        switch attributes.kind {
        case .fifo, .socket: return true
        case .characterDevice, .blockDevice: return found.rdev == attributes.count
        case .symlink:
            return withUnsafeTemporaryAllocation(byteCount: target.count + 1, alignment: 1) {
                let count = readlinkat(
                    spot.directory, spot.name,
                    $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
                return count == target.count && $0[..<count].elementsEqual(target)
            }
        default: return false
        }
    }

    // MARK: Regular files

    private func makeFile(_ spot: Spot) throws -> Restore.Action {
        let place = spot.item.place
        let size = spot.attributes.size
        let reference = place.leaf.reference(at: place.index)
        if let action = try withoutContent(spot) { return action }
        // Content that fits into memory is there before anything is touched.
        switch reference.code {
        case 0: return try makeFile(spot, UnsafeRawBufferPointer(start: nil, count: 0))
        case 2:
            let whole = PlacedExtent(whole: reference.id, size: size)
            return try restore.view.withBytes(of: whole) { try makeFile(spot, $0) }
        default:
            let entry = try restore.view.entry(place)
            if case .inline(let bytes) = entry.content {
                return try bytes.withUnsafeBytes { try makeFile(spot, $0) }
            }
            return try makeFile(spot) { file in
                try self.restore.view.forEachExtent(entry) { placed in
                    try self.copy(placed, to: file)
                    return true
                }
            }
        }
    }

    /// What is done with a file that is there, if that is less than to restore its content.
    private func withoutContent(_ spot: Spot) throws -> Restore.Action? {
        if restore.options.overwrite == .always || spot.item.directory.isNew { return nil }
        guard let found = try spot.existing() else { return nil }
        switch restore.decide(spot.attributes, over: found) {
        case .write: return nil
        case .keep: return .kept
        case .attributesOnly:
            let wanted = spot.attributes
            if found.links > 1 {
                // The other names would get the attributes too.
                let isSame =
                    found.uid == wanted.uid && found.gid == wanted.gid
                    && found.mode == UInt32(wanted.mode)
                return isSame ? .unchanged : nil
            }
            let all = try restore.entryAttributes(spot.item.place, wanted)
            let failure = all.apply(to: .name(spot.directory, spot.name), clean: true)
            if let failure { throw failure }
            return .unchanged
        }
    }

    private func makeFile(
        _ spot: Spot, _ bytes: UnsafeRawBufferPointer
    ) throws -> Restore.Action {
        try makeFile(spot) { file in
            if !bytes.isEmpty { try file.put(bytes, at: 0, self.scratch) }
        }
    }

    private func makeFile(
        _ spot: Spot, _ content: (TargetFile) throws -> Void
    ) throws -> Restore.Action {
        guard let opened = try open(spot) else { return .kept }
        let file = opened.file
        do {
            try content(file)
            return try complete(spot, opened)
        } catch {
            discard(spot, file)
            throw error
        }
    }

    /// Opens the file of a spot: a new one, or one that is there and may be changed in place. nil
    /// where the overwrite mode keeps what is there.
    private func open(_ spot: Spot) throws -> Opened? {
        let attributes = try restore.entryAttributes(spot.item.place, spot.attributes)
        var replaced = false
        for _ in 0..<3 {
            let number = TargetCalls.create(spot.directory, spot.name)
            if number >= 0 {
                return Opened(
                    file: TargetFile(owning: number, isNew: true), attributes: attributes,
                    replaced: replaced)
            }
            guard errno == EEXIST else { throw SnapError(errno: errno, "creating it") }
            guard let found = try spot.existing() else { continue }
            if restore.decide(spot.attributes, over: found) == .keep { return nil }
            if let file = try openExisting(spot, found) {
                return Opened(file: file, attributes: attributes, replaced: replaced)
            }
            try restore.clear(spot, found)
            replaced = true
        }
        throw SnapError(.exists, "something else comes back in its place")
    }

    /// nil for a file that must not be written to.
    private func openExisting(_ spot: Spot, _ found: FileAttributes) throws -> TargetFile? {
        // Another owner may have it open and would read on what is written.
        guard found.isRegular, found.links == 1,
            found.uid == spot.attributes.uid || found.uid == geteuid()
        else { return nil }
        let number = TargetCalls.open(spot.directory, spot.name, O_RDWR | O_NONBLOCK)
        guard number >= 0 else { return nil }
        let file = TargetFile(owning: number, isNew: false)
        let opened = try file.attributes()
        guard FileIdentity(opened) == FileIdentity(found), opened.links == 1 else { return nil }
        return file
    }

    private func copy(_ placed: PlacedExtent, to file: TargetFile) throws {
        try restore.checkStopped()
        guard placed.extent.id != nil else {
            return try file.putHole(Int(placed.start)..<Int(placed.extent.end))
        }
        try restore.view.withBytes(of: placed) {
            try file.put($0, at: Int(placed.start), scratch)
        }
    }

    /// Size, attributes, and what was done. A failure of attributes alone is reported here: the
    /// content is whole.
    private func complete(_ spot: Spot, _ opened: Opened) throws -> Restore.Action {
        let file = opened.file
        let code = spot.item.place.leaf.reference(at: spot.item.place.index).code
        if !file.isNew || code > 2 { try file.setSize(spot.attributes.size) }
        let failure = opened.attributes.apply(
            to: .descriptor(file.number),
            clean: !file.isNew || spot.item.directory.inheritsACL)
        try file.close()
        if let failure { restore.problem(spot.item.path, failure) }
        if file.isNew { return opened.replaced ? .updated : .restored }
        return file.isTouched ? .updated : .unchanged
    }

    /// What is not whole is not left behind; what was there before stays if it was not touched.
    private func discard(_ spot: Spot, _ file: TargetFile) {
        if file.isTouched { _ = unlinkat(spot.directory, spot.name, 0) }
    }

    // MARK: Large files

    /// From this size on several workers share a file.
    static let largeMin: UInt64 = 16 << 20

    /// Begins a large file, on the thread of the walk, and hands out its extents.
    func beginLarge(_ item: Item, _ handOut: (Job) -> Void) {
        do {
            guard let large = try item.withSpot({ try openLarge($0) }) else {
                return restore.release(item.directory)
            }
            do { try cut(large, handOut) } catch { large.fail(error) }
            release(large)
        } catch {
            restore.problem(item.path, error)
            restore.release(item.directory)
        }
    }

    private func openLarge(_ spot: Spot) throws -> LargeFile? {
        let key = spot.attributes.linkGroup == 0 ? nil : LinkGroups.Key(spot.attributes)
        if let key, let first = restore.groups.claim(key) {
            if let action = try link(spot, to: first) {
                finish(spot, action)
                return nil
            }
            return try openAlone(spot, key: nil)
        }
        do {
            let large = try openAlone(spot, key: key)
            if large == nil, let key {
                restore.groups.finish(key, nil, links: spot.attributes.links)
            }
            return large
        } catch {
            if let key { restore.groups.finish(key, nil, links: spot.attributes.links) }
            throw error
        }
    }

    private func openAlone(_ spot: Spot, key: LinkGroups.Key?) throws -> LargeFile? {
        if let action = try withoutContent(spot) {
            finish(spot, action)
            return nil
        }
        guard let opened = try open(spot) else {
            finish(spot, .kept)
            return nil
        }
        return LargeFile(spot.item, opened, key: key)
    }

    /// Hands out runs of extents of some 16 MiB each.
    private func cut(_ large: LargeFile, _ handOut: (Job) -> Void) throws {
        var run: [PlacedExtent] = []
        var bytes = 0
        func flush() {
            if run.isEmpty { return }
            large.hold()
            handOut(.extents(large, run))
            run.removeAll()
            bytes = 0
        }
        try restore.view.forEachExtent(try restore.view.entry(large.item.place)) { placed in
            try restore.checkInterrupted()
            guard placed.extent.id != nil else {
                try copy(placed, to: large.file)
                restore.options.progress(0, placed.length)
                return large.failure == nil
            }
            run.append(placed)
            bytes += placed.length
            if bytes >= Int(Self.largeMin) { flush() }
            return large.failure == nil
        }
        flush()
    }

    /// Lets go of a large file; the last one completes it.
    private func release(_ large: LargeFile) {
        guard large.release() else { return }
        let item = large.item
        defer { restore.release(item.directory) }
        var made: LinkGroups.First?
        do {
            try item.withSpot { spot in
                do {
                    if let failure = large.failure { throw failure }
                    let opened = Opened(
                        file: large.file, attributes: large.attributes, replaced: large.replaced)
                    let action = try complete(spot, opened)
                    if large.key != nil { made = try first(spot) }
                    restore.done(action, bytes: spot.attributes.size, item.path)
                } catch {
                    discard(spot, large.file)
                    throw error
                }
            }
        } catch { restore.problem(item.path, error) }
        if let key = large.key {
            restore.groups.finish(key, made, links: item.place.attributes.links)
        }
    }
}
