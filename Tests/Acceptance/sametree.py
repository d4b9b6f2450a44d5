#!/usr/bin/env python3
"""Compare two file trees entry by entry and print every difference; exit 1 if there is one.

    sametree.py [OPTIONS] A B

Compared: names, types, modes, owners, sizes, mtimes to the nanosecond, link targets, device numbers,
extended attributes of every namespace (ACLs and capabilities are such), which names are hard links of
one inode, content, and where the holes are (4 KiB granularity, in files of more than that). Not
compared: atime, ctime, inode numbers, the size of directories. Exit 2: a tree could not be read.
"""
import argparse
import errno
import os
import resource
import stat
import sys

BLOCK = 1 << 20
READ_ALL_BELOW = 64 << 20   # smaller files are read whole, larger ones only where either side has data
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}


def shown(path):
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else "\\x%02x" % b for b in path)


def abbreviated(value):
    text = repr(value)
    return text if len(text) <= 80 else "%s... (%d bytes)" % (text[:60], len(value))


class Comparison:
    def __init__(self, options):
        self.options = options
        self.differences = 0
        self.errors = 0
        self.entries = 0
        self.groups = ({}, {})      # (dev, ino) -> paths, for each side
        self.kept = []

    def differ(self, path, what):
        self.differences += 1
        if self.differences <= self.options.limit:
            print("%s: %s" % (shown(path) or ".", what))

    def fail(self, path, error):
        self.errors += 1
        print("%s: cannot compare: %s" % (shown(path) or ".", error))

    def attempt(self, path, action, *arguments):
        """Run one comparison; an error of a side is a difference in what can be read."""
        try:
            action(path, *arguments)
        except OSError as e:
            self.fail(path, e)

    def directory(self, path, fds):
        try:
            names = [set(os.listdir(b"/proc/self/fd/%d" % fd)) for fd in fds]
        except OSError as e:
            self.fail(path, e)
            return
        for name in sorted(names[0] | names[1]):
            below = path + b"/" + name if path else name
            if not self.wanted(name, below, fds, names):
                continue
            if name not in names[1]:
                self.differ(below, "only in the first tree")
            elif name not in names[0]:
                self.differ(below, "only in the second tree")
            else:
                self.attempt(below, self.entry, name, fds)

    def wanted(self, name, below, fds, names):
        if not self.options.no_sockets:
            return True
        for fd, present in zip(fds, names):
            if name in present and stat.S_ISSOCK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                return False
        return True

    def entry(self, path, name, fds):
        stats = [os.stat(name, dir_fd=fd, follow_symlinks=False) for fd in fds]
        places = [b"/proc/self/fd/%d/%s" % (fd, name) for fd in fds]
        if not self.attributes(path, stats):
            return
        kind = stat.S_IFMT(stats[0].st_mode)
        if kind == stat.S_IFLNK:
            targets = [os.readlink(name, dir_fd=fd) for fd in fds]
            if targets[0] != targets[1]:
                self.differ(path, "link target %s, %s" % tuple(map(abbreviated, targets)))
        if kind != stat.S_IFDIR:
            for side in (0, 1):
                key = (stats[side].st_dev, stats[side].st_ino)
                self.groups[side].setdefault(key, set()).add(path)
        self.xattrs(path, places, follow=False)
        if kind == stat.S_IFREG:
            self.content(path, name, fds, stats)
        if kind == stat.S_IFDIR:
            subs = []
            try:
                for fd in fds:
                    subs.append(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd))
                self.directory(path, subs)
            finally:
                for fd in subs:
                    os.close(fd)

    def attributes(self, path, stats):
        """Compare what stat gives; false if the types differ, which makes the rest meaningless."""
        a, b = stats
        self.entries += 1
        kind = stat.S_IFMT(a.st_mode)
        if kind != stat.S_IFMT(b.st_mode):
            self.differ(path, "type %s, %s" % tuple(KINDS.get(stat.S_IFMT(s.st_mode), "?") for s in stats))
            return False
        if stat.S_IMODE(a.st_mode) != stat.S_IMODE(b.st_mode) and kind != stat.S_IFLNK:
            self.differ(path, "mode %04o, %04o" % (stat.S_IMODE(a.st_mode), stat.S_IMODE(b.st_mode)))
        if not self.options.no_owners and (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
            self.differ(path, "owner %d:%d, %d:%d" % (a.st_uid, a.st_gid, b.st_uid, b.st_gid))
        if kind in (stat.S_IFREG, stat.S_IFLNK) and a.st_size != b.st_size:
            self.differ(path, "size %d, %d" % (a.st_size, b.st_size))
        if not self.options.no_times and a.st_mtime_ns != b.st_mtime_ns:
            self.differ(path, "mtime %d, %d ns" % (a.st_mtime_ns, b.st_mtime_ns))
        if kind in (stat.S_IFCHR, stat.S_IFBLK) and a.st_rdev != b.st_rdev:
            self.differ(path, "device %d:%d, %d:%d" % (os.major(a.st_rdev), os.minor(a.st_rdev),
                                                       os.major(b.st_rdev), os.minor(b.st_rdev)))
        if self.options.nlink and kind != stat.S_IFDIR and a.st_nlink != b.st_nlink:
            self.differ(path, "link count %d, %d" % (a.st_nlink, b.st_nlink))
        return True

    def xattrs(self, path, places, follow):
        if self.options.no_xattrs:
            return
        sides = []
        for place in places:
            found = {}
            try:
                names = os.listxattr(place, follow_symlinks=follow)
            except OSError as e:
                if e.errno not in (errno.ENOTSUP, errno.ENOSYS):
                    raise
                names = []
            for name in names:
                found[name] = os.getxattr(place, name, follow_symlinks=follow)
            sides.append(found)
        for name in sorted(set(sides[0]) | set(sides[1])):
            label = "xattr " + shown(os.fsencode(name))
            if name not in sides[1]:
                self.differ(path, label + " only in the first tree")
            elif name not in sides[0]:
                self.differ(path, label + " only in the second tree")
            elif sides[0][name] != sides[1][name]:
                self.differ(path, "%s: %s, %s" % (label, abbreviated(sides[0][name]), abbreviated(sides[1][name])))

    def content(self, path, name, fds, stats):
        files = []
        try:
            for fd in fds:
                files.append(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd))
            size = min(s.st_size for s in stats)
            maps = [data_ranges(f, s.st_size) for f, s in zip(files, stats)]
            if not self.options.no_holes and size > 4096 and maps[0] != maps[1]:
                self.differ(path, "data at %s, %s" % tuple(map(abbreviated, maps)))
            ranges = [(0, size)] if size < READ_ALL_BELOW else merged(maps[0] + maps[1])
            for start, end in ranges:
                if not self.same_range(path, files, start, min(end, size)):
                    return
            self.at_end(path, files, stats)
        finally:
            for f in files:
                os.close(f)

    def same_range(self, path, files, start, end):
        while start < end:
            want = min(BLOCK, end - start)
            blocks = [read_exactly(f, want, start) for f in files]
            if blocks[0] != blocks[1]:
                at = next((n for n, (x, y) in enumerate(zip(*blocks)) if x != y), min(map(len, blocks)))
                self.differ(path, "content differs at byte %d" % (start + at))
                return False
            if not blocks[0]:
                self.differ(path, "content ends at byte %d, before the size" % start)
                return False
            start += want
        return True

    def at_end(self, path, files, stats):
        """What stat says is where reading ends."""
        for number, (f, s) in enumerate(zip(files, stats)):
            if os.pread(f, 1, s.st_size):
                self.differ(path, "side %d gives bytes after its size" % (number + 1))

    def hardlinks(self):
        if self.options.no_hardlinks:
            return
        seen = set()
        sides = [{path: group for group in groups.values() for path in group} for groups in self.groups]
        for path in sorted(set(sides[0]) & set(sides[1])):
            a, b = (frozenset(side[path]) for side in sides)
            if a != b and (a, b) not in seen:
                seen.add((a, b))
                self.differ(path, "hard links: one inode with {%s}, {%s}" % tuple(
                    ", ".join(shown(p) for p in sorted(g - {path})[:5]) for g in (a, b)))


