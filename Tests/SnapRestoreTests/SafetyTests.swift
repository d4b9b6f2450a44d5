// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRestore
import SnapTestSupport
import Synchronization
import Testing

/// Nothing outside the target changes, and nothing half restored looks whole.
@Suite struct SafetyTests {
    private static let tree =
        "mkdir -p d/e; echo x > d/e/x; echo a > a; ln -s d link; touch -d 2001-01-01 a d"

    /// Restores over what a script put into the target.
    private func restore(
        over script: String, _ change: (inout Restore.Options) throws -> Void = { _ in }
    ) throws -> (Site, Site.Outcome) {
        let site = try Site(Self.tree)
        try site.shell("mkdir to; cd to; \(script)")
        let state =
            "stat -c '%n %a %u %s %Y %Z %i' outside/* && cat outside/precious && ls -a outside"
        let before = try site.shell(state)
        let outcome = try site.restore(with: change)
        #expect(try site.shell(state) == before, "over \(script)")
        return (site, outcome)
    }

    @Test(arguments: [
        "ln -s ../outside d", "mkdir d; ln -s ../../outside d/e", "ln -s ../outside/precious a",
        "ln -s ../outside/new a", "ln -s ../outside link", "mkdir a", "touch d", "mkfifo a d",
        "mknod a c 1 3", "mkdir d; touch d/e; chmod 0 d", "mkdir link", "ln -s nowhere d",
    ]) func whatIsInTheWayIsReplaced(script: String) throws {
        let (site, outcome) = try restore(over: script)
        #expect(outcome.problems.isEmpty)
        #expect(try site.differences() == "", "over \(script)")
    }

    @Test func anotherNameOfAFileIsNotWrittenThrough() throws {
        for mode in [Restore.Overwrite.always, .ifChanged] {
            let site = try Site("echo new > a; chmod 600 a; touch -d 2001-01-01 a")
            try site.shell(
                """
                mkdir to; echo old > outside/old; ln outside/old to/a; touch -d 2001-01-01 to/a
                chmod 644 outside/old
                """)
            #expect(try site.restore { $0.overwrite = mode }.problems.isEmpty)
            #expect(try site.shell("cat outside/old; stat -c '%a %h' outside/old") == "old\n644 1")
            #expect(try site.differences() == "")
        }
    }

    @Test func aFileThatSomebodyElseOwnsIsReplacedNotWrittenTo() throws {
        let site = try Site("echo secret > a; chmod 600 a")
        try site.shell("mkdir to; echo public > to/a; chown 1234 to/a; chmod 666 to/a")
        let open = try FileDescriptor.open(site.target + "/a", O_RDONLY)
        #expect(try site.restore().problems.isEmpty)
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = try bytes.withUnsafeMutableBytes { try open.read(at: 0, into: $0, label: "a") }
        #expect(String(decoding: bytes[..<count], as: UTF8.self) == "public\n")
        #expect(try site.differences() == "")
    }

    @Test func neverReplacesNothingThatIsInTheWay() throws {
        let (site, outcome) = try restore(over: "ln -s ../outside d") { $0.overwrite = .never }
        expectOne(outcome, site.at("d"), .exists)
        #expect(try site.shell("readlink to/d; cat to/a") == "../outside\na")
    }

    @Test func aFullDirectoryIsNotRemovedForAFile() throws {
        let (site, outcome) = try restore(over: "mkdir a; echo keep > a/keep")
        expectOne(outcome, site.at("a"), .exists)
        #expect(try site.shell("cat to/a/keep to/d/e/x") == "keep\nx")
        let (other, deleted) = try restore(over: "mkdir -p a/b; ln -s ../../outside a/b/o") {
            $0.delete = true
        }
        #expect(deleted.problems.isEmpty)
        #expect(try other.differences() == "")
    }

    @Test func aDirectoryThatBecomesALinkMeanwhileIsNotFollowed() throws {
        // More than the walk lists at once of a directory, and more than one batch of another.
        let site = try Site(
            "mkdir -p d/e; for i in {1..1100}; do echo $i > d/$i; done; cp d/1?? d/e")
        let swapped = Atomic<Bool>(false)
        let target = site.target
        let outcome = try site.restore(threads: 1) {
            $0.visit = { _, _ in
                if swapped.exchange(true, ordering: .relaxed) { return }
                rename(target + "/d", target + "/moved")
                symlink("../outside", target + "/d")
            }
        }
        let wasSwapped = swapped.load(ordering: .relaxed)
        #expect(wasSwapped)
        #expect(try site.shell("ls -A outside") == "precious")
        #expect(try site.shell("readlink to/d") == "../outside")
        #expect(try site.shell("ls to/moved | wc -l; ls to/moved/e | wc -l") == "1101\n100")
        #expect(outcome.problems.isEmpty)
    }

    // MARK: Damage

