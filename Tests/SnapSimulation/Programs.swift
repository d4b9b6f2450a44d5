// SPDX-License-Identifier: MIT
//
// What the actors do: the code of the program where it decides, the model where it moves bytes.

import SnapBase
import SnapFormat
import SnapRepository

extension World {
    private func origin() -> Origin { Origin(time: 0, host: "model", user: "") }

    private func pick(_ mask: Objects) -> Objects { scheduler.random.next() & mask }

    // MARK: Backup

    func backup(_ actor: Actor) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        var session = try Session(ledger, kind: .writer, host: "model")
        defer { session.end() }
        let predecessor = try predecessor(ledger, session.state)
        var index = try ModelIndex(self, actor, session.state.counting)
        let building = session.state.building
        var tree: Objects = 0
        for round in 0..<1 + scheduler.below(3) {
            let new = try store(
                wanted(predecessor), predecessor, building, &index, session, actor)
            tree |= new
            try scheduler.nap(actor)
            if scheduler.happens(200) { try merge(&index, session, actor) }
            if round > 0, scheduler.happens(300) {
                session = try checkpoint(tree, session, ledger)
            }
        }
        let id = session.id
        roots[id] = tree
        try session.commit(manifest(session, .complete))
        promised.insert(id)
        check("after a backup was promised")
    }

    private func manifest(_ session: Session<ModelLedger>, _ state: Manifest.State) -> Manifest {
        let root = Entry(name: [], attributes: Attributes(mode: 0o040755))
        var manifest = Manifest(
            id: session.id, time: Timestamp(seconds: Int64(scheduler.steps), nanoseconds: 0),
            root: root)
        manifest.state = state
        manifest.collection = session.state.newest
        return manifest
    }

    /// The objects of a snapshot that may be built upon.
    private func predecessor(
        _ ledger: ModelLedger, _ state: CollectionState
    ) throws -> Objects {
        var found: Objects = 0
        for id in try ledger.decided() {
            guard case .committed(let manifest, let digest)? = try ledger.decision(id),
                state.counting.counts(manifest, digest), state.building.allowsPredecessor(id)
            else { continue }
            found = roots[id]!
        }
        return found
    }

    /// What the source has now: some of what it had, some that others have or had, some new.
    private func wanted(_ predecessor: Objects) -> Objects {
        pick(predecessor) | pick(pick(pick(UInt64.max)))
    }

    /// Makes sure that the repository has these objects, and says which they are. What the
    /// predecessor has is taken with all below it, if only its own place is known; of the rest
    /// every part is looked up by itself.
    private func store(
        _ wanted: Objects, _ predecessor: Objects, _ building: Building, _ index: inout ModelIndex,
        _ session: Session<ModelLedger>, _ actor: Actor
    ) throws -> Objects {
        var new: Objects = 0
        let allowed = index.allowed(building)
        for object in 0..<64 where wanted & (1 << UInt64(object)) != 0 {
            let bit: Objects = 1 << UInt64(object)
            if predecessor & allowed & bit == 0 { new |= closure(bit) & ~allowed }
        }
        let tree = wanted
        guard new != 0 else { return tree }
        var packs: [PackName: Objects] = [:]
        for part in [new & 0xaaaa_aaaa_aaaa_aaaa, new & 0x5555_5555_5555_5555] where part != 0 {
            let pack = PackName(kind: .dataPack, name: newName())
            try scheduler.step(actor, "create pack \(pack.name.short) of \(part)")
            self.packs[pack] = part
            packs[pack] = part
        }
        try publish(packs, [], &index, session, actor)
        return tree
    }

    private func publish(
        _ packs: [PackName: Objects], _ superseded: Set<ObjectID>, _ index: inout ModelIndex,
        _ session: Session<ModelLedger>, _ actor: Actor
    ) throws {
        let segment = ModelSegment(
            collection: session.state.newest, packs: packs, superseded: superseded)
        let name = newName()
        try scheduler.step(actor, "create index \(name.short) of \(packs.shown)")
        segments[name] = segment
        index.add(name, segment)
    }

    private func merge(
        _ index: inout ModelIndex, _ session: Session<ModelLedger>, _ actor: Actor
    ) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        let state = try CollectionState(ledger)
        guard state.open == nil, state.newest == session.state.newest else { return }
        let fresh = try ModelIndex(self, actor, state.counting)
        try publish(fresh.all, Set(fresh.segments.map(\.name)), &index, session, actor)
    }

    /// Commits what there is and goes on in a new session, where that is safe.
    private func checkpoint(
        _ tree: Objects, _ session: Session<ModelLedger>, _ ledger: ModelLedger
    ) throws -> Session<ModelLedger> {
        guard let next = try session.successor() else { return session }
        roots[session.id] = tree
        do { try session.commit(manifest(session, .checkpoint)) } catch {
            next.end()
            throw error
        }
        session.end()
        return next
    }

    // MARK: Others

    func read(_ actor: Actor) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        guard let choice = counted.randomElement(using: &scheduler.random),
            let digest = files[Manifest.storeName(choice.id)]?.digest
        else { return }
        let session = try Session(ledger, kind: .reader, host: "model", pinned: [choice.id])
        defer { session.end() }
        guard session.state.mayRead(choice, digest) else { return }
        try scheduler.nap(actor)
        var index = try ModelIndex(self, actor, session.state.counting)
        for object in 0..<64 where closure(roots[choice.id]!) & (1 << UInt64(object)) != 0 {
            for attempt in 0..<4 {
                try scheduler.step(actor, "use \(object) of \(choice.hexID.prefix(4))")
                if index.packs(of: object).contains(where: { packs[$0] != nil }) { break }
                if buried.contains(session.id) { return }
                if attempt == 3 { fail("a reader of \(choice.hexID.prefix(4)) misses \(object)") }
                index = try ModelIndex(self, actor, try CollectionState(ledger).counting)
            }
        }
    }

    func forget(_ actor: Actor) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        let listed = counted.filter { $0.state == .complete }
        guard let choice = listed.randomElement(using: &scheduler.random) else { return }
        unwanted[choice.id, default: 0] += 1
        try NoteBook.add(.forget, to: [choice.id], origin: origin(), ledger: ledger)
        guard scheduler.happens(400) else { return }
        try NoteBook.unforget(choice.id, origin: origin(), ledger: ledger)
        promised.insert(choice.id)
        unwanted[choice.id, default: 0] -= 1
        check("after an unforget was promised")
    }

    func prune(_ actor: Actor) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        _ = try Collector(
            ledger: ledger, inventory: ModelInventory(self, actor),
            liveness: ModelLiveness(self, everyone: false), origin: origin(), now: 0
        ).run()
    }

    /// When all has ended, collections leave nothing but what is needed.
    func pruneAll(_ actor: Actor) throws {
        let ledger = ModelLedger(world: self, actor: actor)
        for _ in 0..<6 {
            let report = try Collector(
                ledger: ledger, inventory: ModelInventory(self, actor, thorough: true),
                liveness: ModelLiveness(self, everyone: true), origin: origin(), now: 0
            ).run()
            if case .nothing = report.result, !report.resumed { break }
        }
        check("at the end")
        let notes = try NoteBook(ledger)
        for manifest in counted where notes[manifest.id].isForgotten {
            fail("snapshot \(manifest.hexID.prefix(4)) is left over")
        }
        let needed = counted.reduce(into: Objects(0)) { $0 |= closure(roots[$1.id]!) }
        for (pack, objects) in packs where objects & ~needed != 0 {
            fail("pack \(pack.name.hex.prefix(6)) is left over with \(objects & ~needed)")
        }
        if !files.names(in: SessionRecord.directory).isEmpty {
            fail("sessions are left over")
        }
    }
}
