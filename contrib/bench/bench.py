#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures snapfs against restic, borg and the plain tools, in one run, and prints the ratios.

Sources lie on disk and are cold for the first backup; repositories, caches and copies lie on a
tmpfs of its own, so that the disk's mood decides as little as possible. In every round each step is
done by all programs one after the other, starting with another one each time; the table shows the
medians of the rounds. Runs as root: it mounts the tmpfs and drops the page cache.

    bench.py --snapfs .build/release/snapfs                 everything, three rounds
    bench.py --snapfs .build/release/snapfs --quick         a tenth of the data, one round
    bench.py --snapfs PATH --data small --steps cp --rounds 5 --peers ''

The plain column: tar | zstd -1 -T2 | openssl for the first backup, find -printf for the unchanged
backup, and for the mounts the same command on the source itself, all of it in the page cache; "read
again" reads the plain copy, in a tmpfs.
Memory that a virtual machine has given back to its host costs up to 2.6 s per GB to touch again
(measured with a program that does nothing else). A copy out of a mount fills the page cache and the
copy, a plain one the copy only, so before each of them as much memory is written and freed as the
greater of the two needs.
`life` are ten states of one tree, for what keeps a repository alive: see life.py.
"source, only read" is the disk's part of a first backup: where it comes near the pipeline's time
the disk decides, and the ratio of the first backup says little.

restic and borg stretch a password in every command, snapfs opens with a key file. borg reads the
newest file of a source again in an unchanged backup: of `large` that is all there is.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys

import data
import life
import machine
import table
import tools

STEPS = ("backup", "unchanged", "ls", "find", "cp", "history", "reread", "tar", "restore", "check",
         *life.STEPS)
# Times the size of a source that one round holds in memory: the source itself, three repositories, a
# copy that is being made, the kernel's cache of the mount.
MEMORY_FACTOR = 5.0


