// SPDX-License-Identifier: MIT
//
// How `ls` and `find` show an entry of a snapshot: its path, a line like that of ls(1), or JSON.

import SnapBase
import SnapFormat
import SnapView

struct EntryLine {
    enum Style { case path, long }

    struct Message {
        let name: String
        let nameB64: String?
        let type: String
        let path: String
        let pathB64: String?
        let uid, gid: UInt32
        let user, group: String?
        /// Bytes of content; for a directory of all files below it.
        let size: UInt64
        let mode: UInt16
        let permissions: String
        let mtime: String
        let inode: UInt64?
        let links: UInt32
        let linktarget: String?
        let linktargetB64: String?
        let device: String?

        /// The JSON object.
        var json: [UInt8] {
            var object = JSONObject()
            object.add("device", device)
            object.add("gid", gid)
            object.add("group", group)
            object.add("inode", inode)
            object.add("links", links)
            object.add("linktarget", linktarget)
            object.add("linktarget_b64", linktargetB64)
            object.add("message_type", "node")
            object.add("mode", mode)
            object.add("mtime", mtime)
            object.add("name", name)
            object.add("name_b64", nameB64)
            object.add("path", path)
            object.add("path_b64", pathB64)
            object.add("permissions", permissions)
            object.add("size", size)
            object.add("type", type)
            object.add("uid", uid)
            object.add("user", user)
            return object.finished
        }
    }

    private let view: SnapshotView

    init(_ view: SnapshotView) { self.view = view }

    /// The line of an entry in the style asked for.
    func text(_ place: Place, path: [UInt8], _ style: Style) throws -> Text {
        if style == .path { return "\(name: path)" }
        let entry = try view.entry(place)
        let attributes = entry.attributes
        let columns = [
            Format.mode(UInt32(attributes.mode)),
            Self.padded(user(attributes.uid), 8), Self.padded(group(attributes.gid), 8),
            Self.right(Self.device(attributes) ?? String(attributes.size), 10),
            Self.clock(attributes.mtime),
        ].joined(separator: " ")
        if attributes.isSymlink { return "\(columns) \(name: path) -> \(name: entry.target)" }
        return "\(columns) \(name: path)"
    }

    func message(_ place: Place, path: [UInt8]) throws -> Message {
        let entry = try view.entry(place)
        let attributes = entry.attributes
        let (name, path) = (JSONName(entry.name), JSONName(path))
        let target = attributes.isSymlink ? JSONName(entry.target) : nil
        return Message(
            name: name.text, nameB64: name.base64, type: Self.type(attributes), path: path.text,
            pathB64: path.base64, uid: attributes.uid, gid: attributes.gid,
            user: view.manifest.userNames[attributes.uid],
            group: view.manifest.groupNames[attributes.gid], size: attributes.size,
            mode: attributes.mode & 0o7777, permissions: Format.mode(UInt32(attributes.mode)),
            mtime: Format.time(
                attributes.mtime.seconds, nanoseconds: attributes.mtime.nanoseconds),
            inode: attributes.inode == 0 ? nil : attributes.inode, links: attributes.links,
            linktarget: target?.text, linktargetB64: target?.base64,
            device: Self.device(attributes))
    }

    private func user(_ number: UInt32) -> String {
        view.manifest.userNames[number] ?? String(number)
    }

    private func group(_ number: UInt32) -> String {
        view.manifest.groupNames[number] ?? String(number)
    }

    /// `2026-11-21 02:00:00`, in UTC.
    private static func clock(_ time: Timestamp) -> String {
        let civil = CivilTime(seconds: time.seconds)
        return "\(civil.date) \(civil.clock)"
    }

    /// Major and minor number of a device; nil for anything else.
    private static func device(_ attributes: Attributes) -> String? {
        switch attributes.kind {
        case .characterDevice, .blockDevice:
            "\(attributes.count >> 32), \(attributes.count & 0xffff_ffff)"
        default: nil
        }
    }

    static func type(_ attributes: Attributes) -> String {
        switch attributes.kind {
        case .regular: "file"
        case .directory: "dir"
        case .symlink: "symlink"
        case .fifo: "fifo"
        case .socket: "socket"
        case .characterDevice: "chardev"
        case .blockDevice: "dev"
        case nil: "unknown"
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
