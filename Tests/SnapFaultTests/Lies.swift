// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat
import SnapZstd

@testable import SnapRepository

extension Lie {
    // MARK: Names

    static let names: [Lie] =
        [
            ("dot", "."), ("dot dot", ".."), ("slash", "/"), ("a path", "a/b"), ("empty", ""),
            ("zero byte", "a\0b"), ("256 bytes", String(repeating: "x", count: 256)),
        ].map { what, name in
            Lie("a name that is \(what)") {
                try $0.directory([HostileRepository.empty(Array(name.utf8))])
            }
        } + [
            Lie("a name twice") {
                try $0.directory([HostileRepository.empty([0x61]), HostileRepository.empty([0x61])])
            },
            Lie("names out of order") {
                try $0.directory([HostileRepository.empty([0x62]), HostileRepository.empty([0x61])])
            },
            Lie("a target with a zero byte") {
                var link = Entry(name: [0x61], attributes: Attributes(mode: 0o120777))
                link.target = [0x2f, 0, 0x61]
                return try $0.directory([link])
            },
            Lie("a target of a file") {
                var file = HostileRepository.empty([0x61])
                file.target = [0x2f]
                return try $0.directory([file])
            },
            Lie("a type that is none") {
                try $0.directory([Entry(name: [0x61], attributes: Attributes(mode: 0o777))])
            },
        ]

    // MARK: Counts

    static let counts: [Lie] = [
        Lie("an entry counts more than there is") {
            var root = try $0.directory([HostileRepository.empty([0x61])])
            root.attributes.count = 1000
            return root
        },
        Lie("an entry counts almost everything") {
            var below = try $0.directory([HostileRepository.empty([0x61])])
            below.attributes.count = (1 << 40) - 2
            return try $0.directory([below])
        },
        Lie("counts overflow") {
            let below = try $0.directory([HostileRepository.empty([0x61])])
            let leaf = patched(DirectoryEncoder.leaf([below]), [32 + 48: .max])
            var root = HostileRepository.directory("", try $0.add(.directory, leaf))
            root.attributes.count = 2
            return root
        },
        Lie("sizes overflow") {
            let chunk = try $0.add(.data, [1])
            let files = ["a", "b", "c"].map { HostileRepository.file($0, .chunk(chunk), size: 1) }
            let huge = UInt64(Int64.max)
            let leaf = patched(
                DirectoryEncoder.leaf(files), [32 + 40: huge, 160 + 40: huge, 288 + 40: huge])
            var root = HostileRepository.directory("", try $0.add(.directory, leaf))
            root.attributes.count = 3
            root.attributes.size = 3
            return root
        },
        Lie("a directory that holds itself") {
            let id = $0.newID()
            var own = HostileRepository.directory("a", id)
            own.attributes.count = 5
            try $0.add(.directory, DirectoryEncoder.leaf([own]), id: id)
            var root = HostileRepository.directory("", id)
            root.attributes.count = 6
            return root
        },
        Lie("a record count past the node") {
            var node = DirectoryEncoder.leaf([HostileRepository.empty([0x61])])
            for index in 4..<8 { node[index] = 0xff }
            var root = HostileRepository.directory("", try $0.add(.directory, node))
            root.attributes.count = 1
            return root
        },
        Lie("an empty directory with content") {
            let id = try $0.add(.directory, DirectoryEncoder.leaf([]))
            return HostileRepository.directory("", id)
        },
        Lie("a root that is a file") {
            HostileRepository.file("", .chunk(try $0.add(.data, [1])), size: 1)
        },
    ]

    /// Bytes with other numbers at some offsets.
    static func patched(_ bytes: [UInt8], _ numbers: [Int: UInt64]) -> [UInt8] {
        var bytes = bytes
        for (offset, number) in numbers {
            withUnsafeBytes(of: number.littleEndian) {
                bytes.replaceSubrange(offset..<offset + 8, with: $0)
            }
        }
        return bytes
    }

    // MARK: Levels

    /// A child as an index node has it.
    struct Child {
        var name: String
        var entries: UInt64
        var below: UInt64
        var bytes: UInt64 = 0
        var id: ObjectID
    }

    static func indexNode(level: UInt8, _ children: [Child]) -> [UInt8] {
        var records = ByteWriter()
        var heap = ByteWriter()
        records.append([level, 0, 0, 0])
        records.u32(UInt32(children.count))
        records.u64(children.reduce(0) { $0 &+ $1.below })
        records.u64(children.reduce(0) { $0 &+ $1.bytes })
        records.u64(0)
        for child in children {
            records.u32(UInt32(32 + children.count * 64 + heap.count))
            records.u16(UInt16(child.name.utf8.count))
            records.u16(0)
            records.u64(child.entries)
            records.u64(child.below)
            records.u64(child.bytes)
            records.append(child.id)
            heap.append(Array(child.name.utf8))
        }
        records.append(heap.bytes)
        return records.bytes
    }

