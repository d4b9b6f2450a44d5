// SPDX-License-Identifier: MIT

import Glibc
import SnapBase
import SnapFormat
import SnapRepository
import SnapRestore
import SnapTestSupport
import Testing

@Suite struct RoundTripTests {
    private func expectSame(_ site: Site, at location: SourceLocation = #_sourceLocation) throws {
        let differences = try site.differences()
        #expect(differences == "", sourceLocation: location)
    }

    @Test func entriesOfEveryKindComeBack() throws {
        let site = try Site(
            """
            mkdir -p d/e empty; echo text > d/e/file; : > d/none
            head -c 3000000 /dev/urandom > d/large
            ln -s "$(head -c 4095 /dev/zero | tr '\\0' x)" long; ln -s ../outside/precious link
            mkfifo fifo; mknod null c 1 3; mknod block b 259 70000
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
            printf x > "$(printf 'bad\\xff\\nname')"; printf x > "$(printf '%0255d' 1)"
            echo s > setuid; chmod 6755 setuid; mkdir sticky; chmod 1777 sticky; chmod 000 d/none
            chown 1234:4294967294 d/e/file; chown -h 77:88 link fifo null
            touch -hd '1955-11-05 01:02:03.456789012' d/e/file link fifo empty
            touch -d '2200-01-01 00:00:00.000000001' d/large d
            """)
        let outcome = try site.restore()
        #expect(outcome.problems.isEmpty)
        try expectSame(site)
        #expect(outcome.summary.entries == 17)
        #expect(outcome.summary.entriesRestored == 17)
        #expect(outcome.summary.bytes == outcome.summary.bytesRestored)
        #expect(try site.shell("stat -c %a to/setuid") == "6755")
        #expect(try site.shell("stat -c %U:%g to/d/e/file").hasSuffix(":4294967294"))
    }

    @Test func extendedAttributesOfEveryNamespaceComeBack() throws {
        let site = try Site(
            """
            echo x > file; mkdir dir; ln -s x link; mkfifo fifo
            setfattr -n user.a -v 1 file; setfattr -n trusted.t -v 2 file dir
            setfattr -h -n trusted.l -v 3 link; setfattr -n trusted.f -v 4 fifo
            setfattr -n user.long -v 0s"$(head -c 2500 /dev/urandom | base64 -w 0)" dir
            setfacl -m u:1000:r,g:5:rw file; setfacl -d -m u:1000:rwx dir
            cp /bin/true program; setcap cap_net_raw+ep program
            """)
        #expect(try site.restore().problems.isEmpty)
        try expectSame(site)
        #expect(try site.shell("getcap to/program").hasSuffix("cap_net_raw=ep"))
    }

    @Test func aDefaultListOfTheTargetIsNotInherited() throws {
        let site = try Site("mkdir d; echo x > d/x; echo y > y; mkfifo d/f")
        try site.shell("mkdir -p to/d; setfacl -d -m u:1000:rwx to to/d")
        #expect(try site.restore().problems.isEmpty)
        try expectSame(site)
    }

    @Test func holesStayHoles() throws {
        let site = try Site(
            """
            truncate -s 1T hole; echo end >> hole; truncate -s 5M trailing
            for i in 1 5 9; do
                head -c 300000 /dev/urandom | dd of=pieces bs=1M seek=$i conv=notrunc status=none
            done
            dd if=/dev/zero of=zeros bs=1M count=3 status=none
            truncate -s 100M wide; head -c 30000000 /dev/urandom |
                dd of=wide bs=1M seek=40 conv=notrunc status=none
            """)
        #expect(try site.restore().problems.isEmpty)
        try expectSame(site)
        #expect(try site.shell("stat -c %b to/trailing") == "0")
        #expect(try site.shell("stat -c %b to/zeros") == "6144")
        // Over a file full of data: the holes are made, equal data is left alone.
        try site.shell(
            """
            yes | head -c 100M > to/wide; truncate -s 12M to/pieces
            : > to/zeros; truncate -s 3M to/zeros
            """
        )
        #expect(try site.restore().problems.isEmpty)
        try expectSame(site)
    }

    @Test func aLargeFileIsSharedByTheWorkers() throws {
        let site = try Site("head -c 70000000 /dev/urandom > big; ln big big2; echo x > x")
        let outcome = try site.restore(threads: 4)
        #expect(outcome.problems.isEmpty)
        try expectSame(site)
        #expect(outcome.summary.bytesRestored == 140_000_002)
    }

