// SPDX-License-Identifier: MIT
//
// Notes and collections on a real store, with sealed files: what readers see and what writers take.

import Glibc
import SnapBase
import SnapFormat
import SnapStore
import SnapTestSupport
import Testing

@testable import SnapRepository

@Suite struct LedgerTests {
    private let test: TestRepository
    private let ledger: SealedLedger
    private let origin = Origin(time: 1000, host: "host", user: "root")

    init() throws {
        test = try TestRepository()
        ledger = try test.open().ledger
    }

    private func say(_ action: Note.Action, of manifest: Manifest) throws {
        try NoteBook.add(action, to: [manifest.id], origin: origin, ledger: ledger)
    }

    private func listed() throws -> [[UInt8]] { try test.open().catalog().snapshots.map(\.id) }

    // MARK: Notes

    @Test func whatIsForgottenIsNotListedAndComesBack() throws {
        let first = try test.snapshot([.text("a", "1")], time: 1)
        let second = try test.snapshot([.text("a", "2")], time: 2)
        try say(.forget, of: first)
        #expect(try listed() == [second.id])
        #expect(try test.open().catalog().forgotten.map(\.id) == [first.id])
        try NoteBook.unforget(first.id, origin: origin, ledger: ledger)
        #expect(try listed() == [first.id, second.id])
    }

