// SPDX-License-Identifier: MIT
//
// Adding, removing and replacing the keys of a repository, and new generations. Each is one new
// keyring, created only if absent, so that of two administrators one comes after the other and no
// change is lost. The order is what keeps a repository from being shut for ever:
//
//     new slot file, synchronised, read back and opened
//     keyring n+1, opened in memory with the keys it is for, created, synchronised, read back
//     only now the slot file that it no longer names is deleted
//
// A new slot belongs to one attempt at one number. Once another keyring has that number, no keyring
// will ever name the slot, and it may be deleted. See snapfs-format(5), Keyring.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore

/// The keys of an open repository. Not thread-safe.
package struct KeyAdministration {
    package static let labelSizeMax = 255
    private static let attemptsMax = 16

    private let opened: OpenKeyring
    private let stretching: Stretching
    private var store: any Store { opened.store }

    package init(_ repository: Repository, stretching: Stretching = .standard) {
        opened = repository.sealed.keyring
        self.stretching = stretching
    }

    // MARK: Listing

    /// Who can open the repository, and what remains of changes that did not come to their end.
    package func list() throws -> KeyList {
        try KeyList(opened.reread(), inUse: opened.keys.agreement.publicKey, store)
    }

    // MARK: Changes

    /// A label that no key has: the one that is wished for, or with a number behind it.
    package func freeLabel(_ wish: String) throws -> String {
        let taken = Set(try opened.reread().holders.map(\.label))
        if !taken.contains(wish) { return wish }
        // There are more numbers than holders.
        return (2...).lazy.map { "\(wish) \($0)" }.first { !taken.contains($0) }!
    }

    /// Adds a key. Throws `.refused` where there are as many as a reader tries, and `.exists` where
    /// another one has the label: a key is removed by it.
    @discardableResult
    package func add(_ credential: Credential, label: String) throws -> Holder {
        guard label.utf8.count <= Self.labelSizeMax else {
            throw SnapError(.invalid, "a label has at most \(Self.labelSizeMax) bytes")
        }
        let done = try within("adding a key") {
            try write { keyring in
                guard !keyring.holders.contains(where: { $0.label == label }) else {
                    throw SnapError(
                        .exists,
                        "there is a key '\(label)' already; give another --label, or remove that "
                            + "one before")
                }
                let new = try newSlot(credential, label: label)
                keyring.holders.append(new.holder)
                return Change(newSlot: new.holder.slotName, readAs: opened.keys)
            }
        }
        return done.holders.last!  // the one that was appended
    }

    /// Puts a new key in the place of the one in use, under the same label, and goes on with it.
    /// Whatever fails, the repository opens with the old or the new one; once this returns, with
    /// the new one only.
    @discardableResult
    package func replaceKeyInUse(by credential: Credential) throws -> Holder {
        var old: Holder?
        var new: (holder: Holder, keys: SlotKeys)?
        _ = try within("changing the key") {
            try write { keyring in
                let place = keyring.holders.firstIndex { isInUse($0) }!  // or it had not opened
                old = keyring.holders[place]
                new = try newSlot(credential, label: keyring.holders[place].label)
                keyring.holders[place] = new!.holder  // set in the line before
                return Change(newSlot: new!.holder.slotName, readAs: new!.keys)
            }
        }
        // Both are set by the closure, which was run to its end.
        try deleteSlot(old!.slotName)
        return new!.holder
    }

    /// Removes the key whose slot has this name, or the slot if it is in no keyring. Throws
    /// `.refused` where no other key would open the repository, `.notFound` where there is none.
    /// With the key in use goes the access of this process to what others add from now on.
    package func remove(_ name: [UInt8]) throws {
        _ = try within("removing key \(Hex.encode(name.prefix(4)))") {
            try write { keyring in
                let list = try KeyList(
                    keyring, inUse: opened.keys.agreement.publicKey, store)
                guard let key = list.keys.first(where: { $0.name == name }) else {
                    throw SnapError(.notFound, "there is no such key; see 'snapfs key list'")
                }
                let rest = list.keys.filter { $0.name != name && $0.opens }
                guard !rest.isEmpty else {
                    throw SnapError(
                        .refused,
                        "it is the last one: without it nobody could read the data; "
                            + "add another one before")
                }
                keyring.holders.removeAll { $0.slotName == name }
                return Change(newSlot: nil, readAs: key.isInUse ? nil : opened.keys)
            }
        }
        try deleteSlot(name)
    }

    /// Begins a new generation, which new files are sealed under, and returns its number.
    @discardableResult
    package func rotate() throws -> UInt32 {
        try within("beginning a new generation") {
            try write { keyring in
                keyring.generations[keyring.newest + 1] = try Secret(randomCount: 32)
                return Change(newSlot: nil, readAs: opened.keys)
            }
        }.newest
    }

    // MARK: Slots

    private func isInUse(_ holder: Holder) -> Bool {
        holder.publicKey == opened.keys.agreement.publicKey
    }

    /// A slot with keys of its own, durable and proven to open.
    private func newSlot(
        _ credential: Credential, label: String
    ) throws -> (holder: Holder, keys: SlotKeys) {
        // A reader tries no more, so that a further one might shut another out.
        let count = try store.list("slots").map(\.name).filter(Slot.isName).count
        guard count < Slot.countMax else {
            throw SnapError(
                .refused,
                "there are \(count) keys, and a repository has at most \(Slot.countMax); "
                    + "remove one before")
        }
        let keys = SlotKeys(agreement: try AgreementKey(), mac: opened.keys.mac)
        let slot = try Slot(
            credential, keys: keys, stretching: stretching, salt: try Random.bytes(32),
            repository: opened.repository)
        let name = try slot.name()
        try store.create("slots/\(name)", slot.file)
        try store.synchronize()
        let read = try OpenKeyring.read(slot: name, store)
        guard let found = try read.open(credential, repository: opened.repository),
            found.agreement.publicKey == keys.agreement.publicKey
        else { throw SnapError(.io, "the new key slot \(name) cannot be read back") }
        let holder = Holder(
            publicKey: slot.publicKey, slotName: Array(Hex.decode(name)!),  // it is hexadecimal
            created: Timestamp.now().seconds, label: label)
        return (holder, found)
    }

    /// Deletes a slot that the newest keyring does not name, and that none will.
    private func deleteSlot(_ name: [UInt8]) throws {
        let path = "slots/\(Hex.encode(name))"
        try within("the key is no longer in the keyring, but \(path) is still there") {
            try store.delete(path)
            try store.synchronize()
        }
    }

    // MARK: Keyrings

    /// What goes along with a new keyring.
    private struct Change {
        /// The slot that was made for this attempt.
        var newSlot: [UInt8]?
        /// Who must be able to open it; nil where this process no longer will.
        var readAs: SlotKeys?
    }

    /// Writes the successor of the newest keyring, as `change` makes it, and returns it; once more
    /// from the beginning where another process was first. Its slot must be durable when `change`
    /// returns.
    private func write(_ change: (inout Keyring) throws -> Change) throws -> Keyring {
        for _ in 0..<Self.attemptsMax {
            let before = try opened.reread()
            var next = before
            let details = try change(&next)
            next.number = before.number + 1
            if try create(next, after: before, details) {
                if let keys = details.readAs { opened.replace(keys, next) }
                return next
            }
            if let slot = details.newSlot { try store.delete("slots/\(Hex.encode(slot))") }
        }
        throw SnapError(.busy, "others change the keys all the time; try again")
    }

    /// Creates a keyring; false where there is another one of this number. After an error the
    /// keyring may stand, and what it names must stay.
    private func create(
        _ keyring: Keyring, after before: Keyring, _ details: Change
    ) throws -> Bool {
        let name = Keyring.storeName(keyring.number)
        let draws = Keyring.Draws(
            ephemeral: try AgreementKey(), content: try Secret(randomCount: 32),
            salt: try Random.bytes(32))
        let file = try keyring.sealed(
            mac: opened.keys.mac, predecessor: before, repository: opened.repository, draws: draws)
        try verify(file, keyring, before, details)
        do { try store.create(name, file) } catch let error as SnapError
            where error.kind == .exists
        {
            // Only other bytes under the name prove that this one will never have it.
            if try store.read(name, limit: Keyring.sizeMax) != file { return false }
        }
        try store.synchronize()
        guard try store.read(name, limit: Keyring.sizeMax) == file else {
            throw SnapError(.io, "\(name): cannot be read back as it was written")
        }
        return true
    }

    /// Proves a keyring good before anything depends on it.
    private func verify(
        _ file: [UInt8], _ keyring: Keyring, _ before: Keyring, _ details: Change
    ) throws {
        guard file.count <= Keyring.sizeMax else {
            throw SnapError(.refused, "the keyring would have \(file.count) bytes, too many")
        }
        guard let keys = details.readAs else { return }
        let read = try Keyring(
            file, number: keyring.number, keys: keys, repository: opened.repository)
        let same =
            read.generations.mapValues { $0.withBytes { Array($0) } }
            == keyring.generations.mapValues { $0.withBytes { Array($0) } }
        guard same, read.holders == keyring.holders,
            try Keyring.continues(file, before, repository: opened.repository)
        else { throw SnapError(.io, "the new keyring does not decode to what was encoded") }
    }
}
