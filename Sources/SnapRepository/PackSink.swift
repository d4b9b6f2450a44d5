// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// Fills packs, one open at a time for each kind. Used by one thread.
final class PackSink {
    private let store: any Store
    private let keys: FileKeys
    private var writers: [FileKind: PackWriter] = [:]
    private var finished: [FinishedPack] = []
    /// Objects in packs that are finished and were not taken.
    private(set) var pending = 0

    init(store: any Store, keys: FileKeys) {
        self.store = store
        self.keys = keys
    }

    deinit { discard() }

    func append(_ new: NewRecord) throws {
        let kind = new.objects[0].kind.packKind
        let writer: PackWriter
        if let open = writers[kind] {
            writer = open
        } else {
            writer = try PackWriter(store: store, key: try keys.next(kind))
            writers[kind] = writer
        }
        try writer.append(new.record, new.objects)
        if writer.isFull { try close(kind) }
    }

    private func close(_ kind: FileKind) throws {
        guard let writer = writers.removeValue(forKey: kind) else { return }
        let pack = try writer.finish(store: store)
        pending += pack.objects.count
        finished.append(pack)
    }

    /// Finishes the packs that are open.
    func closeAll() throws {
        for kind in [FileKind.dataPack, .metadataPack] { try close(kind) }
    }

    /// The packs that were finished since the last time; a segment is to name them.
    func takeFinished() -> [FinishedPack] {
        defer { (finished, pending) = ([], 0) }
        return finished
    }

    /// Drops the packs that are open.
    func discard() {
        writers.values.forEach { $0.discard() }
        writers = [:]
    }
}
