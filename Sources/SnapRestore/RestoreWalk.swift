// SPDX-License-Identifier: MIT
//
// The walk over the snapshot, in its order: an explicit stack, so neither the length of a path nor
// its depth has a limit. Of a deep path only the last descriptors stay open; a closed one is opened
// again through "..", and compared.

import Glibc
import SnapBase
import SnapFormat
import SnapView

final class RestoreWalk {
    private final class Frame {
        let place: Place
        let name: [UInt8]
        /// nil until something is restored into it.
        var directory: TargetDirectory?
        /// It cannot be made; nothing below it is restored.
        var isLost = false
        /// A source of the backup or below one: the snapshot knows everything in it.
        let isWhole: Bool
        /// A part of its entries, so that a huge directory needs no more memory than a small one.
        var window: [Place] = []
        var position = 0
        var listed = 0
        var atEnd = false
        /// Its entries could not all be read: nothing in it is deleted.
        var isDamaged = false

        init(_ place: Place, name: [UInt8], isWhole: Bool) {
            self.place = place
            self.name = name
            self.isWhole = isWhole
        }
    }

    private static let openMax = 128
    private static let windowMax = 1024
    /// A batch ends with so many entries, directories or bytes.
    private static let batchItemsMax = 64
    private static let batchDirectoriesMax = 8
    private static let batchBytesMax: UInt64 = 2 << 20

    private let restore: Restore
    private let queue: JobQueue<Job>
    private let root: TargetDirectory
    private let writer: EntryWriter
    private let sources: [[[UInt8]]]
    private var stack: [Frame] = []
    private var batch: [Item] = []
    private var batchDirectories = 0
    private var batchBytes: UInt64 = 0

    init(
        _ restore: Restore, queue: JobQueue<Job>, root: TargetDirectory, descriptor: FileDescriptor?
    ) {
        self.restore = restore
        self.queue = queue
        self.root = root
        writer = EntryWriter(restore, root: descriptor)
        sources = restore.view.manifest.paths.map(pathComponents)
    }

    deinit {
        // From the deepest on, see TargetDirectory.
        while stack.popLast() != nil {}
    }

    /// Restores a file into the target.
    func run(file: Place) throws {
        restore.found(file.attributes)
        try emit(file, root)
        flush()
        leaveRoot()
    }

    /// Restores what is in the directory at which the restore starts.
    func run() throws {
        let isWhole = isSource(restore.startPath)
        let frame = Frame(restore.start, name: [], isWhole: isWhole)
        frame.directory = root
        root.applies = restore.selection.includes.isEmpty
        if root.place != nil { restore.found(restore.start.attributes) }
        stack.append(frame)
        while let frame = stack.last {
            try restore.checkInterrupted()
            guard let place = next(frame) else {
                try leave()
                continue
            }
            try visit(place, in: frame)
        }
        flush()
    }

    private func leaveRoot() { restore.release(root) }

    /// Whether a path is a source of the backup or below one.
    private func isSource(_ path: [[UInt8]]) -> Bool {
        sources.contains { path.starts(with: $0) }
    }

    // MARK: Paths

    /// The parts of the path below the start of the frame at the top.
    private var parts: [[UInt8]] { stack.dropFirst().map(\.name) }

    private func path(_ parts: some Sequence<[UInt8]>) -> [UInt8] {
        absolutePath(restore.startPath + parts)
    }

    // MARK: Entries

    private func next(_ frame: Frame) -> Place? {
        if frame.position == frame.window.count {
            if frame.atEnd || frame.isLost { return nil }
            fill(frame)
            if frame.window.isEmpty { return nil }
        }
        defer { frame.position += 1 }
        return frame.window[frame.position]
    }

    private func fill(_ frame: Frame) {
        frame.window.removeAll(keepingCapacity: true)
        frame.position = 0
        do {
            try restore.view.forEach(in: frame.place, from: frame.listed) { place in
                frame.window.append(place)
                return frame.window.count < Self.windowMax
            }
            frame.atEnd = frame.window.count < Self.windowMax
        } catch {
            frame.atEnd = true
            frame.isDamaged = true
            restore.problem(path(parts), error)
        }
        frame.listed += frame.window.count
    }

