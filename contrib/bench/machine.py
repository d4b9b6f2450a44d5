# SPDX-License-Identifier: MIT
"""Timed processes, caches, mounts and the scratch tmpfs: all the benchmark asks of the machine."""

import atexit
import os
import shutil
import signal
import subprocess
import threading
import time

TIMEOUT_SECONDS = 1800


class StepError(Exception):
    """A measured command failed; the message holds the end of its output."""


class Run:
    """Wall time in seconds and peak resident memory in bytes of one finished command."""

    def __init__(self, seconds, memory):
        self.seconds = seconds
        self.memory = memory


def run(arguments, log, environment=None, directory=None, accept=(0,)):
    """Runs a command to its end; a string is a bash line with pipefail.

    The memory is ru_maxrss from wait4: the largest of the process and the children it waited for,
    and never less than this interpreter has at the moment (some 20 MiB).
    """
    if isinstance(arguments, str):
        arguments = ["bash", "-o", "pipefail", "-c", arguments]
    with open(log, "wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, env=environment, cwd=directory,
                                   start_new_session=True)
        timer = threading.Timer(TIMEOUT_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        command = " ".join(arguments)
        raise StepError(f"{command}: status {process.returncode}: {tail(log)}")
    return Run(seconds, usage.ru_maxrss * 1024)


def tail(path):
    with open(path, "rb") as file:
        return file.read()[-800:].decode(errors="replace").strip()


def drop_caches(paths):
    """Makes `paths` cold: the whole page cache where permitted, else file by file."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        return "drop_caches"
    except OSError:
        pass
    for top in paths:
        for directory, _, files in os.walk(top):
            for name in files:
                path = os.path.join(directory, name)
                if not os.path.islink(path):
                    descriptor = os.open(path, os.O_RDONLY)
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                    os.close(descriptor)
    return "posix_fadvise (contents only: drop_caches is not permitted here)"


def available_memory():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def mounts_below(directory):
    """Mount points at or below `directory`, innermost first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            point = line.split()[4].replace("\\040", " ")
            if point == directory or point.startswith(directory + "/"):
                found.append(point)
    return sorted(found, key=len, reverse=True)


def unmount(point):
    for _ in range(50):
        if point not in mounts_below(point):
            return
        if subprocess.run(["umount", point], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", point])


class Scratch:
    """A tmpfs of our own at `path`; it and every mount below it go away at exit."""

    def __init__(self, path):
        self.path = path
        for point in mounts_below(path):
            unmount(point)
        os.makedirs(path, exist_ok=True)
        size = available_memory() * 9 // 10
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes=0,mode=700",
                        "snapfs-bench", path], check=True)
        atexit.register(self.remove)
        self.make("tmp")

    def make(self, name):
        """An empty directory `name`; what it held before is removed."""
        path = self.join(name)
        self.clear(name)
        os.makedirs(path)
        return path

    def clear(self, *names):
        for name in names:
            for point in mounts_below(self.join(name)):
                unmount(point)
            if os.path.lexists(self.join(name)):
                subprocess.run(["rm", "-rf", self.join(name)], check=True)

    def touch_memory(self, size):
        """Writes and removes a file of `size` bytes, so that what is timed next finds memory that
        the machine has at hand: a virtual one may first have to ask its host for it."""
        path = self.join("touched")
        zeros = bytes(1 << 20)
        with open(path, "wb", buffering=0) as file:
            for _ in range(size >> 20):
                file.write(zeros)
        os.unlink(path)

    def join(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        for point in mounts_below(self.path):
            unmount(point)
        shutil.rmtree(self.path, ignore_errors=True)


def directory_size(path):
    """Sum of the sizes of all files below `path`."""
    return sum(os.lstat(os.path.join(directory, name)).st_size
               for directory, _, files in os.walk(path) for name in files)


def peak_memory(argument):
    """The largest VmHWM of the live processes that have `argument` on their command line."""
    peak = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.fsencode(argument) not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]) * 1024)
        except OSError:
            continue    # The process ended while we looked.
    return peak


def description():
    facts = {"cores": os.cpu_count(), "kernel": os.uname().release, "processor": "",
             "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                facts["processor"] = line.split(":", 1)[1].strip()
                break
    return facts
