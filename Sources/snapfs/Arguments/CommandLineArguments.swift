// SPDX-License-Identifier: MIT

import Glibc

/// The words after the program's name, as the parser wants them.
enum CommandLineArguments {
    private static let withValue: Set<String> = [
        "-r", "--repo", "-p", "--password-file", "--password-command", "--key-file", "--cache-dir",
    ]
    private static let flags: Set<String> = [
        "--json", "-q", "--quiet", "-v", "--verbose", "--no-progress",
    ]

    static func current() -> [String] { reordered(words) }

    /// As they were given.
    static var words: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0] }.map {
            ArgumentBytes.encode(UnsafeRawBufferPointer(start: $0, count: strlen($0)))
        }
    }

    /// `snapfs -r REPO backup ...` as `snapfs backup -r REPO ...`: global options belong to every
    /// command, and people write them on either side of its name. A command that stands before
    /// another one, as `key`, takes no options itself.
    static func reordered(_ words: [String]) -> [String] {
        let end = commandIndex(words)
        guard end < words.count, !words[end].hasPrefix("-") else { return words }
        let rest = words[..<end] + words[(end + 1)...]
        return [words[end]] + (groups.contains(words[end]) ? reordered(Array(rest)) : Array(rest))
    }

    private static let groups = Set(
        Snapfs.configuration.groupedSubcommands.flatMap { $0.subcommands }
            .filter { !$0.configuration.subcommands.isEmpty }
            .compactMap { $0.configuration.commandName })

    /// Where the name of the command is, behind the global options.
    static func commandIndex(_ words: [String]) -> Int {
        var end = 0
        while end < words.count {
            let name = words[end].prefix { $0 != "=" }
            if withValue.contains(words[end]) {
                end += 2
            } else if flags.contains(words[end])
                || (name.hasPrefix("--") && withValue.contains(String(name)))
            {
                end += 1
            } else {
                break
            }
        }
        return end
    }

    /// Whether errors of the parser itself are to be told as JSON.
    static func wantJSON(_ words: [String]) -> Bool {
        words.prefix { $0 != "--" }.contains("--json")
    }
}

/// The environment, as bytes; an empty variable counts as unset.
enum Environment {
    static func bytes(_ name: String) -> [UInt8]? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
    }

    static func has(_ name: String) -> Bool { getenv(name).map { $0.pointee != 0 } ?? false }

    /// Overwrites a variable where it lies and removes it, so that no child process inherits it.
    static func wipe(_ name: String) {
        guard let value = getenv(name) else { return }
        explicit_bzero(value, strlen(value))
        unsetenv(name)
    }
}