class Bench:
    """All measurements of one source. Figures are {row: {program: [figure, ...]}}."""

    def __init__(self, name, source, programs, plain, scratch, steps, scale):
        self.name = name
        self.source = source
        self.programs = programs
        self.plain = plain
        self.scratch = scratch
        self.steps = steps
        self.scale = scale
        self.figures = {}
        self.errors = []
        self.entries, self.bytes = data.measure(source)
        self.expected = data.measure(source, links_once=False)
        self.names = scratch.join("names")
        self.write_names()

    def write_names(self):
        """The regular files of the source, for xargs -0, in the order of a directory walk."""
        with open(self.names, "wb") as output:
            for directory, _, files in os.walk(self.source):
                for file in files:
                    path = os.path.join(directory, file)
                    if not os.path.islink(path) and os.path.isfile(path):
                        output.write(os.fsencode(os.path.relpath(path, self.source)) + b"\0")

    def add(self, row, program, figure):
        self.figures.setdefault(row, {}).setdefault(program, []).append(figure)
        title, unit = table.ROWS[row]
        print(f"  {self.name:6} {program:7} {title.strip():30} {table.cell(figure, unit)}",
              file=sys.stderr, flush=True)

    def round(self, number):
        """One round of all steps, each by all programs in turn."""
        turn = number % len(self.programs) if self.programs else 0
        self.order = self.programs[turn:] + self.programs[:turn]
        if self.name == "life":
            life.Life(self).round()
        else:
            self.backups_and_mounts()
        for program in self.programs:
            program.clear()

    def backups_and_mounts(self):
        self.first_backups()
        if "unchanged" in self.steps:
            self.unchanged_backups()
        if "ls" in self.steps:
            self.each_mount(self.measure_ls)
        if "find" in self.steps:
            self.each_mount(self.measure_find)
            self.each_mount(self.measure_find_attributes)
        if {"cp", "history", "reread", "tar"} & self.steps:
            self.each_mount(self.measure_copy)
        if "restore" in self.steps:
            self.restores()
        if "check" in self.steps:
            self.checks()

    @contextlib.contextmanager
    def tolerate(self, step, program):
        """A step that fails is named at the end and has no figure; the others go on."""
        try:
            yield
        except (machine.StepError, OSError) as error:
            self.errors.append(f"{self.name}, {step}, {program.name}: {error}")
            print("  FAILED " + self.errors[-1], file=sys.stderr, flush=True)

    def cool(self):
        """Cold sources, with the programs themselves back in the page cache."""
        how = machine.drop_caches([self.source])
        for program in self.programs:
            with contextlib.suppress(machine.StepError):
                program.run(*program.warm_up)
        self.plain.run("for tool in tar zstd; do $tool --version; done; openssl version")
        return how

    def first_backups(self):
        for program in self.order:
            with self.tolerate("init", program):
                program.init()
            self.cool()
            with self.tolerate("first backup", program):
                result = program.backup(self.source)
                self.add("backup", program.name, result.seconds)
                self.add("backup.memory", program.name, result.memory)
                self.add("size", program.name, machine.directory_size(program.repository))
        if "backup" in self.steps:
            self.cool()
            self.add("read", "plain", self.plain.tar(self.source).seconds)
            self.cool()
            with self.tolerate("pipeline", self.plain):
                result, size = self.plain.pipeline(self.source)
                self.add("backup", "plain", result.seconds)
                self.add("size", "plain", size)

    def unchanged_backups(self):
        self.plain.find_attributes(self.source)     # The attributes are warm for everyone.
        for program in self.order:
            with self.tolerate("unchanged backup", program):
                self.add("unchanged", program.name, program.backup(self.source).seconds)
        self.add("unchanged", "plain", self.plain.find_attributes(self.source).seconds)

    def each_mount(self, measure):
        """`measure(program name, row suffix, base)` in a fresh mount of each program and kind, and
        on the source, hot. Not on a copy in the tmpfs of the targets: within one file system cp
        leaves the copying to the kernel, which it can do from no mount."""
        for program in self.order:
            for mode in program.mount_modes:
                if mode == "history" and "history" not in self.steps:
                    continue
                with self.tolerate("mount", program):
                    with program.mounted(self.source, mode) as (base, seconds):
                        if measure == self.measure_ls:
                            self.add(f"mount.{mode}", program.name, seconds)
                        measure(program.name, mode, base)
                        if measure == self.measure_copy:
                            self.add_mount_memory(program, mode)
        self.plain.tar(self.source)     # All of it in the page cache.
        measure("plain", "snapshot", self.source)

    def add_mount_memory(self, program, mode):
        memory = machine.peak_memory(program.point)
        if memory == 0:
            raise machine.StepError(f"no process has {program.point} on its command line")
        self.add(f"mount.memory.{mode}", program.name, memory)

    def measure_ls(self, program, mode, base):
        self.add(f"ls.{mode}", program, self.plain.list(base).seconds)

    def measure_find(self, program, mode, base):
        self.add(f"find.{mode}", program, self.plain.find(base).seconds)

    def measure_find_attributes(self, program, mode, base):
        self.add(f"findattr.{mode}", program, self.plain.find_attributes(base).seconds)

    def measure_copy(self, program, mode, base):
        target = self.scratch.make("copy")
        self.scratch.touch_memory(2 * self.bytes)
        self.add(f"cp.{mode}", program, self.plain.copy(base, target).seconds)
        self.compare(target)
        if "reread" in self.steps:
            # Against a tmpfs, as the mount's pages are small ones, too.
            place = target if program == "plain" else base
            self.add(f"reread.{mode}", program, self.plain.read_all(place, self.names).seconds)
        self.scratch.clear("copy")
        if "tar" in self.steps:
            self.add(f"tar.{mode}", program, self.plain.tar(base).seconds)

    def compare(self, path):
        """A figure counts only if all of the data arrived; a mount may have split hard links."""
        if data.measure(path, links_once=False) != self.expected:
            raise machine.StepError(f"{path}: not as many entries and bytes as the source has")

    def restores(self):
        for program in self.order:
            with self.tolerate("restore", program):
                target = self.scratch.make("copy")
                result = program.restore(target)
                self.add("restore", program.name, result.seconds)
                self.add("restore.memory", program.name, result.memory)
                self.compare(target + self.source)
            self.scratch.clear("copy")

    def checks(self):
        for program in self.order:
            with self.tolerate("check", program):
                result = program.check()
                self.add("check", program.name, result.seconds)
                self.add("checkrate", program.name, self.bytes / result.seconds)
                self.add("check.memory", program.name, result.memory)

    def facts(self):
        return {"entries": self.entries, "bytes": self.bytes}