    @Test func hardLinksOfEveryKindComeBack() throws {
        let site = try Site(
            """
            mkdir a b; echo x > a/file; ln a/file b/file; ln a/file b/third
            : > a/empty; ln a/empty b/empty; ln -s t a/link; ln -P a/link b/link
            mkfifo a/fifo; ln a/fifo b/fifo; mknod a/null c 1 3; ln a/null b/null
            head -c 2000000 /dev/urandom > b/late; ln b/late a/early; echo x > twin
            """)
        #expect(try site.restore().problems.isEmpty)
        try expectSame(site)
        // Again, over what is there: no name may keep an old inode.
        for mode in [Restore.Overwrite.always, .ifChanged] {
            try site.shell("rm to/b/file; echo other > to/b/file")
            #expect(try site.restore { $0.overwrite = mode }.problems.isEmpty)
            try expectSame(site)
        }
    }

    @Test func partOfALinkGroupHasItsContent() throws {
        let site = try Site("mkdir a b; echo x > a/file; ln a/file b/file; ln a/file b/third")
        #expect(try site.restore(site.at("b")).problems.isEmpty)
        #expect(try site.files() == "file third")
        #expect(try site.shell("cat to/file; stat -c %h to/third") == "x\n2")
    }

    @Test func aPathDeeperThanAnyLimitComesBack() throws {
        let site = try Site(
            """
            python3 - <<'E'
            import os
            name = "n" * 10
            for depth in range(1200):
                os.mkdir(name); os.chdir(name)
                if depth % 200 == 199: open("file", "w").write(str(depth))
            E
            """)
        let outcome = try site.restore()
        #expect(outcome.problems.isEmpty)
        #expect(outcome.summary.entries == 1207)
        try expectSame(site)
        // And goes away again.
        try site.shell("mkdir new; mv to new/extra; mv new to")
        let deleted = try site.restore { $0.delete = true }
        #expect(deleted.problems.isEmpty)
        #expect(deleted.summary.entriesDeleted == 1207)
        try expectSame(site)
    }

    @Test func aDirectoryOfManyEntriesComesBack() throws {
        let site = try Site(
            "mkdir d; cd d; for i in {1..5000}; do echo $i > $i; done; mkdir z; : > z/z")
        #expect(try site.restore().summary.entriesRestored == 5004)
        try expectSame(site)
    }

    // MARK: Where it lands

    @Test func aSnapshotKeepsItsPathsBelowTheTarget() throws {
        let site = try Site("echo x > x; chmod 711 ..; touch -d 2001-01-01 .")
        try site.shell("mkdir to; chmod 751 to")
        let outcome = try site.restore("")
        #expect(outcome.problems.isEmpty)
        let restored = "to\(site.source)"
        #expect(
            try site.shell("cat \(restored)/x; stat -c %y \(restored) | cut -c1-10")
                == "x\n2001-01-01")
        // The target is not "/": it is left alone, the directories above the source are not.
        #expect(try site.shell("stat -c %a to") == "751")
        #expect(try site.shell("stat -c %a to\(site.path)") == "711")
    }

    @Test func aFileLandsInTheTargetUnderItsName() throws {
        let site = try Site("mkdir d; echo x > d/x; echo y > d/y")
        #expect(try site.restore(site.at("d/x")).problems.isEmpty)
        #expect(try site.files() == "x")
        #expect(try site.shell("cat to/x; stat -c %a to") == "x\n700")
    }

    @Test func aDryRunWritesNothing() throws {
        let site = try Site("mkdir d; echo x > d/x; echo y > y; echo z > z")
        let none = try site.restore { $0.dryRun = true }
        #expect(none.summary.entriesRestored == 5)
        #expect(try site.shell("ls") == "outside\nsrc")
        try site.shell("mkdir -p to/extra; echo old > to/y; ln -s ../outside to/d; cp -a src/z to")
        let before = try site.shell("find . -printf '%p %i %T@ %C@ %m\\n' | sort")
        let outcome = try site.restore {
            $0.dryRun = true
            $0.delete = true
            $0.overwrite = .ifChanged
        }
        #expect(outcome.actions[site.at("y")] == .updated)
        #expect(outcome.actions[site.at("z")] == .unchanged)
        #expect(outcome.actions[site.at("extra")] == .deleted)
        #expect(outcome.actions[site.at("d/x")] == .restored)
        #expect(try site.shell("find . -printf '%p %i %T@ %C@ %m\\n' | sort") == before)
    }
}
