// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapRestore
import Testing

/// What is in the target already: overwriting, deleting, selecting.
@Suite struct ExistingTests {
    /// A source, and a target that differs: newer, older, same size and time, missing, more.
    private func changed() throws -> Site {
        let site = try Site(
            """
            mkdir d; for i in newer older same gone equal; do echo $i > d/$i; done
            head -c 1500000 /dev/urandom > d/large; touch -d 2010-01-01 d/* d
            """)
        try site.shell(
            """
            cp -a src to; cd to/d; echo changed > newer; echo changed > older
            touch -d 2001-01-01 older; echo SAME > same; touch -d 2010-01-01 same; rm gone
            printf X | dd of=large bs=1 seek=1200000 conv=notrunc status=none
            """)
        return site
    }

    private func content(_ site: Site) throws -> String {
        try site.shell(
            "cd to/d; cat newer older same gone equal | xargs; "
                + "cmp -s large ../../src/d/large && echo L"
        )
    }

    @Test func alwaysWritesWhatDiffers() throws {
        let site = try changed()
        let inode = try site.shell("stat -c %i to/d/large")
        let outcome = try site.restore()
        #expect(try site.differences() == "")
        #expect(outcome.actions[site.at("d/large")] == .updated)
        #expect(outcome.actions[site.at("d/equal")] == .unchanged)
        #expect(outcome.actions[site.at("d/gone")] == .restored)
        #expect(try site.shell("stat -c %i to/d/large") == inode)
    }

    @Test func ifChangedTrustsSizeAndTime() throws {
        let site = try changed()
        try site.shell("chmod 600 to/d/same")
        let outcome = try site.restore { $0.overwrite = .ifChanged }
        #expect(try content(site) == "newer older SAME gone equal\nL")
        #expect(outcome.actions[site.at("d/same")] == .unchanged)
        // Attributes are restored all the same.
        #expect(try site.shell("stat -c %a to/d/same") == "644")
    }