    @Test func tagsOfTheLastNoteHold() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        try say(.tags(["one", "two"]), of: manifest)
        try say(.tags(["three"]), of: manifest)
        #expect(try test.open().catalog().snapshots[0].tags == ["three"])
    }

    @Test func holdsEndAtTheirTime() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        try say(.hold(until: 50), of: manifest)
        func notes() throws -> SnapshotNotes { try NoteBook(ledger)[manifest.id] }
        #expect(try notes().isHeld(at: 49) && !notes().isHeld(at: 50))
        try say(.hold(until: nil), of: manifest)
        #expect(try notes().isHeld(at: .max))
        try say(.release, of: manifest)
        #expect(try !notes().isHeld(at: 0))
    }

    @Test(arguments: ["missing", "damaged", "other", "foreign"])
    func whatNotesSayIsNotBelievedWhereOneIsNotThere(damage: String) throws {
        let manifest = try test.snapshot([.text("a", "1")])
        try say(.tags(["x"]), of: manifest)
        try say(.forget, of: manifest)
        #expect(try listed().isEmpty)
        let name = Note.storeName(manifest.id, 1)
        switch damage {
        case "missing": try test.remove(name)
        case "damaged": try test.overwrite(name, [UInt8](repeating: 1, count: 4096))
        case "other": try test.overwrite(name, try test.read(Note.storeName(manifest.id, 2)))
        default:
            try test.store().create("notes/README", [1])
            #expect(try listed().isEmpty)
            return
        }
        #expect(try listed() == [manifest.id])
        #expect(try test.open().catalog().notes.damaged.count == 1)
    }

    @Test func aDamagedNoteHoldsUntilALaterRelease() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        func notes() throws -> SnapshotNotes { try NoteBook(ledger)[manifest.id] }
        try say(.hold(until: nil), of: manifest)
        try test.overwrite(
            Note.storeName(manifest.id, 1), [UInt8](repeating: 1, count: 4096))
        #expect(try notes().isHeld(at: .max) && notes().isUnclear)
        try say(.forget, of: manifest)
        #expect(try notes().isHeld(at: .max) && !notes().isForgotten)
        try say(.release, of: manifest)
        #expect(try !notes().isHeld(at: 0) && !notes().isForgotten)
        try say(.forget, of: manifest)
        #expect(try notes().isForgotten)
    }

    @Test(arguments: [false, true], [1, 2, 3] as [UInt32])
    func aRepairOfNotesLosesNoHold(isMissing: Bool, number: UInt32) throws {
        let manifest = try test.snapshot([.text("a", "1")])
        try say(.forget, of: manifest)
        try say(.unforget, of: manifest)
        try say(.hold(until: nil), of: manifest)
        try say(.tags(["x"]), of: manifest)
        let name = Note.storeName(manifest.id, number)
        try test.remove(name)
        if !isMissing { try test.store().create(name, [UInt8](repeating: 1, count: 4096)) }
        #expect(try NoteRepair.run(manifest.id, ledger, origin: origin, now: 0))
        let notes = try NoteBook(ledger)[manifest.id]
        #expect(notes.damage == nil && notes.isHeld(at: .max) && !notes.isForgotten)
        #expect(notes.tags == ["x"])
    }

    @Test func aRepairOfNotesBringsNothingBackThatWasGivenUp() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        for action in [Note.Action.tags(["x"]), .release, .forget] {
            try say(action, of: manifest)
        }
        try test.remove(Note.storeName(manifest.id, 1))
        #expect(try !NoteRepair.run(manifest.id, ledger, origin: origin, now: 0))
        let notes = try NoteBook(ledger)[manifest.id]
        #expect(notes.damage == nil && !notes.isHeld(at: 0) && notes.isForgotten)
    }

    @Test func twoNotesOfOneNumberAreTwoNotes() throws {
        let manifest = try test.snapshot([.text("a", "1")])
        let (one, other) = (try test.open().ledger, try test.open().ledger)
        for ledger in [one, other] {
            try NoteBook.add(.tags(["x"]), to: [manifest.id], origin: origin, ledger: ledger)
        }
        #expect(try NoteBook(ledger)[manifest.id].notes.map(\.number) == [1, 2])
        let again = Note(snapshot: manifest.id, number: 2, origin: origin, action: .forget)
        #expect(try one.create(.note(again)) == nil)
    }

    // MARK: Collections

    /// Opens a collection; with `end`, closes it with these snapshots live.
    private func collect(
        _ number: UInt64, condemned: [PackName] = [], forgotten: [[UInt8]] = [],
        live: [Manifest]? = nil
    ) throws {
        let segments = try test.files("index").compactMap { ObjectID(hex: String($0.dropFirst(6))) }
        let start = CollectionStart(
            number: number, origin: origin, forgotten: forgotten, condemned: condemned,
            segments: segments)
        #expect(try ledger.create(.start(start)) != nil)
        guard let live else { return }
        let digests = try live.map { ($0.id, try ledger.read(Manifest.storeName($0.id)).digest) }
        let end = CollectionEnd(
            number: number, origin: origin, floor: number,
            live: Dictionary(uniqueKeysWithValues: digests), segments: segments)
        #expect(try ledger.create(.end(end)) != nil)
    }

    @Test func onlyWhatIsNamedOrCameAfterCounts() throws {
        let first = try test.snapshot([.text("a", "1")], time: 1)
        let second = try test.snapshot([.text("a", "2")], time: 2)
        try collect(1, live: [first])
        let third = try test.snapshot([.text("a", "3")], time: 3)
        #expect(third.collection == 1)
        #expect(try listed() == [first.id, third.id])
        #expect(try ledger.decided().count == 3)
        // It says something else than what was named.
        let other = try ledger.read(Manifest.storeName(second.id))
        #expect(!Counting(try CollectionState(ledger).end).counts(first, other.digest))
    }

    @Test func whatAnOpenCollectionCondemnsIsStoredAgain() throws {
        try test.snapshot([.file("a", noise(2000, seed: 1))])
        let packs = try test.open().listPacks().packs.map { PackName(kind: $1.kind, name: $0) }
        try collect(1, condemned: packs)
        let before = try test.files("data").count
        let manifest = try test.snapshot([.file("a", noise(2000, seed: 1))])
        #expect(manifest.collection == 1)
        #expect(try test.files("data").count == before + 1)
        // What was written since is built upon.
        try test.snapshot([.file("a", noise(2000, seed: 1))])
        #expect(try test.files("data").count == before + 1)
    }

    @Test func segmentsOfWritersWhoHaveNotSeenItAreNotBuiltUpon() throws {
        try collect(1)
        let repository = try test.open()
        let packs = try segment(repository, collection: 0)
        try repository.refresh()
        #expect(try repository.objects.find(packs) != nil)
        #expect(try !repository.objects.contains(packs))
        let seen = try segment(repository, collection: 1)
        try repository.refresh()
        #expect(try repository.objects.contains(seen))
    }

    @Test func segmentsThatDoNotCountAreNotAsked() throws {
        let repository = try test.open()
        try collect(1, live: [])
        let late = try segment(repository, collection: 0)
        let named = try segment(repository, collection: Counting.onlyIfNamed)
        let seen = try segment(repository, collection: 1)
        try repository.refresh()
        #expect(try repository.objects.find(late) == nil)
        #expect(try repository.objects.find(named) == nil)
        #expect(try repository.objects.find(seen) != nil)
        #expect(repository.objects.uncountedSegments.count == 2)
    }

    /// Adds a segment with one object of a pack that is nowhere; returns the object's id.
    private func segment(_ repository: Repository, collection: UInt64) throws -> ObjectID {
        let id = ObjectID(try ledger.newID() + ledger.newID())
        let session = try ledger.newID()
        let pack = PackDescription(
            name: id, salt: id.bytes, fileSize: 4096, generation: 0, kind: .dataPack)
        let header = IndexHeader(
            entryCount: 1, packCount: 1, supersededCount: 0, session: session,
            collection: collection)
        let entry = IndexEntry(
            id: id, pack: 0, record: RecordPlace(offset: 80, size: 30), offset: 0, length: 10)
        _ = try IndexWriter.write(
            store: repository.store,
            key: try repository.newFileKey(.index, session: session, counter: 1), header: header,
            packs: { try $0(pack) }, superseded: [], entries: { try $0(entry) })
        return id
    }

    // MARK: Sessions

    @Test func anAbortedSessionCannotCommit() throws {
        let session = try Session(ledger, kind: .writer, host: "host")
        let abort = Abort(id: session.id, time: 1, host: "host", collection: 1)
        #expect(try ledger.create(.abort(abort)) != nil)
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        let manifest = Manifest(id: session.id, time: Timestamp(seconds: 1), root: root)
        let error = #expect(throws: SnapError.self) { try session.commit(manifest) }
        #expect(error?.kind == .busy)
        #expect(try listed().isEmpty)
    }

    @Test func aSessionGoesOnInAnotherOnlyIfNoCollectionBegan() throws {
        let session = try Session(ledger, kind: .writer, host: "host")
        let next = try #require(try session.successor())
        try collect(1)
        #expect(try next.successor() == nil)
        session.end()
        next.end()
        #expect(try ledger.list(SessionRecord.directory).isEmpty)
    }

    @Test func whoBeginsDuringACollectionSaysThatItIsKnown() throws {
        try collect(3)
        let session = try Session(ledger, kind: .writer, host: "host")
        let name = Heartbeat.storeName(session.id, 1)
        guard case .heartbeat(let heartbeat) = try ledger.read(name).file else {
            Issue.record("not a heartbeat")
            return
        }
        #expect(heartbeat.collection == 3)
        session.end()
        #expect(try ledger.list(SessionRecord.directory).isEmpty)
    }

    @Test func ofAnEndedProcessItIsKnownThatItHasEnded() throws {
        let place = try #require(ProcessPlace.current)
        var record = SessionRecord(
            id: try ledger.newID(), time: 1, host: "host", process: UInt32(getpid()),
            kind: .writer, place: place)
        #expect(!ProcessPlace.hasEnded(record))
        record.place?.start += 1
        #expect(ProcessPlace.hasEnded(record), "the number belongs to another process now")
        record.place?.boot[0] ^= 1
        #expect(!ProcessPlace.hasEnded(record), "it may run elsewhere")
        record.place = nil
        #expect(!ProcessPlace.hasEnded(record))
    }
}