    /// A root over an index node.
    private static func indexed(
        _ repository: HostileRepository, level: UInt8 = 1, id: ObjectID? = nil, _ children: [Child]
    ) throws -> Entry {
        let id = try repository.add(.directory, indexNode(level: level, children), id: id)
        var root = HostileRepository.directory("", id)
        root.attributes.count = children.reduce(0) { $0 &+ $1.below }
        return root
    }

    private static func leaf(_ repository: HostileRepository, _ names: String...) throws -> ObjectID
    {
        try repository.add(
            .directory, DirectoryEncoder.leaf(names.map { HostileRepository.empty(Array($0.utf8)) })
        )
    }

    static let levels: [Lie] = [
        Lie("an index node that holds itself") {
            let id = $0.newID()
            return try indexed($0, id: id, [Child(name: "a", entries: 1, below: 5, id: id)])
        },
        Lie("a level is left out") {
            try indexed($0, level: 3, [Child(name: "a", entries: 1, below: 1, id: leaf($0, "a"))])
        },
        Lie("a level that is none") {
            try indexed($0, level: 200, [Child(name: "a", entries: 1, below: 1, id: leaf($0, "a"))])
        },
        Lie("a child with less below") {
            try indexed($0, [Child(name: "a", entries: 1, below: 9, id: leaf($0, "a"))])
        },
        Lie("a child that hides its entries") {
            try indexed(
                $0,
                [
                    Child(name: "a", entries: 0, below: 2, id: leaf($0, "a", "b")),
                    Child(name: "c", entries: 1, below: 1, id: leaf($0, "c")),
                ])
        },
        Lie("a child with fewer entries than are said to be") {
            try indexed($0, [Child(name: "a", entries: 1 << 62, below: 2, id: leaf($0, "a", "b"))])
        },
        Lie("a child that begins with another name") {
            try indexed(
                $0,
                [
                    Child(name: "a", entries: 1, below: 1, id: leaf($0, "zz")),
                    Child(name: "b", entries: 1, below: 1, id: leaf($0, "b")),
                ])
        },
        Lie("no children") { try indexed($0, []) },
        Lie("a child that is a list") {
            let list = ListNode(level: 0, extents: [Extent(end: 1, id: nil)])
            return try indexed(
                $0,
                [
                    Child(name: "a", entries: 1, below: 1, id: $0.add(.list, list.bytes))
                ])
        },
    ]
}

extension Lie {
    // MARK: Files

    private static func file(
        _ name: String, size: UInt64,
        _ content: @escaping @Sendable (HostileRepository, _ chunk: ObjectID) throws -> Content
    ) -> Lie {
        Lie(name) {
            let chunk = try $0.add(.data, [UInt8](repeating: 1, count: 1000))
            return try $0.directory([
                HostileRepository.file("a", try content($0, chunk), size: size)
            ])
        }
    }

    private static func list(
        _ repository: HostileRepository, _ level: UInt8, _ extents: [Extent], id: ObjectID? = nil
    ) throws -> Content {
        .list(
            try repository.add(.list, ListNode(level: level, extents: extents).bytes, id: id))
    }

    private static let huge = UInt64(Int64.max)

    static let files: [Lie] = [
        file("a chunk shorter than the file", size: 1001) { .chunk($1) },
        file("a chunk shorter than the file by far", size: huge) { .chunk($1) },
        file("an object that is nowhere", size: 10) { repository, _ in .chunk(repository.newID()) },
        file("extents past the size", size: 500) {
            .extents([Extent(end: 600, id: $1), Extent(end: 900, id: nil)])
        },
        file("extents that end early", size: 500) { .extents([Extent(end: 400, id: $1)]) },
        file("extents that go back", size: 500) {
            .extents([Extent(end: 600, id: $1), Extent(end: 500, id: $1)])
        },
        file("an offset past the chunk", size: huge) {
            .extents([Extent(end: huge, offset: .max, id: $1)])
        },
        file("a list past the size", size: 500) {
            try list($0, 0, [Extent(end: 200, id: $1), Extent(end: 900, id: $1)])
        },
        file("a list that ends early", size: 500) { try list($0, 0, [Extent(end: 200, id: $1)]) },
        file("a list past everything", size: 500) {
            try list($0, 0, [Extent(end: huge, offset: 3, id: $1)])
        },
        file("a list of itself", size: 500) { repository, _ in
            let id = repository.newID()
            return try list(repository, 8, [Extent(end: 500, id: id)], id: id)
        },
        file("a list level that is left out", size: 500) { repository, chunk in
            let below = try repository.add(
                .list, ListNode(level: 0, extents: [Extent(end: 500, id: chunk)]).bytes)
            return try list(repository, 2, [Extent(end: 500, id: below)])
        },
        file("a list whose child ends before it", size: 500) { repository, chunk in
            let below = try repository.add(
                .list, ListNode(level: 0, extents: [Extent(end: 100, id: chunk)]).bytes)
            return try list(repository, 1, [Extent(end: 500, id: below)])
        },
        file("a list with a child twice", size: 500) { repository, chunk in
            let below = try repository.add(
                .list, ListNode(level: 0, extents: [Extent(end: 250, id: chunk)]).bytes)
            return try list(
                repository, 1, [Extent(end: 250, id: below), Extent(end: 500, id: below)])
        },
        file("a hole among list nodes", size: 500) { repository, _ in
            try list(repository, 1, [Extent(end: 500, id: nil)])
        },
        file("a list without extents", size: 500) { repository, _ in try list(repository, 0, []) },
        file("a directory as a list", size: 500) { repository, _ in
            .list(try repository.add(.directory, DirectoryEncoder.leaf([])))
        },
        file("inline content of another size", size: 500) { _, _ in .inline([1, 2, 3]) },
        file("content without a size", size: 0) { .chunk($1) },
        file("a size without content", size: 500) { _, _ in .none },
        file("a directory as content", size: 500) { .directory($1) },
    ]

