#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the history of one file that changed in each of many snapshots.

    history.py --snapfs .build/release/snapfs

A directory of 300 files, of which one changes, is backed up so many times. Its versions are listed
in a fresh mount (cold), once more, and with their attributes after the kernel has forgotten the
names; then every name below history/ is met. life.py does the same for the table of bench.py. Runs
as root, as bench.py does.
"""

import argparse
import os
import sys
import time

import machine
import table
import tools

STEPS_WITH_MEMORY = ("find", "log")


def make_snapshots(snapfs, source, count):
    os.makedirs(source)
    for number in range(300):
        with open(os.path.join(source, f"file-{number}"), "w") as file:
            file.write(f"file {number}\n")
    for number in range(count):
        with open(os.path.join(source, "report.odt"), "w") as file:
            file.write(f"version {number}\n")
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_600_000_000 + 3600 * number))
        snapfs.run("backup", "--quiet", "--time", when, source)


def measure(snapfs, plain, source):
    """Yields (step, run) of everything that is done with one mount."""
    with snapfs.mounted(source, "history"):
        history = snapfs.point + "/history"
        report = history + source + "/report.odt"
        yield "cold", plain.list(report)
        yield "warm", plain.list(report)
        time.sleep(1.5)
        yield "attributes", plain.run(["ls", "-l", report])
        run = plain.find(history)
        run.memory = machine.peak_memory(snapfs.point)
        yield "find", run
    yield "log", snapfs.run("log", source + "/report.odt")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--snapfs", required=True, metavar="PATH")
    parser.add_argument("--snapshots", type=int, default=1000)
    parser.add_argument("--work", default="/var/tmp/snapfs-bench", metavar="DIR",
                        help="the scratch tmpfs (default: %(default)s)")
    arguments = parser.parse_args()
    scratch = machine.Scratch(os.path.join(arguments.work, "scratch-history"))
    snapfs = tools.Snapfs(scratch, os.path.abspath(arguments.snapfs))
    snapfs.init()
    source = scratch.join("source/data")
    make_snapshots(snapfs, source, arguments.snapshots)
    for step, run in measure(snapfs, tools.Plain(scratch), source):
        memory = table.cell(run.memory, "MiB") if step in STEPS_WITH_MEMORY else ""
        print(f"{step:10} {run.seconds:8.3f} s {memory:>10}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
