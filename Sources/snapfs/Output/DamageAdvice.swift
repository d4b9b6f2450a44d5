// SPDX-License-Identifier: MIT

import SnapRepository

/// What can be done about damage. See snapfs(1), repair.
enum DamageAdvice {
    /// What helps against these findings, in the order in which it is done. With `readData` they
    /// were found by reading the packs, and only that finds them again.
    static func steps(_ findings: [CheckFinding], readData: Bool) -> [String] {
        var areas: Set<Substring> = []
        var touchesPaths = false
        for finding in findings {
            switch finding.place {
            case .file(let name): areas.insert(name.prefix { $0 != "/" })
            case .entry: touchesPaths = true
            }
        }
        // Until that is mended nothing else can be told from what follows from it.
        if areas.contains("gc") { return collections }
        let packs = !areas.isDisjoint(with: ["data", "meta", "aux"])
        let isContentLost = packs || touchesPaths
        var steps: [String] = []
        if areas.contains("index") {
            steps.append("'snapfs repair index' makes the index again from the packs")
        }
        if isContentLost {
            let from = "repair --from REPOSITORY" + (readData ? " --read-data" : "")
            steps.append(
                "'snapfs \(from)' takes what is lost from a second repository, if there is one"
                    + (packs ? "; else 'snapfs repair packs' saves the rest" : ""))
            steps.append("a backup of the same data stores again what the sources still have")
        }
        if areas.contains("snapshots") {
            steps.append(
                "'snapfs copy' from a second repository that has it brings back a snapshot whose "
                    + "record is damaged")
        }
        if isContentLost {
            steps.append(
                "'snapfs repair snapshots' writes the snapshots again without what is still lost")
        } else if areas.contains("snapshots") {
            steps.append("'snapfs repair snapshots' forgets a snapshot whose record is lost")
        }
        if isContentLost || areas.contains("snapshots") {
            steps.append("'snapfs prune', and 'snapfs check --read-data'")
        }
        if areas.contains("notes") {
            steps.append(
                "a snapshot of which a note is damaged counts as held: 'snapfs repair snapshots' "
                    + "puts a hold in the place of the note, 'snapfs forget' with its id and "
                    + "'snapfs prune' take both away")
        }
        if areas.contains("keyring") {
            steps.append(
                "keyrings never change: put the file back from any copy of the repository's files; "
                    + "without one, 'snapfs copy' to a new repository takes along every snapshot "
                    + "that is whole")
        }
        if areas.contains("slots") {
            steps.append(
                "'snapfs key list' names the key that opens nothing: remove it, add it anew")
        }
        if areas.contains("audit") {
            steps.append(
                "'snapfs audit acknowledge' accepts what the audit log lacks, if it is known why")
        }
        return steps
    }

    private static let collections = [
        "put the file below gc/ back from a copy of the repository's files that is younger than "
            + "the last prune",
        "without one, and while neither a backup nor a prune runs, move the directory gc out of "
            + "the repository, run 'snapfs repair index' and then 'snapfs check --read-data'",
    ]

    /// Says them, with their numbers where there are several.
    static func show(_ steps: [String], _ output: Output) throws {
        if steps.count == 1 { return try output.note(Text("what helps: \(steps[0])")) }
        if steps.isEmpty { return }
        try output.note("what helps, in this order:")
        for (number, step) in steps.enumerated() {
            try output.note(Text("  \(number + 1). \(step)"))
        }
    }
}