def read_exactly(fd, count, offset):
    out = os.pread(fd, count, offset)
    while out and len(out) < count:
        more = os.pread(fd, count - len(out), offset + len(out))
        if not more:
            break
        out += more
    return out


def data_ranges(fd, size):
    """Where the file has data, as [start, end) rounded outward to 4 KiB and merged."""
    found, at = [], 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno == errno.ENXIO:
                break
            raise
        end = os.lseek(fd, start, os.SEEK_HOLE)
        if end <= start:
            raise OSError(errno.EIO, "SEEK_HOLE does not move on from %d" % start)
        found.append((start & ~4095, -(-end // 4096) * 4096))
        at = end
    return merged(found)


def merged(ranges):
    out = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--no-holes", action="store_true", help="holes may be elsewhere")
    parser.add_argument("--no-xattrs", action="store_true")
    parser.add_argument("--no-owners", action="store_true")
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("--no-hardlinks", action="store_true")
    parser.add_argument("--no-sockets", action="store_true", help="leave sockets out on both sides")
    parser.add_argument("--no-top", action="store_true", help="do not compare the two directories themselves")
    parser.add_argument("--nlink", action="store_true", help="compare the link counts too")
    parser.add_argument("--limit", type=int, default=40, help="how many differences to print")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    sys.setrecursionlimit(10000)
    comparison = Comparison(options)
    try:
        fds = [os.open(top, os.O_RDONLY | os.O_DIRECTORY) for top in (options.a, options.b)]
        if not options.no_top:
            comparison.attributes(b"", [os.fstat(fd) for fd in fds])
            comparison.xattrs(b"", [b"/proc/self/fd/%d" % fd for fd in fds], follow=True)
    except OSError as e:
        print("sametree: %s" % e)
        sys.exit(2)
    comparison.directory(b"", fds)
    comparison.hardlinks()
    if comparison.differences > options.limit:
        print("... %d differences in all" % comparison.differences)
    if comparison.errors:
        sys.exit(2)
    sys.exit(1 if comparison.differences else 0)


if __name__ == "__main__":
    main()
