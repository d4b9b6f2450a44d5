// SPDX-License-Identifier: MIT
//
// The ledger: the small files by which writers, readers and collections of one repository agree
// without locks. What they decide with it is written once, over this protocol: in a repository it
// works on sealed files, in the simulator of Tests/SnapSimulation on a model whose every step can
// be interleaved, lost or repeated. See snapfs-format(5), SESSIONS, NOTES and COLLECTION.

import SnapBase
import SnapFormat

/// One file of the ledger.
package enum LedgerFile: Sendable {
    case session(SessionRecord)
    case heartbeat(Heartbeat)
    case manifest(Manifest)
    case abort(Abort)
    case note(Note)
    case start(CollectionStart)
    case end(CollectionEnd)
    case audit(AuditRecord)

    package var storeName: String {
        switch self {
        case .session(let record): record.storeName
        case .heartbeat(let heartbeat): heartbeat.storeName
        case .manifest(let manifest): Manifest.storeName(manifest.id)
        case .abort(let abort): Manifest.storeName(abort.id)
        case .note(let note): note.storeName
        case .start(let start): start.storeName
        case .end(let end): end.storeName
        case .audit(let record): record.storeName
        }
    }

    package var kind: FileKind {
        switch self {
        case .session: .session
        case .heartbeat: .heartbeat
        case .manifest: .manifest
        case .abort: .abort
        case .note: .note
        case .start: .collectionStart
        case .end: .collectionEnd
        case .audit: .audit
        }
    }

    package var fields: [UInt8] {
        switch self {
        case .session(let record): record.fields
        case .heartbeat(let heartbeat): heartbeat.fields
        case .manifest(let manifest): manifest.fields
        case .abort(let abort): abort.fields
        case .note(let note): note.fields
        case .start(let start): start.fields
        case .end(let end): end.fields
        case .audit(let record): record.fields
        }
    }

    /// Decodes the fields of a file of this kind and name.
    package init(_ kind: FileKind, fields: [UInt8], name: String) throws {
        let place = name.split(separator: "/", maxSplits: 1).map(String.init)
        func wrong() -> SnapError {
            SnapError(.damaged, "\(name): a \(kind.name) is in the wrong place")
        }
        guard place.count == 2 else { throw wrong() }
        switch (place[0], kind) {
        case (SessionRecord.directory, .session), (SessionRecord.directory, .heartbeat):
            guard let (id, number) = SessionRecord.parse(place[1]),
                (kind == .session) == (number == 0)
            else { throw wrong() }
            self =
                kind == .session
                ? .session(try SessionRecord(fields: fields, id: id))
                : .heartbeat(try Heartbeat(fields: fields, session: id, number: number))
        case (Manifest.directory, .manifest), (Manifest.directory, .abort):
            guard let id = Manifest.parse(place[1]) else { throw wrong() }
            self =
                kind == .manifest
                ? .manifest(try Manifest(fields: fields, id: id))
                : .abort(try Abort(fields: fields, id: id))
        case (Note.directory, .note):
            guard let (snapshot, number) = Note.parse(place[1]) else { throw wrong() }
            self = .note(try Note(fields: fields, snapshot: snapshot, number: number))
        case (CollectionStart.directory, .collectionStart),
            (CollectionStart.directory, .collectionEnd):
            guard let (number, closes) = CollectionStart.parse(place[1]),
                closes == (kind == .collectionEnd)
            else { throw wrong() }
            self =
                closes
                ? .end(try CollectionEnd(fields: fields, number: number))
                : .start(try CollectionStart(fields: fields, number: number))
        case (AuditRecord.directory, .audit):
            guard let number = AuditRecord.parse(place[1]) else { throw wrong() }
            self = .audit(try AuditRecord(fields: fields, number: number))
        default: throw wrong()
        }
    }
}

/// What stands under `snapshots/<id>`: the session's fate, decided once.
package enum Decision: Sendable {
    /// With the SHA-256 of the file.
    case committed(Manifest, ObjectID)
    case aborted(Abort)
}

/// The small files of a repository. Thread-safe. Every method throws SnapError; a name that is
/// not there is never an error of another kind than `.notFound`.
package protocol Ledger: Sendable {
    /// The names in a directory; everything that was created before the call began is among them.
    func list(_ directory: String) throws -> [String]
    /// Creates a file unless there is one of its name. Returns the SHA-256 of the file where ours
    /// stands now, nil where another does.
    func create(_ file: LedgerFile) throws -> ObjectID?
    /// A file and its SHA-256; throws `.notFound`, and `.damaged` or `.unsupported` where it cannot
    /// be understood.
    func read(_ name: String) throws -> (file: LedgerFile, digest: ObjectID)
    /// Removes a file; an absent one is no error.
    func delete(_ name: String) throws
    /// Returns once all that was created or listed is durable.
    func synchronize() throws
    /// 16 bytes that nobody else has.
    func newID() throws -> [UInt8]
}

extension Ledger {
    /// As `read`, but nil where there is no such file.
    func readIfThere(_ name: String) throws -> (file: LedgerFile, digest: ObjectID)? {
        do { return try read(name) } catch let error as SnapError where error.kind == .notFound {
            return nil
        }
    }

    /// The fate of a session, nil while it is undecided.
    package func decision(_ id: [UInt8]) throws -> Decision? {
        guard let (file, digest) = try readIfThere(Manifest.storeName(id)) else { return nil }
        switch file {
        case .manifest(let manifest): return .committed(manifest, digest)
        case .abort(let abort): return .aborted(abort)
        default: preconditionFailure("decoding lets no other kind stand there")
        }
    }

    /// The ids of all decided sessions.
    package func decided() throws -> [[UInt8]] {
        try list(Manifest.directory).compactMap(Manifest.parse)
    }
}
