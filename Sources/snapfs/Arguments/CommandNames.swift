// SPDX-License-Identifier: MIT
//
// The names of commands, looked at before the parser runs: it would complain of the options beside
// a name that it does not know, or take the name for a value.

import ArgumentParser

enum CommandNames {
    /// Throws a usage error unless the arguments begin with a command that there is, behind global
    /// options at most.
    static func require(_ arguments: [String]) throws {
        guard let first = arguments.first else { return }
        if first == "help" {
            return try require(named: arguments.dropFirst(), of: Snapfs.self, path: [])
        }
        let words = arguments.dropFirst(CommandLineArguments.commandIndex(arguments))
        guard let word = words.first else {
            throw ValidationError("No command is given; see 'snapfs --help'.")
        }
        if word.hasPrefix("-") {
            if isForTheParser(word) { return }
            throw ValidationError(
                "Unknown option '\(word)': before the name of a command only global options may "
                    + "stand; see 'snapfs --help'.")
        }
        let command = try command(word, of: Snapfs.self, path: [])
        try requireSubcommand(command, Array(words.dropFirst()), word)
    }

    /// Below a command that stands before others, as `key` does.
    private static func requireSubcommand(
        _ command: any ParsableCommand.Type, _ words: [String], _ name: String
    ) throws {
        let configuration = command.configuration
        // Alone it gets the help of the parser.
        guard !children(command).isEmpty, !words.isEmpty else { return }
        let rest = words.dropFirst(CommandLineArguments.commandIndex(words))
        if let word = rest.first, !word.hasPrefix("-") {
            _ = try Self.command(word, of: command, path: [name])
        } else if configuration.defaultSubcommand == nil, !rest.contains(where: isForTheParser) {
            throw ValidationError("'snapfs \(name)' needs a command: \(list(command)).")
        }
    }

    /// What `help` is asked about.
    private static func require(
        named words: ArraySlice<String>, of parent: any ParsableCommand.Type, path: [String]
    ) throws {
        guard let word = words.first, !word.hasPrefix("-"), !children(parent).isEmpty else {
            return
        }
        let child = try command(word, of: parent, path: path)
        try require(named: words.dropFirst(), of: child, path: path + [word])
    }

    private static func isForTheParser(_ word: String) -> Bool {
        ["-h", "--help", "--help-hidden", "--version", "--"].contains(word)
            || ["--generate-completion-script", "--experimental"].contains { word.hasPrefix($0) }
    }

    // MARK: Names

    private static func children(
        _ parent: any ParsableCommand.Type
    ) -> [any ParsableCommand.Type] {
        parent.configuration.subcommands
            + parent.configuration.groupedSubcommands.flatMap { $0.subcommands }
    }

    private static func command(
        _ name: String, of parent: any ParsableCommand.Type, path: [String]
    ) throws -> any ParsableCommand.Type {
        let children = children(parent)
        if let found = children.first(where: { $0.configuration.commandName == name }) {
            return found
        }
        let guess = names(parent).map { (name: $0, distance: distance(Array(name), Array($0))) }
            .filter { $0.distance <= min(2, name.count / 2) }.min { $0.distance < $1.distance }
        let hint = guess.map { "; did you mean '\($0.name)'?" } ?? "."
        throw ValidationError(
            "There is no command '\((path + [name]).joined(separator: " "))'\(hint) "
                + (path.isEmpty ? "See 'snapfs --help'." : "There are \(list(parent))."))
    }

    private static func names(_ parent: any ParsableCommand.Type) -> [String] {
        children(parent).compactMap { $0.configuration.commandName }
    }

    private static func list(_ parent: any ParsableCommand.Type) -> String {
        let names = names(parent)
        return names.dropLast().joined(separator: ", ") + " and " + names.suffix(1).joined()
    }

    /// How many letters have to be put in, taken out or changed.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in b.enumerated() {
                let here = min(row[j + 1] + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
                (diagonal, row[j + 1]) = (row[j + 1], here)
            }
        }
        return row[b.count]
    }
}