    // MARK: Records and index

    /// A record whose head says another size than its content has.
    private static func head(_ size: UInt32, codec: UInt8) -> [UInt8] {
        let word = size | UInt32(codec) << 24
        return withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }

    private static func frame(_ count: Int) -> [UInt8] {
        let plain = [UInt8](repeating: 1, count: count)
        var out = [UInt8](repeating: 0, count: count + 1000)
        let size = plain.withUnsafeBytes { plain in
            out.withUnsafeMutableBytes { Compressor(level: 3).compress(plain, into: $0)! }
        }
        return Array(out[..<size])
    }

    private static func record(_ name: String, _ record: @escaping @Sendable () -> [UInt8]) -> Lie {
        Lie(name) {
            let chunk = $0.add(.data, record: record(), length: 1000)
            return try $0.directory([HostileRepository.file("a", .chunk(chunk), size: 1000)])
        }
    }

    private static func index(
        _ name: String, _ lie: @escaping @Sendable (inout IndexEntry) -> Void
    ) -> Lie {
        Lie(name) {
            let chunk = try $0.add(.data, [UInt8](repeating: 1, count: 1000))
            $0.lie = { if $0.id == chunk { lie(&$0) } }
            return try $0.directory([HostileRepository.file("a", .chunk(chunk), size: 1000)])
        }
    }

    static let records: [Lie] = [
        record("a frame larger than its head says") { head(1000, codec: 1) + frame(4 << 20) },
        record("a frame smaller than its head says") { head(4 << 20, codec: 1) + frame(1000) },
        record("a head of 16 MiB") { head(0xff_ffff, codec: 1) + frame(1000) },
        record("no frame") { head(1000, codec: 1) },
        record("a frame that is none") { head(1000, codec: 1) + [UInt8](repeating: 9, count: 50) },
        record("stored bytes of another count") { head(1000, codec: 0) + [1, 2, 3] },
        record("an empty record") { head(0, codec: 0) },
        record("an empty frame") { head(0, codec: 1) + frame(0) },
        index("an offset past the record") { $0.offset = 0xff_ffff },
        index("a length that is not the file's") { $0.length = 10 },
        index("a record past the pack") { $0.record.offset = .max },
        index("a record larger than any") { $0.record.size = 0xff_ffff },
        index("a record of nothing") { $0.record.size = 0 },
        index("a record at the header") { $0.record.offset = 0 },
        index("a record between records") { $0.record.offset += 1 },
        index("a pack that is none") { $0.pack = 0xff_ffff },
    ]

    // MARK: Extended attributes

    private static func xattrs(
        _ name: String,
        _ xattrs: @escaping @Sendable (HostileRepository) throws -> ExtendedAttributes
    ) -> Lie {
        Lie(name) {
            var entry = HostileRepository.empty([0x61])
            entry.xattrs = try xattrs($0)
            return try $0.directory([entry])
        }
    }

    static let xattrs: [Lie] = [
        xattrs("attributes of 4 GiB") {
            .object(try $0.add(.data, [1, 0, 1, 0, 0, 0, 0x61, 0x62]), length: .max)
        },
        xattrs("attributes shorter than their object") {
            .object(try $0.add(.data, [1, 0, 1, 0, 0, 0, 0x61, 0x62]), length: 7)
        },
        xattrs("attributes that are nowhere") { .object($0.newID(), length: 10) },
        xattrs("a value of 4 GiB") { _ in .inline([1, 0, 255, 255, 255, 255, 0x61, 0x62]) },
        xattrs("a name past the run") { _ in .inline([255, 255, 0, 0, 0, 0, 0x61]) },
        xattrs("an empty name") { _ in .inline([0, 0, 1, 0, 0, 0, 0x62]) },
        xattrs("a zero byte in a name") { _ in .inline([1, 0, 0, 0, 0, 0, 0]) },
        xattrs("an attribute twice") { _ in
            .inline([1, 0, 0, 0, 0, 0, 0x61, 1, 0, 0, 0, 0, 0, 0x61])
        },
    ]
}
