# SPDX-License-Identifier: MIT
"""What keeps a repository alive: scrub, copy, forget with prune, and the versions of one file.

Ten states of a tree are backed up by every program, a fifth of the files changing between two of
them; the tree lies on the scratch tmpfs, too. The copy goes to a second repository on the same
tmpfs. The versions are those of one file that changed in each of 1,000 snapshots (see history.py).
"""

import os

import data
import history
import machine

STEPS = ("scrub", "copy", "forget", "versions")
# scrub and sha256sum take turns, as they are short and near to each other.
SCRUBS = 3
SNAPSHOTS = 1000


class Life:
    """One round of these steps; the figures are those of `bench`."""

    def __init__(self, bench):
        self.bench = bench
        self.plain = bench.plain
        self.scratch = bench.scratch
        self.programs = list(bench.order)
        self.snapfs = next((program for program in self.programs if program.name == "snapfs"), None)

    def round(self):
        self.backups()
        if "scrub" in self.bench.steps and self.snapfs:
            self.scrubs()
        if "copy" in self.bench.steps:
            self.copies()
        if "forget" in self.bench.steps:
            self.forget()
        if "versions" in self.bench.steps and self.snapfs:
            self.versions()

    def add(self, row, program, run):
        self.bench.add(row, program, run.seconds)
        if program != "plain":
            self.bench.add(row + ".memory", program, run.memory)

    def backups(self):
        for program in self.programs:
            with self.bench.tolerate("ten backups", program):
                program.init()
                tree = self.scratch.make("tree")
                seconds = 0
                for state in range(data.LIFE_STATES):
                    self.plain.copy(os.path.join(self.bench.source, str(state)), tree)
                    seconds += program.backup(tree).seconds
                self.bench.add("states", program.name, seconds)
                self.bench.add("states.size", program.name,
                               machine.directory_size(program.repository))
            self.scratch.clear("tree")

    def scrubs(self):
        with self.bench.tolerate("scrub", self.snapfs):
            for _ in range(SCRUBS):
                self.add("scrub", "snapfs", self.snapfs.scrub())
                self.add("scrub", "plain", self.plain.hash_all(self.snapfs.repository))

    def copies(self):
        for program in self.programs:
            with self.bench.tolerate("copy", program):
                self.add("open", program.name, program.open_with_password())
                if not program.copies:
                    continue
                program.init_copy()
                self.scratch.touch_memory(self.bench.bytes)
                self.add("copy", program.name, program.copy())
                self.bench.add("copy.size", program.name, machine.directory_size(program.copied))
                self.add("recopy", program.name, program.copy())
                self.scratch.clear(f"{program.name}/copy")

    def forget(self):
        for program in self.programs:
            with self.bench.tolerate("forget", program):
                self.scratch.touch_memory(self.bench.bytes)
                run = program.forget()
                size = machine.directory_size(program.repository)
                program.check()     # A figure counts only if what is kept is whole.
                self.add("forget", program.name, run)
                self.bench.add("forget.size", program.name, size)

    def versions(self):
        with self.bench.tolerate("versions", self.snapfs):
            self.snapfs.clear()
            self.snapfs.init()
            self.scratch.clear("versions")
            source = self.scratch.join("versions/data")
            history.make_snapshots(self.snapfs, source, int(SNAPSHOTS * self.bench.scale))
            for step, run in history.measure(self.snapfs, self.plain, source):
                self.bench.add(f"versions.{step}", "snapfs", run.seconds)
                if step in history.STEPS_WITH_MEMORY:
                    self.bench.add(f"versions.{step}.memory", "snapfs", run.memory)
            self.scratch.clear("versions")
