// SPDX-License-Identifier: MIT

import SnapBase

/// What a backup did, in numbers. Entries and bytes; bytes stored are after compression.
package struct Totals: Sendable, Equatable {
    package var files: UInt64 = 0
    package var directories: UInt64 = 0
    package var others: UInt64 = 0
    /// Sum of the sizes of all files.
    package var bytes: UInt64 = 0
    package var filesNew: UInt64 = 0
    package var filesChanged: UInt64 = 0
    package var filesUnchanged: UInt64 = 0
    package var bytesRead: UInt64 = 0
    /// New objects, before and after compression.
    package var bytesAdded: UInt64 = 0
    package var bytesStored: UInt64 = 0

    package init() {}
}

/// Something of the source that could not be stored as it is.
package struct SourceProblem: Sendable, Equatable {
    package var path: [UInt8]
    package var message: String

    package init(path: [UInt8], message: String) {
        self.path = path
        self.message = message
    }
}

/// A snapshot: what was backed up, when, by whom, and the root of its tree.
/// See snapfs-format(5), SNAPSHOTS.
package struct Manifest: Sendable, Equatable {
    package enum State: UInt8, Sendable {
        case complete = 0
        case checkpoint = 1
    }
    package enum Source: UInt8, Sendable {
        case files = 1
        case stream = 2
    }

    package static let problemsMax = 1000
    /// Some billion years around 1970, so that sums and differences of times fit.
    package static let secondsRange: ClosedRange<Int64> = -(1 << 55)...(1 << 55)

    /// The error of a manifest that nobody could read again.
    package static func tooLarge(_ size: Int) -> SnapError {
        SnapError(
            .invalid,
            "the record of this snapshot would have \(size) bytes; name fewer or shorter sources, "
                + "such as the directory that holds them")
    }

    /// Whether a snapshot comes before another one; the last of all is the latest. They are named
    /// by seconds, so of one second the one that ended first comes first, now and later.
    package static func isBefore(_ a: Manifest, _ b: Manifest) -> Bool {
        let (first, second) = ((a.time.seconds, a.endTime), (b.time.seconds, b.endTime))
        return first == second ? a.id.lexicographicallyPrecedes(b.id) : first < second
    }

    /// 16 bytes; the id of the session that wrote it.
    package var id: [UInt8]
    package var logicalID: [UInt8]
    package var state: State = .complete
    package var time: Timestamp
    package var endTime: Timestamp
    /// The clock when the reading began: what changed since then, or two seconds before, may have
    /// changed after it was read.
    package var startTime: Timestamp
    package var host = ""
    package var user = ""
    package var job: String?
    package var source: Source = .files
    package var paths: [[UInt8]] = []
    package var tags: [String] = []
    /// The entry of "/", with an empty name.
    package var root: Entry
    package var totals = Totals()
    package var problemCount: UInt64 = 0
    package var problems: [SourceProblem] = []
    package var predecessor: [UInt8]?
    package var collection: UInt64 = 0
    package var program = ""
    package var userNames: [UInt32: String] = [:]
    package var groupNames: [UInt32: String] = [:]
    package var hasXattrs = false

    package init(id: [UInt8], time: Timestamp, root: Entry) {
        self.id = id
        logicalID = id
        self.time = time
        endTime = time
        startTime = time
        self.root = root
    }

    package static let directory = "snapshots"

    package static func storeName(_ id: [UInt8]) -> String { "\(directory)/\(Hex.encode(id))" }

    /// The id of a name in the directory; nil for a foreign one.
    package static func parse(_ name: String) -> [UInt8]? { NameParts.id(name) }

    /// What the same backup has in common, run after run: one of them precedes the next.
    package struct Series: Hashable, Sendable {
        var source: Source
        var host: String
        var job: String?
        var paths: [[UInt8]]
    }

    package var series: Series { Series(source: source, host: host, job: job, paths: paths) }

    package var hexID: String { Hex.encode(id) }

    package var fields: [UInt8] {
        var fields = FieldWriter()
        fields.add(1, id)
        fields.add(2, logicalID)
        fields.add(3, integer: state.rawValue)
        fields.add(4, Self.encode(time))
        fields.add(5, Self.encode(endTime))
        fields.add(6, host)
        fields.add(7, user)
        if let job { fields.add(8, job) }
        fields.add(9, integer: source.rawValue)
        for path in paths { fields.add(10, path) }
        for tag in tags { fields.add(11, tag) }
        fields.add(12, DirectoryEncoder.leaf([root]))
        fields.add(13, Self.encode(totals))
        fields.add(14, integer: problemCount)
        for problem in problems.prefix(Self.problemsMax) {
            var value = ByteWriter()
            let path = problem.path.prefix(Int(UInt16.max))
            value.u16(UInt16(path.count))
            value.append(path)
            value.append(Array(problem.message.utf8))
            fields.add(15, value.bytes)
        }
        if let predecessor { fields.add(16, predecessor) }
        fields.add(17, integer: collection)
        fields.add(18, program)
        for (tag, names) in [(UInt16(19), userNames), (20, groupNames)] {
            for (number, name) in names.sorted(by: { $0.key < $1.key }) {
                var value = ByteWriter()
                value.u32(number)
                value.append(Array(name.utf8))
                fields.add(tag, value.bytes)
            }
        }
        fields.add(21, integer: UInt32(hasXattrs ? 1 : 0))
        fields.add(22, Self.encode(startTime))
        return fields.finished(paddedTo: 4096, less: FileKey.overhead)
    }

    package init(fields plain: [UInt8], id: [UInt8]) throws {
        let name = Self.storeName(id)
        var fields = try FieldReader(plain, name: name, terminated: true)
        self.id = try fields.required(1, count: 16)
        guard self.id == id else { throw fields.damaged("is another snapshot") }
        logicalID = try fields.required(2, count: 16)
        guard let state = State(rawValue: try fields.integer(3, UInt8.self)) else {
            throw fields.damaged("unknown state")
        }
        self.state = state
        time = try Self.timestamp(try fields.required(4, count: 12), name)
        endTime = try Self.timestamp(try fields.required(5, count: 12), name)
        host = try fields.text(6)
        user = try fields.text(7)
        job = try fields.optional(8).map { String(decoding: $0, as: UTF8.self) }
        guard let source = Source(rawValue: try fields.integer(9, UInt8.self)) else {
            throw SnapError(.unsupported, "\(name): unknown kind of source; update snapfs")
        }
        self.source = source
        paths = fields.list(10)
        tags = fields.list(11).map { String(decoding: $0, as: UTF8.self) }
        let node = try DirectoryNode(try fields.required(12), root: true)
        guard node.level == 0, node.count == 1, node.attributes(at: 0).isDirectory else {
            throw fields.damaged("the root is not one directory")
        }
        root = try node.entry(at: 0)
        totals = try Self.totals(try fields.required(13, count: 80), name)
        problemCount = try fields.integer(14, UInt64.self)
        problems = try fields.list(15).map { value in
            var reader = ByteReader(value, name: name)
            let path = try reader.take(Int(try reader.u16()))
            let message = try reader.take(reader.remaining)
            return SourceProblem(path: path, message: String(decoding: message, as: UTF8.self))
        }
        predecessor = try fields.optional(16, count: 16)
        collection = try fields.integer(17, UInt64.self)
        program = try fields.text(18)
        userNames = try Self.names(fields.list(19), name)
        groupNames = try Self.names(fields.list(20), name)
        hasXattrs = try fields.integer(21, UInt32.self) & 1 != 0
        startTime = try Self.timestamp(try fields.required(22, count: 12), name)
        try fields.finish()
    }

    private static func encode(_ time: Timestamp) -> [UInt8] {
        var writer = ByteWriter(capacity: 12)
        writer.i64(time.seconds)
        writer.u32(time.nanoseconds)
        return writer.bytes
    }

    private static func timestamp(_ bytes: [UInt8], _ name: String) throws -> Timestamp {
        var reader = ByteReader(bytes, name: name)
        let time = Timestamp(seconds: try reader.i64(), nanoseconds: try reader.u32())
        guard time.nanoseconds < 1_000_000_000, secondsRange.contains(time.seconds) else {
            throw reader.damaged("time out of range")
        }
        return time
    }

    private static func encode(_ totals: Totals) -> [UInt8] {
        var writer = ByteWriter(capacity: 80)
        for value in [
            totals.files, totals.directories, totals.others, totals.bytes, totals.filesNew,
            totals.filesChanged, totals.filesUnchanged, totals.bytesRead, totals.bytesAdded,
            totals.bytesStored,
        ] { writer.u64(value) }
        return writer.bytes
    }

    private static func totals(_ bytes: [UInt8], _ name: String) throws -> Totals {
        var reader = ByteReader(bytes, name: name)
        var totals = Totals()
        totals.files = try reader.u64()
        totals.directories = try reader.u64()
        totals.others = try reader.u64()
        totals.bytes = try reader.u64()
        totals.filesNew = try reader.u64()
        totals.filesChanged = try reader.u64()
        totals.filesUnchanged = try reader.u64()
        totals.bytesRead = try reader.u64()
        totals.bytesAdded = try reader.u64()
        totals.bytesStored = try reader.u64()
        return totals
    }

    private static func names(_ values: [[UInt8]], _ name: String) throws -> [UInt32: String] {
        var names: [UInt32: String] = [:]
        for value in values {
            var reader = ByteReader(value, name: name)
            let number = try reader.u32()
            names[number] = String(
                decoding: try reader.take(reader.remaining), as: UTF8.self)
        }
        return names
    }
}
