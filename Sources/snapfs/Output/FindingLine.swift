// SPDX-License-Identifier: MIT

import SnapBase
import SnapRepository

/// What is said of one finding, in words or as a JSON line.
enum FindingLine {
    private struct Damage: Encodable {
        let messageType: String
        let file: String?
        let snapshot: String?
        let path: String?
        let pathB64: String?
        let message: String
    }

    /// `word` says what the finding is: damage, unless a repair could do something about it.
    static func show(
        _ finding: CheckFinding, _ output: Output, word: String = "damaged",
        messageType: String = "damage"
    ) throws {
        switch finding.place {
        case .file(let file):
            if output.json {
                return try output.json(
                    Damage(
                        messageType: messageType, file: file, snapshot: nil, path: nil,
                        pathB64: nil, message: finding.message))
            }
            let name = finding.message.hasPrefix(file) ? "" : "\(file): "
            try output.line(Text("\(word): \(name)\(finding.message)"))
        case .entry(let snapshot, let path):
            let id = Hex.encode(snapshot)
            if output.json {
                let name = JSONName(path)
                return try output.json(
                    Damage(
                        messageType: messageType, file: nil, snapshot: id, path: name.text,
                        pathB64: name.base64, message: finding.message))
            }
            try output.line(
                "\(word): snapshot \(id.prefix(8)) \(name: path): \(finding.message)")
        }
    }
    /// How many were found that are not in a list, if any, in words only.
    static func showMore(_ count: Int, _ output: Output, word: String = "damaged") throws {
        if count > 0, !output.json {
            try output.line(Text("\(word): \(counted(count, "more place", "more places"))"))
        }
    }
}
