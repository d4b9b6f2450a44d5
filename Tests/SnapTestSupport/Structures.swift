// SPDX-License-Identifier: MIT
//
// One decoder per structure of the format, as the vectors, the mutation tests and the fuzzers use
// it: bytes and their context in, what was found and the bytes encoded again out. Throws SnapError
// for what it refuses, and nothing else.

import SnapBase
import SnapCrypto
import SnapFormat

/// What a decoder found, as the `value.` lines of a vector say it.
package struct Decoded {
    package var values: [String: String]
    /// The structure encoded again; nil where the encoder draws random numbers.
    package var encoded: [UInt8]?

    init(_ values: [String: String], encoded: [UInt8]? = nil) {
        self.values = values
        self.encoded = encoded
    }
}

package enum Structure: String, CaseIterable, Sendable {
    case fields, container, slot, keyring, derived, marker, configuration, session, heartbeat
    case abort, note, audit
    case collectionStart = "collection-start"
    case collectionEnd = "collection-end"
    case list, xattrs, directory, root, record, trailer, footer, pack
    case indexEntry = "index-entry"
    case packDescription = "pack-description"
    case indexHeader = "index-header"
    case segment, manifest
    /// A manifest with fields that are skipped, and so not encoded again.
    case manifestDecode = "manifest-decode"
    case chunks

    package func decode(_ vector: Vector) throws -> Decoded {
        switch self {
        case .fields: try Self.fields(vector)
        case .container: try Self.container(vector)
        case .slot: try Self.slot(vector)
        case .keyring: try Self.keyring(vector)
        case .derived: try Self.derived(vector)
        case .marker: try Self.marker(vector)
        case .configuration: try Self.configuration(vector)
        case .session: try Self.session(vector)
        case .heartbeat: try Self.heartbeat(vector)
        case .abort: try Self.abort(vector)
        case .note: try Self.note(vector)
        case .audit: try Self.audit(vector)
        case .collectionStart: try Self.collectionStart(vector)
        case .collectionEnd: try Self.collectionEnd(vector)
        case .list: try Self.list(vector)
        case .xattrs: try Self.xattrs(vector)
        case .directory: try Self.directory(vector, root: false)
        case .root: try Self.directory(vector, root: true)
        case .record: try Self.record(vector)
        case .trailer: try Self.trailer(vector)
        case .footer: try Self.footer(vector)
        case .pack: try Self.pack(vector)
        case .indexEntry: try Self.indexEntry(vector)
        case .packDescription: try Self.packDescription(vector)
        case .indexHeader: try Self.indexHeader(vector)
        case .segment: try Self.segment(vector)
        case .manifest: try Self.manifest(vector, encode: true)
        case .manifestDecode: try Self.manifest(vector, encode: false)
        case .chunks: try Self.chunks(vector)
        }
    }

    // MARK: Fields, containers

    private static func fields(_ vector: Vector) throws -> Decoded {
        let terminated = try vector.text("terminated") == "yes"
        var reader = try FieldReader(vector.bytes, name: vector.name, terminated: terminated)
        var writer = FieldWriter()
        let first = try reader.optional(1)
        let second = reader.list(2)
        let later = reader.list(0x8001)
        try reader.finish()
        if let first { writer.add(1, first) }
        for value in second { writer.add(2, value) }
        for value in later { writer.add(0x8001, value) }
        return Decoded(
            [
                "1": Hex.encode(first ?? []),
                "2": second.map { Hex.encode($0) }.joined(separator: ","),
            ],
            encoded: terminated
                ? writer.finished(paddedTo: vector.bytes.count, less: 0) : writer.bytes)
    }

    private static func container(_ vector: Vector) throws -> Decoded {
        let name = try vector.text("name")
        let header = try ContainerHeader(
            Array(vector.bytes.prefix(ContainerHeader.size)), name: name)
        let master = Secret(try vector.hex("master"))
        let repository = try vector.hex("repository")
        let kind = FileKind(rawValue: try vector.number("kind"))!
        let key = try FileKey(
            header, kind: kind, master: master, repository: repository, name: name)
        let plain = try key.open(
            at: 80, role: .last, storeName: name,
            Array(vector.bytes.dropFirst(ContainerHeader.size)), name: name)
        let again = try FileKey(
            kind: kind, generation: header.generation, salt: header.salt, master: master,
            repository: repository)
        return Decoded(
            ["plain": Hex.encode(plain), "generation": "\(header.generation)"],
            encoded: try again.sealFile(plain, storeName: name))
    }

    // MARK: Keys

    private static func slot(_ vector: Vector) throws -> Decoded {
        let slot = try Slot(vector.bytes, name: vector.name)
        let credential: Credential =
            vector.header["password"] != nil
            ? .password(Secret(try vector.hex("password")))
            : .keyFile(Secret(try vector.hex("keyfile")))
        guard let keys = try slot.open(credential, repository: try vector.hex("repository")) else {
            throw SnapError(.wrongKey, "another slot's")
        }
        let stretching = Stretching(
            logN: vector.bytes[6], r: vector.bytes[7], p: vector.bytes[8])
        let again = try Slot(
            credential, keys: keys, stretching: stretching, salt: Array(vector.bytes[16..<48]),
            repository: try vector.hex("repository"))
        return Decoded(
            [
                "public": Hex.encode(slot.publicKey), "name": try slot.name(),
                "secret": keys.agreement.secret.hex, "mac": keys.mac.hex,
            ], encoded: again.file)
    }

    private static func keyring(_ vector: Vector) throws -> Decoded {
        let repository = try vector.hex("repository")
        let keys = SlotKeys(
            agreement: try AgreementKey(secret: Secret(try vector.hex("secret"))),
            mac: Secret(try vector.hex("mac")))
        let keyring = try Keyring(
            vector.bytes, number: try vector.number("number"), keys: keys, repository: repository)
        var predecessor: Keyring?
        if vector.header["predecessor"] != nil {
            predecessor = keyring
            predecessor?.generations = [0: Secret(try vector.hex("predecessor"))]
        }
        guard try Keyring.continues(vector.bytes, predecessor, repository: repository) else {
            throw SnapError(.damaged, "does not continue its predecessor")
        }
        var encoded: [UInt8]?
        if vector.header["ephemeral"] != nil {
            let draws = Keyring.Draws(
                ephemeral: try AgreementKey(secret: Secret(try vector.hex("ephemeral"))),
                content: Secret(try vector.hex("content")), salt: try vector.hex("salt"))
            encoded = try keyring.sealed(
                mac: keys.mac, predecessor: predecessor, repository: repository, draws: draws)
        }
        let generations = keyring.generations.sorted { $0.key < $1.key }
        return Decoded(
            [
                "generations": generations.map { "\($0.key):\($0.value.hex)" }
                    .joined(separator: ","),
                "newest": "\(keyring.newest)",
                "labels": Hex.encode(keyring.holders.map(\.label).joined(separator: ",").utf8),
                "created": keyring.holders.map { "\($0.created)" }.joined(separator: ","),
            ], encoded: encoded)
    }

    private static func derived(_ vector: Vector) throws -> Decoded {
        let keys = try DerivedKeys(master: Secret(try vector.hex("master")))
        let split = try keys.splitCode(name: vector.bytes)
        let group = try keys.linkGroup(
            device: try vector.number("device"), inode: try vector.number("inode"))
        return Decoded([
            "data": try keys.id(.data, vector.bytes).hex,
            "list": try keys.id(.list, vector.bytes).hex,
            "directory": try keys.id(.directory, vector.bytes).hex,
            "chunker": keys.chunker.hex, "split": "\(split.leaf),\(split.index)",
            "link-group": "\(group)",
        ])
    }

    // MARK: Small files

    private static func marker(_ vector: Vector) throws -> Decoded {
        let id = try Marker.repository(vector.bytes)
        return Decoded(["repository": Hex.encode(id)], encoded: Marker.bytes(repository: id))
    }

    private static func configuration(_ vector: Vector) throws -> Decoded {
        let found = try Configuration(
            fields: vector.bytes, repository: try vector.hex("repository"))
        var values = [
            "minimum": "\(found.chunking.minimum)", "target": "\(found.chunking.target)",
            "maximum": "\(found.chunking.maximum)",
        ]
        values["chunker"] = found.chunkerKey.map { $0.withBytes { Hex.encode(Array($0)) } }
        return Decoded(values, encoded: found.fields)
    }

    private static func manifest(_ vector: Vector, encode: Bool) throws -> Decoded {
        let m = try Manifest(fields: vector.bytes, id: try vector.hex("id"))
        func names(_ names: [UInt32: String]) -> String {
            names.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",")
        }
        let t = m.totals
        let totals = [
            t.files, t.directories, t.others, t.bytes, t.filesNew, t.filesChanged, t.filesUnchanged,
            t.bytesRead, t.bytesAdded, t.bytesStored,
        ]
        var values: [String: String] = [:]
        values["logical"] = Hex.encode(m.logicalID)
        values["state"] = "\(m.state.rawValue)"
        values["time"] = "\(m.time.seconds).\(m.time.nanoseconds)"
        values["end"] = "\(m.endTime.seconds).\(m.endTime.nanoseconds)"
        values["start"] = "\(m.startTime.seconds).\(m.startTime.nanoseconds)"
        values["host"] = Hex.encode(m.host.utf8)
        values["user"] = Hex.encode(m.user.utf8)
        values["job"] = m.job.map { Hex.encode($0.utf8) }
        values["source"] = "\(m.source.rawValue)"
        values["paths"] = m.paths.map { Hex.encode($0) }.joined(separator: ",")
        values["tags"] = Hex.encode(m.tags.joined(separator: ",").utf8)
        values["root-count"] = "\(m.root.attributes.count)"
        values["totals"] = totals.map { "\($0)" }.joined(separator: ",")
        values["problems"] = "\(m.problemCount)"
        values["problem"] = m.problems.map {
            "\(Hex.encode($0.path)):\(Hex.encode($0.message.utf8))"
        }.joined(separator: ",")
        values["predecessor"] = m.predecessor.map { Hex.encode($0) }
        values["collection"] = "\(m.collection)"
        values["program"] = Hex.encode(m.program.utf8)
        values["users"] = names(m.userNames)
        values["groups"] = names(m.groupNames)
        values["xattrs"] = m.hasXattrs ? "yes" : "no"
        return Decoded(values, encoded: encode ? m.fields : nil)
    }
}

extension Secret {
    /// For tests only, whose secrets are none.
    package var hex: String { withBytes { Hex.encode($0) } }
}
