// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapCrypto
import SnapFormat

/// A writer as the repository knows it: announced before it reads what it may build on, alive by
/// its heartbeats, gone after its commit. Not thread-safe.
final class Session {
    let id: [UInt8]
    private let repository: Repository
    private var files: UInt64 = 0
    private var heartbeats = 0
    private var lastHeartbeat: Int64
    /// Seconds between heartbeats; the format promises one an hour.
    static let heartbeatInterval: Int64 = 20 * 60

    /// Announces a new session.
    init(_ repository: Repository, host: String) throws {
        self.repository = repository
        id = try Random.bytes(16)
        let now = Timestamp.now().seconds
        lastHeartbeat = now
        let record = SessionRecord(id: id, time: now, host: host, process: UInt32(getpid()))
        let name = SessionRecord.storeName(id)
        let key = try newFileKey(.session)
        try repository.store.create(name, try key.sealFile(record.fields, storeName: name))
        try repository.store.synchronize()
        do { try requireNoCollection() } catch {
            end()
            throw error
        }
    }

    /// A collection is of a newer version: what it condemned must not be built upon.
    private func requireNoCollection() throws {
        guard try repository.store.list("gc").isEmpty else {
            throw SnapError(
                .unsupported, "the repository has been collected by a newer snapfs; update this one"
            )
        }
    }

    /// The key of the next file that this session writes.
    func newFileKey(_ kind: FileKind) throws -> FileKey {
        files += 1
        return try repository.newFileKey(kind, session: id, counter: files)
    }

    /// Says that the session lives, if it has not for a while.
    func heartbeat() throws {
        let now = Timestamp.now().seconds
        guard now >= lastHeartbeat + Self.heartbeatInterval || now < lastHeartbeat else { return }
        lastHeartbeat = now
        heartbeats += 1
        let name = SessionRecord.heartbeatName(id, heartbeats)
        try repository.store.create(
            name,
            try newFileKey(.heartbeat).sealFile(
                SessionRecord.heartbeat(id, time: now), storeName: name))
    }

    /// Creates the manifest under the session's id: the commit. Everything it names is durable.
    func commit(_ manifest: Manifest) throws {
        precondition(manifest.id == id)
        let name = Manifest.storeName(id)
        let plain = manifest.fields
        guard try Manifest(fields: plain, id: id) == manifest else {
            throw SnapError(.io, "the manifest does not decode to what was encoded")
        }
        let file = try newFileKey(.manifest).sealFile(plain, storeName: name)
        guard file.count <= ContainerHeader.wholeFileSizeMax else {
            throw Manifest.tooLarge(file.count)
        }
        try repository.store.create(name, file)
        try repository.store.synchronize()
    }

    /// Takes the announcement away. A leftover is no fault, so failures are ignored.
    func end() {
        for number in stride(from: heartbeats, to: 0, by: -1) {
            try? repository.store.delete(SessionRecord.heartbeatName(id, number))
        }
        try? repository.store.delete(SessionRecord.storeName(id))
    }
}
