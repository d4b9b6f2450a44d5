// SPDX-License-Identifier: MIT
//
// The keyring as this process has it, and the keys of the slot that opened it. Keyrings are only
// added, so what was read stays true; a file under a generation that is not known means that there
// is a newer one. See snapfs-format(5), KEYS.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapStore
import Synchronization

/// Thread-safe.
final class OpenKeyring: Sendable {
    let store: any Store
    let repository: [UInt8]

    private struct State {
        var keys: SlotKeys
        var keyring: Keyring
    }

    private let state: Mutex<State>
    /// Held while the store is asked, so that of many readers one asks.
    private let rereading = Monitor()

    init(_ store: any Store, repository: [UInt8], keys: SlotKeys, keyring: Keyring) {
        self.store = store
        self.repository = repository
        state = Mutex(State(keys: keys, keyring: keyring))
    }

    // MARK: Secrets

    var keyring: Keyring { state.withLock { $0.keyring } }
    /// Those of the slot in use.
    var keys: SlotKeys { state.withLock { $0.keys } }

    /// The generation that new files are sealed under, and its master secret.
    var newest: (generation: UInt32, master: Secret) {
        let keyring = keyring
        return (keyring.newest, keyring.generations[keyring.newest]!)  // `newest` is a key of it
    }

    /// The master secret that the file `name` is sealed under. Reads the keyring again where the
    /// generation is not known. Throws `.damaged` where it is in no keyring, `.wrongKey` where the
    /// slot in use has been removed.
    func master(_ generation: UInt32, _ name: String) throws -> Secret {
        if let known = keyring.generations[generation] { return known }
        guard let found = try reread().generations[generation] else {
            throw SnapError(
                .damaged, "\(name): sealed under generation \(generation), not in the keyring")
        }
        return found
    }

    /// The keyring that holds now. Throws `.wrongKey` where the slot in use is not in it.
    @discardableResult
    func reread() throws -> Keyring {
        try rereading.locked {
            let before = state.withLock { $0 }
            let newest = try Self.newest(
                store, before.keys, repository: repository, after: before.keyring)
            // The keys may have been replaced meanwhile, along with a newer keyring.
            state.withLock { if $0.keyring.number < newest.number { $0.keyring = newest } }
            return newest
        }
    }

    /// Goes on with the keys of another slot, and the keyring that has it.
    func replace(_ keys: SlotKeys, _ keyring: Keyring) {
        state.withLock { $0 = State(keys: keys, keyring: keyring) }
    }

    // MARK: Opening

    /// Opens the keyring with the slot that a credential opens. A slot that is in no keyring, left
    /// by an interrupted change or about to be added, is passed over. One that cannot be used is
    /// passed to `warn`. Throws `.wrongKey`.
    static func open(
        _ store: any Store, _ credential: Credential, repository: [UInt8], warn: (String) -> Void
    ) throws -> OpenKeyring {
        var damaged = 0
        var unread: SnapError?
        var removed: SnapError?
        let names = try store.list("slots").map(\.name).filter(Slot.isName).sorted()
        for name in names.prefix(Slot.countMax) {
            var keys: SlotKeys?
            do {
                keys = try read(slot: name, store).open(credential, repository: repository)
            } catch let error as SnapError where error.kind == .notFound {
                // Removed since it was listed.
            } catch {
                let error = SnapError.wrap(error)
                if error.kind == .damaged { damaged += 1 } else { unread = unread ?? error }
                warn("key slot \(name) cannot be used: \(error.message)")
            }
            guard let keys else { continue }
            do {
                let keyring = try newest(store, keys, repository: repository)
                return OpenKeyring(store, repository: repository, keys: keys, keyring: keyring)
            } catch let error as SnapError where error.kind == .wrongKey { removed = error }
        }
        // The one that would have opened may be among them.
        if let unread { throw unread }
        if damaged == names.count {
            throw SnapError(.damaged, "the repository has no usable key slot")
        }
        throw removed
            ?? SnapError(.wrongKey, "wrong password or key file, no key slot opens with it")
    }

    /// A slot whose content is what its name says.
    static func read(slot name: String, _ store: any Store) throws -> Slot {
        let slot = try Slot(try store.read("slots/\(name)", limit: 4096), name: name)
        guard try slot.name() == name else {
            throw SnapError(.damaged, "the content is not what the name says")
        }
        return slot
    }

    /// The keyring that holds, by the newest listing; only those behind `known` are read.
    static func newest(
        _ store: any Store, _ keys: SlotKeys, repository: [UInt8], after known: Keyring? = nil
    ) throws -> Keyring {
        var listing = try store.list("keyring")
        // A listing may show one that came while it ran, and not the one that came before it.
        if NeededFiles.firstGap(listing) != nil { listing = try store.list("keyring") }
        if let path = NeededFiles.firstGap(listing) {
            throw SnapError(.damaged, "\(path): is missing")
        }
        let numbers = listing.compactMap { Keyring.number(ofName: $0.name) }.sorted()
        let newest = numbers.last!  // without a gap there is one
        if let known, newest < known.number {
            throw SnapError(.damaged, "\(Keyring.storeName(known.number)): is missing")
        }
        var predecessor = known
        for number in numbers where number > known?.number ?? 0 {
            let name = Keyring.storeName(number)
            let file = try store.read(name, limit: Keyring.sizeMax)
            // A holder who came later cannot open the first ones; nobody may be left out of the
            // last.
            let opened: Keyring?
            do {
                opened = try Keyring(file, number: number, keys: keys, repository: repository)
            } catch let error as SnapError where error.kind == .wrongKey && number < newest {
                opened = nil
            }
            if predecessor != nil || number == 1 {
                guard try Keyring.continues(file, predecessor, repository: repository) else {
                    throw SnapError(.damaged, "\(name): does not continue its predecessor")
                }
            }
            predecessor = opened
        }
        return predecessor!  // there is one, and the last one was opened or is `known`
    }
}
