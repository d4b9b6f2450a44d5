// SPDX-License-Identifier: MIT
//
// Every call that a change of the keys makes to the store fails once, and then the power goes:
// somebody can always open the repository, and the keys can be changed again.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapRepository
import SnapStore
import Testing

@Suite struct KeyFaultTests {
    enum Deed: CaseIterable {
        case add, replace, removeOther, removeOwn, rotate
    }

    private static func file(_ number: UInt8) -> Credential {
        .keyFile(Secret([UInt8](repeating: number, count: 32)))
    }

    private static let (own, other, new) = (file(7), file(8), file(9))

    private static func store(_ files: any FileLayer) -> LocalStore {
        LocalStore(files: files, location: "memory")
    }

    /// With the keys `own` and `other`, of which the first one is in use.
    private static let start = Result {
        let files = AmnesiaFileLayer(try Engine.shared.get().one.disk)
        try KeyAdministration(Repository.open(store(files), own)).add(other, label: "other")
        return files.disk.after(.synchronizedOnly)
    }

    private func perform(_ deed: Deed, _ store: any Store) throws {
        let keys = KeyAdministration(try Repository.open(store, Self.own))
        switch deed {
        case .add: try keys.add(Self.new, label: "new")
        case .replace: try keys.replaceKeyInUse(by: Self.new)
        case .removeOther: try keys.remove(try keys.list().key("other").name)
        case .removeOwn:
            try keys.remove(try #require(try keys.list().keys.first { $0.isInUse }).name)
        case .rotate: try keys.rotate()
        }
    }

    private func opens(_ credential: Credential, _ disk: Disk) throws -> Bool {
        do {
            _ = try Repository.open(Self.store(AmnesiaFileLayer(disk)), credential)
            return true
        } catch let error as SnapError where error.kind == .wrongKey { return false }
    }

    @Test(arguments: Deed.allCases, FaultMode.allCases)
    func aFailureShutsNobodyOut(_ deed: Deed, _ mode: FaultMode) throws {
        let start = try Self.start.get()
        var call = 0
        while true {
            call += 1
            let fault = Fault(call, mode)
            let files = AmnesiaFileLayer(start)
            let outcome = Result {
                try perform(deed, FaultStore(Self.store(files), fault))
            }
            if fault.hit == nil { try outcome.get() }
            if case .failure(let error) = outcome, mode == .exists {
                Issue.record("\(deed), \(fault.hit ?? "") exists: \(error)")
            }
            let isDone = (try? outcome.get()) != nil
            let survivals: [Survival] = [
                .everything, .synchronizedOnly, .random(UInt64(call)), .random(~UInt64(call)),
            ]
            for survival in survivals {
                try judge(
                    deed, isDone, files.disk.after(survival),
                    "\(deed), \(mode) at call \(call), \(fault.hit ?? "none"), \(survival)")
            }
            if fault.hit == nil { break }
        }
        print("faults of the keys: \(deed) \(mode): \(call - 1)")
        #expect(call > 1)
    }

    private func judge(_ deed: Deed, _ isDone: Bool, _ disk: Disk, _ what: String) throws {
        let (own, other, new) = try within(what) {
            (try opens(Self.own, disk), try opens(Self.other, disk), try opens(Self.new, disk))
        }
        switch deed {
        case .add, .rotate: #expect(own && other, "\(what)")
        case .replace: #expect(own != new && other, "\(what)")
        case .removeOther: #expect(own, "\(what)")
        case .removeOwn: #expect(other, "\(what)")
        }
        if isDone {
            #expect(new == (deed == .add || deed == .replace), "\(what)")
            #expect(own == (deed != .replace && deed != .removeOwn), "\(what)")
            #expect(other == (deed != .removeOther), "\(what)")
        }
        // Everything goes on from here, and what was left over can be cleared away.
        let files = AmnesiaFileLayer(disk)
        let repository = try Repository.open(
            Self.store(files), own ? Self.own : new ? Self.new : Self.other)
        #expect(try repository.catalog().snapshots.count == 1, "\(what)")
        let keys = KeyAdministration(repository)
        try keys.rotate()
        for key in try keys.list().keys where !key.opens { try keys.remove(key.name) }
        #expect(try keys.list().keys.allSatisfy(\.opens), "\(what)")
        #expect(try keys.list().keys.count == [own, other, new].count { $0 }, "\(what)")
    }
}
