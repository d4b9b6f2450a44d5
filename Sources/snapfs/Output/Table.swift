// SPDX-License-Identifier: MIT

/// Rows in columns as wide as their widest cell, a header above. Cells are safe text: a caller puts
/// names through `Text.escaped`.
struct Table {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]]

    init(_ columns: [(title: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        rows = [columns.map(\.title)]
    }

    /// Adds a row with one cell per column.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == alignments.count)
        rows.append(cells)
    }

    func lines() -> [String] {
        let widths = alignments.indices.map { column in
            rows.map { $0[column].unicodeScalars.count }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.indices.map { column in
                let room = widths[column] - row[column].unicodeScalars.count
                let spaces = String(repeating: " ", count: room)
                if alignments[column] == .right { return spaces + row[column] }
                return column == row.count - 1 ? row[column] : row[column] + spaces
            }
            return cells.joined(separator: "  ")
        }
    }
}