    private func visit(_ place: Place, in frame: Frame) throws {
        let isDirectory = place.leaf.attributes(at: place.index).isDirectory
        var isSelected = true
        var descends = isDirectory
        if !restore.selection.isEverything {
            let path = parts + [place.name]
            isSelected = restore.selection.selects(path)
            descends = isDirectory && restore.selection.mayDescend(path)
        }
        if isDirectory {
            if isSelected || descends { enter(place, isSelected: isSelected) }
        } else if isSelected {
            restore.found(place.attributes)
            guard let directory = materialize() else { return }
            try emit(place, directory)
        }
    }

    private func emit(_ place: Place, _ directory: TargetDirectory) throws {
        directory.hold()
        let item = Item(directory: directory, descriptor: directory.descriptor, place: place)
        let attributes = place.attributes
        let isLarge = attributes.isRegular && attributes.size >= EntryWriter.largeMin
        if isLarge && !restore.options.dryRun {
            writer.beginLarge(item) { queue.push($0) }
            return
        }
        if batch.last?.directory !== directory { batchDirectories += 1 }
        batch.append(item)
        batchBytes += attributes.isRegular ? attributes.size : 0
        if batch.count >= Self.batchItemsMax || batchBytes >= Self.batchBytesMax
            || batchDirectories >= Self.batchDirectoriesMax
        {
            flush()
        }
    }

    private func flush() {
        if batch.isEmpty { return }
        queue.push(.entries(batch))
        batch.removeAll(keepingCapacity: true)
        batchDirectories = 0
        batchBytes = 0
    }

    // MARK: Directories

    private func enter(_ place: Place, isSelected: Bool) {
        let name = place.name
        let isWhole =
            restore.options.delete
            && (stack.last?.isWhole == true || isSource(restore.startPath + parts + [name]))
        stack.append(Frame(place, name: name, isWhole: isWhole))
        if isSelected { _ = materialize() }
    }

    /// The directory of the top frame, made now if it was not yet; nil where it cannot be.
    private func materialize() -> TargetDirectory? {
        if let directory = stack.last?.directory {
            if stack.count == 1 { directory.applies = true }
            return directory
        }
        root.applies = true
        // The root frame has one from the start.
        let made = stack.lastIndex { $0.directory != nil }!
        guard var parent = stack[made].directory else { return nil }
        for (depth, frame) in stack.enumerated().dropFirst(made + 1) {
            if frame.isLost { return nil }
            do {
                restore.found(frame.place.attributes)
                parent = try TargetDirectory.make(frame.place, in: parent, restore)
                frame.directory = parent
                if depth >= Self.openMax { stack[depth - Self.openMax].directory?.close() }
            } catch {
                for lost in stack[depth...] {
                    lost.isLost = true
                    lost.window.removeAll()
                    lost.position = 0
                }
                restore.problem(path(stack[1...depth].map(\.name)), error)
                return nil
            }
        }
        return parent
    }

    private func leave() throws {
        guard let frame = stack.last else { return }
        defer { stack.removeLast() }
        guard let directory = frame.directory else { return }
        if restore.options.delete && frame.isWhole && !frame.isDamaged {
            try deleteExtras(frame, directory)
        }
        if stack.count > 1, let parent = stack[stack.count - 2].directory {
            try parent.reopen(from: directory)
        }
        restore.release(directory)
    }

    // MARK: Deleting

    /// Deletes what is in a directory but not in the snapshot.
    private func deleteExtras(_ frame: Frame, _ directory: TargetDirectory) throws {
        guard !directory.isNew, let descriptor = directory.descriptor else { return }
        do {
            var extras: [[UInt8]] = []
            try DirectoryReader(descriptor, label: "it").forEach { name, _ in
                if try restore.view.lookup(name, in: frame.place) == nil {
                    extras.append(Array(name))
                }
            }
            for name in extras.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                let parts = parts + [name]
                if restore.selection.selects(parts) { try delete(name, parts, descriptor) }
            }
        } catch let error as SnapError where error.kind == .interrupted {
            throw error
        } catch { restore.problem(path(parts), error) }
    }

    private func delete(
        _ name: [UInt8], _ parts: [[UInt8]], _ descriptor: FileDescriptor
    ) throws {
        let path = path(parts)
        do {
            if restore.options.dryRun {
                let found = try name.withUnsafeBytes {
                    try FileAttributes(at: descriptor, name: $0)
                }
                try restore.requireUnguarded(found)
                return restore.done(.deleted, bytes: 0, path)
            }
            try TreeRemoval.remove(name, in: descriptor, path: path, parts: parts, restore)
        } catch let error as SnapError where error.kind == .interrupted {
            throw error
        } catch { restore.problem(path, error) }
    }
}
