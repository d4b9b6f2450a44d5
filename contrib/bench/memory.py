#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the peak memory of snapfs beside an index that grows.

    swift build -c release --product snapfs-bench-index
    memory.py --snapfs .build/release/snapfs --index .build/release/snapfs-bench-index

60,000 small files are backed up, mounted and read, restored and checked in repositories whose
index has 0, 600,000 (ten times the chunks of the source) and 10,000,000 invented entries before,
in one segment and in so many that the backup merges them. check calls the invented packs missing,
as they are. Runs as root, as bench.py does.
"""

import argparse
import os
import sys

import data
import machine
import table
import tools

INDEXES = ((0, 0), (600_000, 1), (10_000_000, 1), (10_000_000, 39))


class Snapfs(tools.Snapfs):
    """The program, beside an index of invented entries."""

    accept = (0, 13)    # 13: check has found that packs are missing.

    def __init__(self, scratch, program, index):
        super().__init__(scratch, program)
        self.index = index

    def invent(self, entries, segments):
        if entries:
            machine.run([self.index, "add", self.repository, self.environment["SNAPFS_KEY_FILE"],
                         str(entries), str(segments)], self.log)


def measure(snapfs, plain, scratch, source):
    """Yields (step, run) of everything that is done with one repository."""
    yield "backup", snapfs.backup(source)
    yield "unchanged", snapfs.backup(source)
    with snapfs.mounted(source, "snapshot") as (base, _):
        plain.find_attributes(base)
        run = plain.tar(base)
        run.memory = machine.peak_memory(snapfs.point)
        yield "mount", run
    yield "restore", snapfs.restore(scratch.make("copy"))
    scratch.clear("copy")
    yield "check", snapfs.check()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--snapfs", required=True, metavar="PATH")
    parser.add_argument("--index", required=True, metavar="PATH", help="snapfs-bench-index")
    parser.add_argument("--work", default="/var/tmp/snapfs-bench", metavar="DIR",
                        help="sources and the scratch tmpfs (default: %(default)s)")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    source = data.make("small", os.path.join(arguments.work, "sources"), 1)
    scratch = machine.Scratch(os.path.join(arguments.work, "scratch-memory"))
    plain = tools.Plain(scratch)
    for entries, segments in INDEXES:
        snapfs = Snapfs(scratch, os.path.abspath(arguments.snapfs), arguments.index)
        snapfs.init()
        snapfs.invent(entries, segments)
        print(f"{entries} invented entries in {segments} segments")
        for step, run in measure(snapfs, plain, scratch, source):
            print(f"  {step:10} {table.cell(run.memory, 'MiB'):>10} {run.seconds:8.2f} s",
                  flush=True)
        snapfs.clear()


if __name__ == "__main__":
    sys.exit(main())
