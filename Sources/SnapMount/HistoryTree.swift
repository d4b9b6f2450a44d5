// SPDX-License-Identifier: MIT
//
// The virtual tree above the snapshots: latest, snapshots/, hosts/, tags/ and the root of history/.
// Built anew from the listed manifests whenever they change; nodes keep their numbers for the life
// of the mount, so what the kernel still knows stays right.

import SnapBase
import SnapFormat
import SnapView

/// A state of the virtual tree. Immutable.
struct HistoryTree: Sendable {
    enum Node: Sendable {
        /// Names in order, with their nodes.
        case directory([(name: [UInt8], node: UInt64)])
        case link(target: [UInt8])
        /// The root of history/.
        case paths
    }

    private(set) var nodes: [UInt64: Node] = [:]
    /// Those shown, in their order.
    let snapshots: [NumberedView]
    /// Their names in snapshots/ by slot, and the other way round.
    let names: [Int: String]
    let slots: [[UInt8]: Int]
    /// Changes with every state; becomes the directories' mtime.
    let time: Timestamp
    /// Tells the states apart.
    let generation: UInt64

    static let root: UInt64 = 1

    /// The snapshots to show, oldest first. Without `hasLatest` there is no such link: when a
    /// manifest cannot be read, which one is the latest is not known.
    init(
        _ shown: [(manifest: Manifest, slot: Int, view: SnapshotView)], hasLatest: Bool,
        numbers: NodeNumbers, time: Timestamp
    ) {
        snapshots = NumberedView.list(shown.map { (number: $0.slot, view: $0.view) })
        self.time = time
        generation = numbers.newGeneration()
        let list = SnapshotNames.names(shown.map(\.manifest))
        // A slot is that of one snapshot. Two snapshots may be made to have one name: then it is
        // the first that answers to it.
        names = Dictionary(uniqueKeysWithValues: zip(shown.map(\.slot), list))
        slots = Dictionary(
            zip(list.map { Array($0.utf8) }, shown.map(\.slot)),
            uniquingKeysWith: { first, _ in first })
        var hosts: [String: [(String, String)]] = [:]
        var tags: [String: [(String, String)]] = [:]
        var entries: [(name: [UInt8], node: UInt64)] = []
        for ((manifest, slot, _), name) in zip(shown, list) {
            entries.append((Array(name.utf8), NodeNumber.number(slot: slot, rank: 0)))
            hosts[Self.fileName(manifest.host), default: []].append((name, name))
            for tag in Set(manifest.tags.map(Self.fileName)) {
                tags[tag, default: []].append((name, name))
            }
        }
        var root: [(name: [UInt8], node: UInt64)] = []
        if hasLatest, let newest = list.last {
            // Another target is another node: the kernel keeps what it has read of a link.
            let node = numbers.number("latest/\(newest)")
            nodes[node] = .link(target: Array("snapshots/\(newest)".utf8))
            root.append((Array("latest".utf8), node))
        }
        root.append(add("snapshots", entries, numbers))
        root.append(groups("hosts", hosts, numbers))
        root.append(groups("tags", tags, numbers))
        let history = numbers.number("history")
        nodes[history] = .paths
        root.append((Array("history".utf8), history))
        nodes[Self.root] = .directory(root.sorted { $0.name.lexicographicallyPrecedes($1.name) })
    }

    private mutating func add(
        _ name: String, _ entries: [(name: [UInt8], node: UInt64)], _ numbers: NodeNumbers
    ) -> (name: [UInt8], node: UInt64) {
        let node = numbers.number(name)
        nodes[node] = .directory(entries.sorted { $0.name.lexicographicallyPrecedes($1.name) })
        return (Array(String(name.split(separator: "/").last!).utf8), node)
    }

    /// A directory of directories of links into snapshots/.
    private mutating func groups(
        _ kind: String, _ groups: [String: [(String, String)]], _ numbers: NodeNumbers
    ) -> (name: [UInt8], node: UInt64) {
        var entries: [(name: [UInt8], node: UInt64)] = []
        for (group, links) in groups {
            var below: [(name: [UInt8], node: UInt64)] = []
            for (name, snapshot) in links {
                let node = numbers.number("\(kind)/\(group)/\(name)")
                nodes[node] = .link(target: Array("../../snapshots/\(snapshot)".utf8))
                below.append((Array(name.utf8), node))
            }
            entries.append(add("\(kind)/\(group)", below, numbers))
        }
        return add(kind, entries, numbers)
    }

    /// A host or tag as one name in a directory.
    static func fileName(_ text: String) -> String {
        let name = String(text.map { $0 == "/" || $0 == "\0" ? "_" : $0 })
        if name.isEmpty || name == "." || name == ".." { return "_" + name }
        return String(decoding: Array(name.utf8.prefix(255)), as: UTF8.self)
    }
}

/// Numbers of virtual nodes by their path: the same path keeps its number. And of the states of the
/// tree. Used under its owner's lock.
final class NodeNumbers {
    private var generations: UInt64 = 0
    private var numbers: [String: UInt64] = [:]
    private var next = HistoryTree.root + 1

    func number(_ path: String) -> UInt64 {
        if let number = numbers[path] { return number }
        defer { next += 1 }
        numbers[path] = next
        return next
    }

    func newGeneration() -> UInt64 {
        generations += 1
        return generations
    }
}
