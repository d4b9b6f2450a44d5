# SPDX-License-Identifier: MIT
"""The backup programs that are measured, each behind the same few methods, and the plain tools.

Every program keeps its repository, cache and temporary files on the scratch tmpfs and compresses
with zstd,3 or its nearest; no password is asked for.
"""

import contextlib
import os
import shutil
import subprocess
import time

import machine

MOUNT_SECONDS_MAX = 300


class Tool:
    """One backup program with its own repository; subclasses give the command lines."""

    name = ""
    mount_modes = ("snapshot",)
    copies = True       # Can copy snapshots to another repository.
    accept = (0,)
    warm_up = ()        # A harmless command that brings the program into the page cache.

    def __init__(self, scratch):
        self.scratch = scratch
        self.repository = scratch.join(f"{self.name}/repository")
        self.copied = scratch.join(f"{self.name}/copy")
        self.point = scratch.join(f"{self.name}-mount")
        self.log = scratch.join(f"{self.name}.log")
        self.environment = dict(os.environ, TMPDIR=scratch.join("tmp"), LC_ALL="C.UTF-8")

    def run(self, *arguments, directory=None):
        return machine.run([self.program, *arguments], self.log, self.environment, directory,
                           self.accept)

    def clear(self):
        self.scratch.clear(f"{self.name}-mount", self.name)

    @contextlib.contextmanager
    def mounted(self, source, mode):
        """Mounts; yields (base, seconds): where `source` is below the mount, and the time
        until the mount point answered."""
        self.scratch.make(f"{self.name}-mount")
        start = time.monotonic()
        daemon = self.start_mount(mode)
        try:
            while self.point not in machine.mounts_below(self.point):
                if daemon and daemon.poll() is not None:
                    raise machine.StepError(f"{self.name} mount: {machine.tail(self.log)}")
                if time.monotonic() - start > MOUNT_SECONDS_MAX:
                    raise machine.StepError(f"{self.name} mount: not there in time")
                time.sleep(0.005)
            os.stat(self.point)     # Waits until the mount answers.
            yield self.base(source, mode), time.monotonic() - start
        finally:
            self.stop_mount(daemon)

    def start_daemon(self, *arguments):
        with open(self.log, "wb") as output:
            return subprocess.Popen([self.program, *arguments], stdin=subprocess.DEVNULL,
                                    stdout=output, stderr=output, env=self.environment)

    def stop_mount(self, daemon):
        machine.unmount(self.point)
        if daemon:
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


class Snapfs(Tool):
    name = "snapfs"
    mount_modes = ("snapshot", "history")
    warm_up = ("version",)

    def __init__(self, scratch, program):
        super().__init__(scratch)
        self.program = program
        self.environment |= {"SNAPFS_REPO": self.repository,
                             "SNAPFS_KEY_FILE": scratch.join("snapfs/key"),
                             "SNAPFS_CACHE_DIR": scratch.join("snapfs/cache")}
        for variable in ("SNAPFS_PASSWORD", "SNAPFS_PASSWORD_FILE", "SNAPFS_PASSWORD_COMMAND"):
            self.environment.pop(variable, None)

    def version(self):
        return subprocess.run([self.program, "version"], capture_output=True, text=True,
                              env=self.environment).stdout.strip()

    def init(self):
        self.scratch.make("snapfs")
        without_key = {name: value for name, value in self.environment.items()
                       if name != "SNAPFS_KEY_FILE"}
        machine.run([self.program, "init", "--new-key-file", self.environment["SNAPFS_KEY_FILE"]],
                    self.log, without_key)

    def backup(self, source):
        return self.run("backup", source)

    def restore(self, target):
        return self.run("restore", "latest", "--target", target)

    def check(self):
        return self.run("check", "--read-data")

    def open_with_password(self):
        """Lists the snapshots, opened by a password, which this adds as a key before."""
        self.environment["SNAPFS_NEW_PASSWORD"] = "benchmark"
        self.run("key", "add", "--label", "password")
        environment = self.environment | {"SNAPFS_PASSWORD": "benchmark"}
        del environment["SNAPFS_KEY_FILE"]
        return machine.run([self.program, "snapshots"], self.log, environment)

    def init_copy(self):
        self.environment |= {"SNAPFS_TO_REPO": self.copied,
                             "SNAPFS_TO_KEY_FILE": self.scratch.join("snapfs/key-copy")}
        environment = self.environment | {
            "SNAPFS_REPO": self.copied, "SNAPFS_FROM_KEY_FILE": self.environment["SNAPFS_KEY_FILE"]}
        del environment["SNAPFS_KEY_FILE"]
        machine.run([self.program, "init", "--new-key-file", environment["SNAPFS_TO_KEY_FILE"],
                     "--copy-chunker-from", self.repository], self.log, environment)

    def copy(self):
        return self.run("copy")

    def scrub(self):
        return self.run("scrub")

    def forget(self):
        return self.run("forget", "--keep-last", "1", "--min-keep", "1", "--prune")

    def base(self, source, mode):
        return self.point + ("/latest" if mode == "history" else "") + source

    def start_mount(self, mode):
        self.run("mount", *(["latest"] if mode == "snapshot" else []), self.point)

    def stop_mount(self, daemon):
        with contextlib.suppress(machine.StepError):
            self.run("umount", self.point)
        super().stop_mount(daemon)


