// SPDX-License-Identifier: MIT

import ArgumentParser

struct VersionCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of the program.",
        usage: "snapfs version [<options>]")

    @OptionGroup var global: GlobalOptions

    struct Message: Encodable {
        var messageType = "version"
        let version: String
        let repositoryFormat: Int
    }

    func perform(_ output: Output) throws {
        if output.json {
            try output.json(
                Message(version: Version.program, repositoryFormat: Version.format))
        } else {
            try output.line("\(Version.words), repository format \(Version.format)")
        }
    }
}
