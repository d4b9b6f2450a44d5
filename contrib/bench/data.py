# SPDX-License-Identifier: MIT
"""The sources of the benchmark: small files, a system tree, one large file, ten states of one tree.

`small`, `large` and `life` come from a fixed seed and are the same on every machine. `tree` is a sample of
the machine's own system directories, copied once so that it holds still. A finished source has a
stamp beside it and is used again by the next run.
"""

import os
import random
import shutil
import subprocess
import sys
from itertools import accumulate

SMALL_FILES = 60_000
SMALL_FILES_PER_DIRECTORY = 100
SMALL_SIZE_MIN = 1 << 10
SMALL_SIZE_MAX = 16 << 10
# Shares and phrase counts chosen so that zstd,3 makes 0.29 GB of the small files one by one and
# 0.19 GB in groups of 256 KiB, as it does with a mixed set of configuration, source and log files.
SMALL_RANDOM_SHARE = 0.22
PHRASES_PER_DIRECTORY = 1_200
# Text about as hard for zstd -1 as a directory of program libraries (3 times smaller).
PHRASES_LARGE = 8_000

LARGE_SIZE = 3_200_000_000
LARGE_BLOCK = 64 << 20

LIFE_STATES = 10
LIFE_FILES = 26_000
LIFE_SIZE_MIN = 4 << 10
LIFE_SIZE_MAX = 80 << 10
LIFE_CHANGED_SHARE = 0.2

TREE_ENTRIES = 74_000
TREE_SIZE = 2_300_000_000
TREE_ROOTS = ("/usr", "/opt", "/etc", "/var/lib")

SEED = 1
VERSION = 3     # to be raised when the same parameters make other data


def make(name, directory, scale):
    """Makes the source `name` under `directory` unless it is there; returns its path."""
    path = os.path.join(directory, f"{name}-{VERSION}-{scale:g}", name)
    stamp = os.path.join(os.path.dirname(path), "complete")
    if not os.path.exists(stamp):
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)
        os.makedirs(path)
        # In a process of its own: what it held in memory would count as the peak of every command
        # that the benchmark starts afterwards (ru_maxrss keeps what was there before exec).
        subprocess.run([sys.executable, __file__, name, path, str(scale)], check=True)
        os.sync()
        open(stamp, "w").close()
    return path


def measure(path, links_once=True):
    """(entries, bytes of regular files) below `path`; hard links count once or every time."""
    entries, size, seen = 0, 0, set()
    for directory, directories, files in os.walk(path):
        entries += len(directories) + len(files)
        for name in files:
            status = os.lstat(os.path.join(directory, name))
            if status.st_nlink > 1 and links_once:
                if status.st_ino in seen:
                    continue
                seen.add(status.st_ino)
            if not os.path.islink(os.path.join(directory, name)):
                size += status.st_size
    return entries, size