class Restic(Tool):
    name = "restic"
    program = "restic"
    warm_up = ("version",)

    def __init__(self, scratch):
        super().__init__(scratch)
        self.environment |= {"RESTIC_REPOSITORY": self.repository, "RESTIC_PASSWORD": "benchmark",
                             "RESTIC_CACHE_DIR": scratch.join("restic/cache")}
        options = subprocess.run(["restic", "backup", "--help"], capture_output=True, text=True)
        self.options = ["--no-scan"] if "--no-scan" in options.stdout else []

    def version(self):
        return subprocess.run(["restic", "version"], capture_output=True, text=True).stdout.strip()

    def init(self):
        self.scratch.make("restic")
        self.run("init", "--repository-version", "2")

    def backup(self, source):
        # auto is zstd at restic's default level, which is that of zstd,3.
        return self.run("-q", "--compression", "auto", "backup", *self.options, source)

    def restore(self, target):
        return self.run("-q", "restore", "latest", "--target", target)

    def check(self):
        return self.run("-q", "check", "--read-data")

    def open_with_password(self):
        return self.run("-q", "--no-lock", "snapshots")

    def init_copy(self):
        self.environment |= {"RESTIC_FROM_REPOSITORY": self.repository,
                             "RESTIC_FROM_PASSWORD": self.environment["RESTIC_PASSWORD"]}
        self.run("-r", self.copied, "init", "--repository-version", "2", "--copy-chunker-params")

    def copy(self):
        return self.run("-q", "-r", self.copied, "copy")

    def forget(self):
        return self.run("-q", "forget", "--keep-last", "1", "--prune")

    def base(self, source, mode):
        return self.point + "/snapshots/latest" + source

    def start_mount(self, mode):
        return self.start_daemon("mount", self.point)


class Borg(Tool):
    name = "borg"
    program = "borg"
    copies = False
    accept = (0, 1)     # 1 is a warning, such as a file without read permission.
    warm_up = ("--version",)

    def __init__(self, scratch):
        super().__init__(scratch)
        self.environment |= {"BORG_REPO": self.repository, "BORG_PASSPHRASE": "benchmark",
                             "BORG_BASE_DIR": scratch.join("borg/base")}
        self.count = 0

    def version(self):
        return subprocess.run(["borg", "--version"], capture_output=True, text=True).stdout.strip()

    def init(self):
        self.scratch.make("borg")
        self.count = 0
        self.run("init", "--encryption", "repokey")

    def backup(self, source):
        self.count += 1
        return self.run("create", "--compression", "zstd,3", f"::snapshot{self.count}", source)

    def restore(self, target):
        return self.run("extract", f"::snapshot{self.count}", directory=target)

    def check(self):
        return self.run("check", "--verify-data")

    def open_with_password(self):
        return self.run("list")

    def forget(self):
        prune, compact = self.run("prune", "--keep-last", "1"), self.run("compact")
        return machine.Run(prune.seconds + compact.seconds, max(prune.memory, compact.memory))

    def base(self, source, mode):
        return self.point + source

    def start_mount(self, mode):
        return self.start_daemon("mount", "--foreground", f"::snapshot{self.count}", self.point)


class Plain:
    """What the same work costs without any backup program."""

    name = "plain"

    def __init__(self, scratch):
        self.scratch = scratch
        self.log = scratch.join("plain.log")

    def run(self, arguments, directory=None):
        return machine.run(arguments, self.log, directory=directory)

    def pipeline(self, source):
        """tar, zstd -1 on two threads and AES-256-CTR; returns (run, bytes written)."""
        output = self.scratch.join("plain-pipeline")
        result = self.run("tar -cf - . | zstd -q -1 -T2 -c | openssl enc -aes-256-ctr "
                          f"-K {'5a' * 32} -iv {'a5' * 16} -out '{output}'", source)
        size = os.path.getsize(output)
        os.unlink(output)
        return result, size

    def copy(self, source, target):
        return self.run(["cp", "-a", source + "/.", target])

    def list(self, base):
        return self.run(["ls", base])

    def find(self, base):
        return self.run(["find", base])

    def hash_all(self, base):
        """SHA-256 of every file, on all processors."""
        return self.run(f"find '{base}' -type f -print0 | xargs -0 -P{os.cpu_count()} -n1 sha256sum")

    def find_attributes(self, base):
        return self.run(["find", base, "-printf", "%y %m %U %G %s %T@ %C@ %i %n %p %l\\n"])

    def read_all(self, base, names):
        """Reads every regular file, named in the file `names` relative to `base`."""
        return self.run(f"xargs -0 cat < '{names}' > /dev/null", base)

    def tar(self, base):
        # To a pipe: tar reads no content when it sees that its output is /dev/null.
        return self.run("tar -cf - . | cat > /dev/null", base)


def find_tools(names, snapfs, scratch):
    """The programs to measure, and a sentence for each that is missing."""
    found, missing = [], []
    if snapfs:
        found.append(Snapfs(scratch, os.path.abspath(snapfs)))
    for name in names:
        if shutil.which(name):
            found.append({"restic": Restic, "borg": Borg}[name](scratch))
        else:
            missing.append(f"{name} is not installed and was not measured")
    return found, missing