    /// Damages every data pack and returns a snapshot whose large file cannot be read.
    private func damaged(_ site: Site, at offset: (Int) -> Int) throws {
        for pack in try site.repository.files("data") {
            try site.repository.flip(pack, at: offset(try site.repository.read(pack).count))
        }
    }

    @Test(arguments: [5000, 3_000_000, 40_000_000]) func aDamagedFileIsReportedAndNotLeftBehind(
        size: Int
    ) throws {
        let site = try Site(
            "head -c \(size) /dev/urandom > bad; echo inline > good; mkdir d; : > d/e")
        try damaged(site) { min($0 / 2, 2_500_000) }
        let outcome = try site.restore()
        expectOne(outcome, site.at("bad"), .damaged)
        #expect(try site.files() == "d d/e good")
        #expect(try site.shell("cat to/good") == "inline")
    }

    @Test(arguments: [5000, 9_000_000, 30_000_000]) func damageLeavesAnOldFileThatWasNotTouched(
        size: Int
    ) throws {
        let site = try Site("head -c \(size) /dev/urandom > bad")
        try damaged(site) { _ in 2000 }
        try site.shell("mkdir to; echo old > to/bad; chmod 640 to/bad")
        expectOne(try site.restore(threads: 1), site.at("bad"), .damaged)
        #expect(try site.shell("cat to/bad; stat -c %a to/bad") == "old\n640")
    }

    @Test func damageInTheMiddleLeavesNoMixture() throws {
        let site = try Site("head -c 9000000 /dev/urandom > bad")
        try damaged(site) { $0 / 2 }
        try site.shell("mkdir to; head -c 9000000 /dev/zero > to/bad")
        expectOne(try site.restore(), site.at("bad"), .damaged)
        #expect(try site.files() == "")
    }

    @Test func everyNameOfADamagedFileIsReported() throws {
        for size in [5000, 20_000_000] {
            let site = try Site("head -c \(size) /dev/urandom > a; ln a b; ln a c")
            try damaged(site) { $0 / 2 }
            let outcome = try site.restore()
            #expect(outcome.problems.map(\.path).sorted() == ["a", "b", "c"].map(site.at))
            #expect(try site.files() == "")
        }
    }

    @Test func aDamagedDirectoryIsReportedAndNothingInItDeleted() throws {
        let site = try Site("mkdir d; for i in {1..200}; do echo $i > d/$i; done")
        let first = try site.repository.files("meta")
        // The second snapshot has new nodes above the directory only.
        try site.shell("echo y > src/y")
        try site.backUp()
        for pack in first {
            for offset in stride(from: 100, to: try site.repository.read(pack).count, by: 500) {
                try site.repository.flip(pack, at: offset)
            }
        }
        try site.shell("mkdir -p to/d; echo keep > to/d/extra; echo gone > to/gone")
        let outcome = try site.restore { $0.delete = true }
        expectOne(outcome, site.at("d"), .damaged)
        #expect(try site.files() == "d d/extra y")
    }

    // MARK: Ends

    @Test func anInterruptedRestoreLeavesNothingHalf() throws {
        let site = try Site(
            "head -c 60000000 /dev/urandom > large; for i in {1..500}; do echo $i > $i; done")
        for limit in [1, 20, 200] {
            let asked = Atomic<Int>(0)
            let error = #expect(throws: SnapError.self) {
                try site.restore {
                    $0.isInterrupted = { asked.add(1, ordering: .relaxed).newValue > limit }
                }
            }
            #expect(error?.kind == .interrupted)
            let wrong = try site.shell(
                "cd to; for f in *; do [ -e $f ] || continue; cmp -s $f ../src/$f || echo $f; done")
            #expect(wrong == "")
            try site.shell("rm -rf to")
        }
    }

    @Test func aFullFileSystemEndsIt() throws {
        let site = try Site(
            "mkdir d; for i in {1..40}; do head -c 100000 /dev/urandom > d/$i; done")
        try site.shell("mkdir to; mount -t tmpfs -o size=1m none to")
        defer { _ = try? site.shell("umount to") }
        let error = #expect(throws: SnapError.self) { try site.restore() }
        #expect(error?.kind == .noSpace)
        let wrong = try site.shell(
            "cd to/d; for f in *; do cmp -s $f ../../src/d/$f || echo $f; done")
        #expect(wrong == "")
    }

    @Test func whatTheTargetRefusesIsReported() throws {
        let site = try Site("echo x > x; setfattr -n user.a -v 1 x; echo y > y; mkdir d; : > d/z")
        try site.shell("mkdir -p to/d; chattr +i to/d")
        defer { _ = try? site.shell("chattr -i to/d") }
        let outcome = try site.restore()
        #expect(Set(outcome.problems.map(\.path)) == [site.at("d"), site.at("d/z")])
        #expect(try site.shell("cat to/x to/y") == "x\ny")
    }
}