    @Test func ifNewerKeepsWhatIsNewer() throws {
        let site = try changed()
        let outcome = try site.restore { $0.overwrite = .ifNewer }
        #expect(
            try site.shell("cd to/d; cat newer older same gone | xargs")
                == "changed older SAME gone")
        #expect(outcome.actions[site.at("d/newer")] == .kept)
        #expect(try site.shell("stat -c %Y to/d") == (try site.shell("stat -c %Y src/d")))
    }

    @Test func neverKeepsWhatIsThere() throws {
        let site = try changed()
        try site.shell("chmod 711 to/d")
        let outcome = try site.restore { $0.overwrite = .never }
        #expect(
            try site.shell("cd to/d; cat newer older same gone | xargs")
                == "changed changed SAME gone")
        #expect(try site.shell("stat -c %a to/d") == "711")
        #expect(outcome.summary.entriesRestored == 1)
        #expect(outcome.problems.isEmpty)
    }

    @Test func aLinkGroupOfWhichOneNameIsKeptIsNotLinkedToIt() throws {
        let site = try Site("echo right > a; ln a b; ln a c")
        try site.shell("mkdir to; echo kept > to/a")
        #expect(try site.restore { $0.overwrite = .never }.problems.isEmpty)
        #expect(
            try site.shell("cat to/a to/b to/c | xargs; stat -c %h to/b") == "kept right right\n2")
    }

    @Test func staleAttributesGo() throws {
        let site = try Site("mkdir d; echo x > d/x; ln -s x link")
        try site.shell(
            """
            cp -a src to; setfattr -n user.stale -v 1 to/d/x to/d; setfacl -m u:1:r to/d/x
            setfattr -h -n trusted.stale -v 1 to/link; chown 5:5 to/d/x; chmod 777 to/d
            """)
        #expect(try site.restore().problems.isEmpty)
        #expect(try site.differences() == "")
    }

    // MARK: Deleting

    @Test func deleteRemovesWhatTheSnapshotLacks() throws {
        let site = try Site("mkdir -p d empty; echo x > d/x; touch -d 2001-01-01 d empty .")
        try site.shell(
            """
            mkdir -p to/d/extra/deep to/empty/more; echo x > to/d/extra/deep/x; : > to/empty/more/y
            ln -s ../../outside to/d/link; mkfifo to/fifo
            """)
        let kept = try site.restore()
        #expect(kept.summary.entriesDeleted == 0)
        #expect(try site.shell("ls to/d") == "extra\nlink\nx")
        let outcome = try site.restore { $0.delete = true }
        #expect(outcome.problems.isEmpty)
        #expect(outcome.summary.entriesDeleted == 7)
        #expect(try site.differences() == "")
        #expect(try site.shell("cat outside/precious") == "precious")
    }

    @Test func deleteLeavesDirectoriesAboveTheSourcesAlone() throws {
        let site = try Site("echo x > x")
        try site.shell("mkdir -p to\(site.path)/other to\(site.source)/other to/top")
        let outcome = try site.restore("") { $0.delete = true }
        #expect(outcome.problems.isEmpty)
        #expect(
            try site.shell("ls to\(site.path) to\(site.source) to/ | xargs").contains("other src"))
        #expect(try site.shell("ls to\(site.source)") == "x")
        #expect(try site.shell("ls -d to/top") == "to/top")
    }

    @Test func deleteLeavesWhatIsNotSelected() throws {
        let site = try Site("mkdir d; echo x > d/x; echo y > d/y.log")
        let extra = "mkdir -p to/d/sub; touch to/d/a.txt to/d/b.log to/d/sub/c.log to/d/sub/c.txt"
        try site.shell(extra)
        let excluded = try site.restore {
            $0.delete = true
            $0.excludes = [try PathPattern(Array("*.log".utf8))]
        }
        #expect(excluded.problems.isEmpty)
        #expect(try site.files() == "d d/b.log d/sub d/sub/c.log d/x")
        try site.shell("rm -rf to; \(extra)")
        let included = try site.restore {
            $0.delete = true
            $0.includes = [try PathPattern(Array("*.log".utf8))]
        }
        #expect(included.problems.isEmpty)
        #expect(try site.files() == "d d/a.txt d/sub d/sub/c.log d/sub/c.txt d/y.log")
    }

    @Test func deleteSparesTheRepository() throws {
        let site = try Site("echo x > x")
        try site.shell("mkdir -p to/repo/data to/other; echo pack > to/repo/data/p")
        let guarded = FileIdentity(try FileAttributes(path: site.target + "/repo"))
        let outcome = try site.restore {
            $0.delete = true
            $0.guarded = [guarded]
        }
        expectOne(outcome, site.at("repo"), .refused)
        #expect(try site.files() == "repo repo/data repo/data/p x")
    }

    @Test func deleteSparesWhatIsMounted() throws {
        let site = try Site("echo x > x")
        try site.shell(
            "mkdir -p to/extra/mnt; mount -t tmpfs none to/extra/mnt; : > to/extra/mnt/f")
        defer { _ = try? site.shell("umount to/extra/mnt") }
        expectOne(try site.restore { $0.delete = true }, site.at("extra/mnt"), .refused)
        #expect(try site.files() == "extra extra/mnt extra/mnt/f x")
    }

    // MARK: Selecting

    private func selected(
        includes: [String] = [], excludes: [String] = [], path: String = ""
    ) throws -> String {
        let site = try Site(
            """
            mkdir -p d/e logs empty; echo a > a.txt; echo b > d/b.txt; echo c > d/e/c.txt
            echo d > d/e/c.log; echo x > logs/x.log; touch -d 2001-01-01 d
            """)
        let outcome = try site.restore(site.at(path)) {
            $0.includes = try includes.map { try PathPattern(Array($0.utf8)) }
            $0.excludes = try excludes.map { try PathPattern(Array($0.utf8)) }
        }
        #expect(outcome.problems.isEmpty)
        if includes == ["d/e"] { #expect(try site.shell("stat -c %y to/d") > "2001-01-01") }
        if includes == ["d/e"] { #expect(try site.shell("stat -c %y to/d") < "2001-01-02") }
        return try site.files()
    }

    @Test func includesSelectWhatMatchesAndWhatIsBelow() throws {
        #expect(try selected(includes: ["*.txt"]) == "a.txt d d/b.txt d/e d/e/c.txt")
        #expect(try selected(includes: ["d/e"]) == "d d/e d/e/c.log d/e/c.txt")
        #expect(
            try selected(includes: ["/d/b.txt", "*.log"])
                == "d d/b.txt d/e d/e/c.log logs logs/x.log")
        #expect(try selected(includes: ["empty"]) == "empty")
        #expect(try selected(includes: ["nothing"]) == "")
        #expect(try selected(includes: ["d", "!*.log"]) == "d d/b.txt d/e d/e/c.txt")
        #expect(try selected(includes: ["/e"], path: "d") == "e e/c.log e/c.txt")
    }

    @Test func excludesLeaveOutWhatMatches() throws {
        #expect(try selected(excludes: ["*.txt", "logs"]) == "d d/e d/e/c.log empty")
        #expect(try selected(excludes: ["/e"]) == (try selected()))
        #expect(try selected(excludes: ["/e"], path: "d") == "b.txt")
        #expect(
            try selected(excludes: ["*.log", "!x.log"])
                == "a.txt d d/b.txt d/e d/e/c.txt empty logs logs/x.log")
    }
}
