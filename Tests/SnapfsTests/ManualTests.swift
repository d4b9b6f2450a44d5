// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Testing

@testable import snapfs

@Suite struct ManualTests {
    private static let page = URL(filePath: #filePath)
        .deletingLastPathComponent().appending(path: "../../man/snapfs.1")

    @Test func everyCommandAndOptionIsInTheManual() throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let commands = Snapfs.configuration.groupedSubcommands.flatMap(\.subcommands)
        #expect(commands.count == 14)
        for command in commands {
            let name = try #require(command.configuration.commandName)
            #expect(page.contains("snapfs Cm \(name)"), "\(name)")
            let help = Snapfs.helpMessage(for: command, columns: 1000)
            for match in help.matches(of: /--[a-z][a-z-]+/) {
                let option = match.output.dropFirst(2)
                #expect(page.contains("Fl \\-\(option)"), "\(name) --\(option)")
            }
        }
    }

    @Test func everyExitStatusIsInTheManual() throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let section = try #require(page.split(separator: ".Sh EXIT STATUS").last)
        for status in snapfs.ExitStatus.allCases {
            let item = try Regex("(?m)^\\.It .*\\b\(status.rawValue)\\b")
            #expect(section.contains(item), "\(status)")
        }
    }
}