class Text:
    """Text-like data: lines of invented words with a Zipf-like distribution."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        starts = "b c d f g l m n p r s t v st tr pl".split()
        ends = "a e i o u an er in or".split()
        syllables = [start + end for start in starts for end in ends]
        self.words = ["".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3))))
                      for _ in range(20_000)]
        self.weights = list(accumulate(1 / (rank + 8) for rank in range(len(self.words))))
        self.ends = (" ", ", ", ".\n", "\n", " = ", "; ")

    def phrases(self, count):
        draw = self.random
        return [(" ".join(draw.choices(self.words, cum_weights=self.weights, k=draw.randint(2, 7)))
                 + draw.choice(self.ends)).encode() for _ in range(count)]

    def fill(self, phrases, size):
        parts, length = [], 0
        while length < size:
            part = b"".join(self.random.choices(phrases, k=(size - length) // 24 + 1))
            parts.append(part)
            length += len(part)
        return b"".join(parts)[:size]


def make_small(path, scale):
    text = Text(SEED)
    for number in range(int(SMALL_FILES * scale) // SMALL_FILES_PER_DIRECTORY):
        directory = os.path.join(path, f"d{number // 25:02}", f"e{number % 25:02}")
        os.makedirs(directory)
        phrases = text.phrases(PHRASES_PER_DIRECTORY)
        for file in range(SMALL_FILES_PER_DIRECTORY):
            size = text.random.randint(SMALL_SIZE_MIN, SMALL_SIZE_MAX)
            is_random = text.random.random() < SMALL_RANDOM_SHARE
            content = text.random.randbytes(size) if is_random else text.fill(phrases, size)
            with open(os.path.join(directory, f"file-{file:03}"), "wb") as output:
                output.write(content)


def make_large(path, scale):
    text = Text(SEED + 1)
    phrases = text.phrases(PHRASES_LARGE)
    left, number = int(LARGE_SIZE * scale), 0
    with open(os.path.join(path, "large.bin"), "wb") as output:
        while left:
            size = min(left, LARGE_BLOCK)
            output.write(text.fill(phrases, size) if number % 2 else text.random.randbytes(size))
            left -= size
            number += 1


def make_life(path, scale):
    """`0` has every file; each of the others those that changed since the one before, which lie
    everywhere. One file in two is random for ever, the others are text. Some 2 GB are stored."""
    text = Text(SEED + 2)
    phrases = text.phrases(PHRASES_LARGE)
    files = range(int(LIFE_FILES * scale))
    for state in range(LIFE_STATES):
        changed = text.random.sample(files, int(len(files) * LIFE_CHANGED_SHARE)) if state else files
        for number in sorted(changed):
            directory = os.path.join(path, str(state), f"d{number // 100:03}")
            os.makedirs(directory, exist_ok=True)
            size = text.random.randint(LIFE_SIZE_MIN, LIFE_SIZE_MAX)
            content = text.random.randbytes(size) if number % 2 else text.fill(phrases, size)
            with open(os.path.join(directory, f"file-{number % 100:02}"), "wb") as output:
                output.write(content)


def make_tree(path, scale):
    entries, size = int(TREE_ENTRIES * scale), int(TREE_SIZE * scale)
    units = []
    for root in TREE_ROOTS:
        if os.path.isdir(root) and not os.path.islink(root):
            collect_units(root, os.lstat(root).st_dev, path, size // 20, entries // 20, units)
        if sum(unit[2] for unit in units) > 1.5 * size and len(units) > 100:
            break
    # A seeded shuffle makes a mixture of everything instead of the first letters of the alphabet.
    random.Random(SEED).shuffle(units)
    copy_paths(sorted(choose(units, entries, size)), path)


def choose(units, entries, size):
    """Paths of units that together come near both `entries` and `size` without exceeding them."""
    chosen, skipped, entries_left, size_left = [], [], entries, size
    for careful in (True, False):
        for unit in units:
            paths, count, length = unit
            # At first, what would run through the bytes too fast for the entries is put off.
            dense = length * entries > size * count and size_left * entries < entries_left * size
            if count > entries_left or length > size_left or careful and dense:
                skipped.append(unit)
                continue
            chosen += paths
            entries_left -= count
            size_left -= length
        units, skipped = skipped, []
    return chosen


def collect_units(path, device, excluded, size_max, entries_max, units):
    """Appends (paths, entries, bytes) for `path` whole if it is within the limits, else for each of
    its parts; returns the same triple for the whole."""
    paths, entries, size, parts = [path], 1, 0, []
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.path == excluded or excluded.startswith(entry.path + "/"):
            continue
        status = entry.stat(follow_symlinks=False)
        if status.st_dev != device:
            continue
        if entry.is_dir(follow_symlinks=False):
            below = []
            part = collect_units(entry.path, device, excluded, size_max, entries_max, below)
            parts += below
        else:
            part = ([entry.path], 1, status.st_size if entry.is_file(follow_symlinks=False) else 0)
            parts.append(part)
        paths += part[0]
        entries += part[1]
        size += part[2]
    whole = (paths, entries, size)
    if entries <= entries_max and size <= size_max:
        units.append(whole)
    else:
        units += parts
    return whole


def copy_paths(paths, target):
    """Copies the named items, their parents too, with all attributes."""
    names = b"".join(os.fsencode(path.lstrip("/")) + b"\0" for path in paths)
    reader = subprocess.Popen(
        ["tar", "-C", "/", "--xattrs", "--acls", "--no-recursion", "--null", "-T", "-", "-cf", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    writer = subprocess.Popen(["tar", "-C", target, "--xattrs", "--xattrs-include=*", "--acls",
                               "-xpf", "-"], stdin=reader.stdout)
    reader.stdout.close()
    reader.stdin.write(names)
    reader.stdin.close()
    # A file that changes while it is copied is no failure here: the copy is what counts.
    if reader.wait() > 1 or writer.wait() != 0:
        raise RuntimeError("the system tree could not be copied")


MAKERS = {"small": make_small, "tree": make_tree, "large": make_large, "life": make_life}

if __name__ == "__main__":
    MAKERS[sys.argv[1]](sys.argv[2], float(sys.argv[3]))