def words(allowed):
    """An argument of comma-separated words, each one of `allowed`."""
    def parse(text):
        chosen = [word for word in text.split(",") if word]
        for word in chosen:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"{word}: not one of {', '.join(allowed)}")
        return chosen
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--snapfs", metavar="PATH", help="the program (release build); without it "
                        "only the peers and the plain tools are measured")
    parser.add_argument("--rounds", type=int, help="rounds of each source (default 3)")
    parser.add_argument("--data", type=words(tuple(data.MAKERS)), default=list(data.MAKERS),
                        metavar="LIST", help=f"of {','.join(data.MAKERS)} (default: all)")
    parser.add_argument("--steps", type=words(STEPS), default=list(STEPS), metavar="LIST",
                        help=f"of {','.join(STEPS)} (default: all); the first backup is always "
                        "done, history adds the mount of the whole history")
    parser.add_argument("--peers", type=words(table.PEERS), default=list(table.PEERS),
                        metavar="LIST", help="of restic,borg (default: both)")
    parser.add_argument("--work", default="/var/tmp/snapfs-bench", metavar="DIR",
                        help="sources, the scratch tmpfs, bench.json (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, one round")
    parser.add_argument("--keep", action="store_true", help="keep the sources for the next run")
    arguments = parser.parse_args()
    arguments.scale = 0.1 if arguments.quick else 1
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.work = os.path.realpath(arguments.work)
    if os.geteuid() != 0:
        parser.error("must run as root: it mounts a tmpfs and drops the page cache")
    if arguments.snapfs and not os.access(arguments.snapfs, os.X_OK):
        parser.error(f"{arguments.snapfs}: not a program")
    return arguments


def check_memory(facts, name):
    need = int(MEMORY_FACTOR * facts[1])
    if machine.available_memory() < need:
        print(f"warning: {name} wants {need / table.GB:.0f} GB of memory, "
              f"{machine.available_memory() / table.GB:.0f} GB are free", file=sys.stderr)


def measure_all(arguments, scratch, programs, report):
    """Every source in turn; the report grows as they finish, so a broken run leaves what it has."""
    plain = tools.Plain(scratch)
    for name in arguments.data:
        print(f"{name}: making the source", file=sys.stderr, flush=True)
        source = data.make(name, os.path.join(arguments.work, "sources"), arguments.scale)
        check_memory(data.measure(source), name)
        bench = Bench(name, source, programs, plain, scratch, set(arguments.steps),
                      arguments.scale)
        report["cold"] = bench.cool()
        for number in range(arguments.rounds):
            print(f"{name}: round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
            bench.round(number)
        report["data"][name] = bench.facts() | {"figures": bench.figures}
        report["errors"] += bench.errors
        with open(os.path.join(arguments.work, "bench.json"), "w") as file:
            json.dump(report, file, indent=1)


def print_report(arguments, report):
    facts = report["machine"]
    print(f"{facts['cores']} cores, {facts['memory'] / 2**30:.0f} GiB, {facts['processor']}, "
          f"Linux {facts['kernel']}")
    print("; ".join(report["versions"].values()))
    print(f"medians of {arguments.rounds}; cold sources by {report['cold']}; best peer/snapfs "
          "is how many times better snapfs is than the better peer")
    for name, result in report["data"].items():
        print()
        print(table.format_table(name, result, table.medians(result["figures"])))
    for error in dict.fromkeys(report["errors"]):
        print(f"\nfailed: {error}")


def main():
    arguments = parse_arguments()
    # Cleaning up hangs on atexit, which a signal would skip.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(arguments.work, exist_ok=True)
    scratch = machine.Scratch(os.path.join(arguments.work, "scratch"))
    programs, missing = tools.find_tools(arguments.peers, arguments.snapfs, scratch)
    report = {"machine": machine.description(), "rounds": arguments.rounds,
              "scale": arguments.scale, "cold": "", "data": {}, "errors": missing,
              "versions": {program.name: program.version() for program in programs}}
    try:
        measure_all(arguments, scratch, programs, report)
    finally:
        for program in programs:
            with contextlib.suppress(Exception):
                program.clear()
        if not arguments.keep:
            shutil.rmtree(os.path.join(arguments.work, "sources"), ignore_errors=True)
    print_report(arguments, report)
    return 1 if report["errors"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
