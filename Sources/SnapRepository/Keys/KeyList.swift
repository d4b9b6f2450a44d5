// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapStore

/// The keys of a repository, as the keyring and the slot files have them together.
package struct KeyList: Sendable {
    package struct Key: Sendable {
        /// The name of the slot, 16 bytes.
        package let name: [UInt8]
        /// nil for a slot that is in no keyring: it opens nothing.
        package let holder: Holder?
        /// nil where the slot is missing or damaged: nothing opens it.
        package let kind: Slot.Kind?
        /// Whether this process opened the repository with it.
        package let isInUse: Bool

        package var hexName: String { Hex.encode(name) }
        /// Whether its owner can open the repository.
        package var opens: Bool { holder != nil && kind != nil }
    }

    /// The holders in the order of the keyring, then the slots that are in none.
    package let keys: [Key]
    /// The generation that new files are sealed under.
    package let generation: UInt32
    /// The number of the keyring.
    package let keyring: UInt32

    init(_ keyring: Keyring, inUse publicKey: [UInt8], _ store: any Store) throws {
        generation = keyring.newest
        self.keyring = keyring.number
        var keys = try keyring.holders.map { holder in
            let slot = try Self.slot(holder.slotName, store)
            return Key(
                name: holder.slotName, holder: holder,
                kind: slot?.publicKey == holder.publicKey ? slot?.kind : nil,
                isInUse: holder.publicKey == publicKey)
        }
        let named = Set(keyring.holders.map(\.slotName))
        for entry in try store.list("slots").sorted(by: { $0.name < $1.name }) {
            guard Slot.isName(entry.name), let name = Hex.decode(entry.name).map({ Array($0) }),
                !named.contains(name)
            else { continue }
            keys.append(
                Key(
                    name: name, holder: nil, kind: try Self.slot(name, store)?.kind,
                    isInUse: false))
        }
        self.keys = keys
    }

    /// The key that an id, its first digits or a label name. Throws `.notFound`, or `.invalid`
    /// where there are several.
    package func key(_ text: String) throws -> Key {
        let found = keys.filter { key in
            key.holder?.label == text || !text.isEmpty && key.hexName.hasPrefix(text.lowercased())
        }
        if found.count == 1 { return found[0] }
        if found.isEmpty {
            throw SnapError(.notFound, "there is no key '\(text)'; see 'snapfs key list'")
        }
        throw SnapError(
            .invalid, "'\(text)' is ambiguous: \(found.count) keys have it; name one by its id")
    }

    private static func slot(_ name: [UInt8], _ store: any Store) throws -> Slot? {
        do { return try OpenKeyring.read(slot: Hex.encode(name), store) } catch let error
            as SnapError where [.notFound, .damaged, .unsupported].contains(error.kind)
        {
            return nil
        }
    }
}
