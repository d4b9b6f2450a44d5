#!/usr/bin/env python3
"""Build below DIR everything a Linux file tree can hold.

    maketree.py DIR [--seed N] [--scale small|normal] [--without FEATURE,...] [--entries N]

The same seed gives the same tree (times included), so two builds can be compared with sametree.py.
Everything is made relative to directory descriptors: some of the paths are longer than PATH_MAX.
A feature that the file system below DIR does not offer is an error; leave it out with --without.

Features: deep (paths beyond PATH_MAX), names, links, hardlinks, special (fifos, sockets, devices),
modes, owners, times, xattrs, acls, caps, sparse, huge (1 TiB sparse), sizes, dirs.
"""
import argparse
import errno
import os
import random
import resource
import socket
import stat
import struct
import sys
import time

FEATURES = ["names", "deep", "links", "hardlinks", "special", "modes", "owners", "times",
            "xattrs", "acls", "caps", "sparse", "huge", "sizes", "dirs"]
KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
NOFOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC
BASE_TIME = 1_600_000_000


class Dir:
    """A directory being filled, held by its descriptor."""

    def __init__(self, fd, rng):
        self.fd, self.rng = fd, rng

    def sub(self, name, mode=0o755):
        os.mkdir(name, 0o700, dir_fd=self.fd)
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW, dir_fd=self.fd)
        os.fchmod(fd, mode)
        return Dir(fd, self.rng)

    def close(self):
        os.close(self.fd)

    def path(self, name):
        """A short path for the calls that take no directory descriptor."""
        return b"/proc/self/fd/%d/%s" % (self.fd, os.fsencode(name))

    def file(self, name, data=b"", mode=0o644):
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o600, dir_fd=self.fd)
        try:
            for start in range(0, len(data), 8 * MIB):
                write_all(fd, data[start:start + 8 * MIB])
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def sparse(self, name, size, pieces):
        """A file of `size` bytes with data only at `pieces`, a list of (offset, bytes)."""
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o644, dir_fd=self.fd)
        try:
            os.ftruncate(fd, size)
            for offset, data in pieces:
                if os.pwrite(fd, data, offset) != len(data):
                    raise OSError(errno.EIO, "short write")
        finally:
            os.close(fd)

    def symlink(self, target, name):
        os.symlink(target, name, dir_fd=self.fd)

    def link(self, name, other, new):
        os.link(name, new, src_dir_fd=self.fd, dst_dir_fd=other.fd, follow_symlinks=False)

    def fifo(self, name):
        os.mkfifo(name, 0o640, dir_fd=self.fd)

    def device(self, name, kind, major, minor):
        os.mknod(name, kind | 0o660, os.makedev(major, minor), dir_fd=self.fd)

    def socket(self, name):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path(name))

    def chown(self, name, uid, gid):
        os.chown(name, uid, gid, dir_fd=self.fd, follow_symlinks=False)

    def chmod(self, name, mode):
        os.chmod(name, mode, dir_fd=self.fd)

    def utime(self, name, ns):
        os.utime(name, ns=(ns, ns), dir_fd=self.fd, follow_symlinks=False)

    def xattr(self, name, key, value):
        os.setxattr(self.path(name), key, value, follow_symlinks=False)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def make_names(d):
    names = [
        b"plain", b" leading space", b"trailing space ", b"-rf", b"--help", b"...", b".hidden", b"~",
        b"tab\there", b"new\nline", b"\n", b"carriage\rreturn", b"bell\x07", b"esc\x1b[31mred\x1b[0m",
        b"title\x1b]0;owned\x07", b"c1\x9b31m", b"del\x7f", b"back\\slash", b"quote'\"`$(id)", b"star*?[a]",
        b"latin1-\xe9\xe8\xff", b"\xff\xfe\xfd", b"\xc3", b"\xed\xa0\x80surrogate", b"overlong\xc0\xaf",
        "\u00fc-composed".encode(), "u\u0308-decomposed".encode(), "\u202eevil-rtl".encode(),
        "\U0001f600".encode(), b"a:b", b"CON", b"percent%20%s%n", b"#comment", b"!bang", b"{a,b}", b"a=b",
        b"x" * 255, b"\xff" * 255, b"\x01" * 255, ("\u00e9" * 127).encode() + b"z", b"UPPER", b"upper",
    ]
    names += [bytes([c]) for c in range(1, 256) if c not in b"./"]
    for number, name in enumerate(dict.fromkeys(names)):
        d.file(name, b"name %d\n" % number)
    s = d.sub(b"dir-\xff\n\x1b[2J")
    s.file(b"inside")
    s.close()
    s = d.sub(b"D" * 255)
    s.symlink(b"\xff\n\x1b", b"l" * 255)
    s.close()


def make_deep(d):
    """30 levels of 200-byte names: 6,000 bytes of path; and 300 levels of short ones."""
    chain = [d.sub(b"long")]
    for level in range(30):
        chain.append(chain[-1].sub(b"%03d" % level + bytes([97 + level % 26]) * 197))
    bottom = chain[-1]
    bottom.file(b"bottom", b"beyond PATH_MAX\n")
    bottom.link(b"bottom", d, b"bottom-from-above")
    bottom.symlink(b"../" * 40 + b"nowhere", b"up")
    bottom.fifo(b"fifo")
    bottom.xattr(b"bottom", "user.deep", b"yes")
    bottom.sub(b"empty").close()
    stamp_chain(chain)
    chain = [d.sub(b"many")]
    for level in range(300):
        chain.append(chain[-1].sub(b"%d" % (level % 10)))
    chain[-1].file(b"end", b"300 levels down\n")
    stamp_chain(chain)


def stamp_chain(chain):
    for level in range(len(chain) - 1, -1, -1):
        os.utime(chain[level].fd, ns=(0, (BASE_TIME + level) * 10**9 + level))
        chain[level].close()


def make_links(d):
    d.file(b"target", b"pointed at\n")
    d.symlink(b"target", b"to-file")
    d.symlink(b".", b"to-dir")
    d.symlink(b"dangling/nowhere", b"dangling")
    d.symlink(b"loop-b", b"loop-a")
    d.symlink(b"loop-a", b"loop-b")
    d.symlink(b"self", b"self")
    d.symlink(b"/etc/passwd", b"absolute")
    d.symlink(b"../../../../../../../../etc/hostname", b"escaping")
    d.symlink(b"\xff\xfe\n\x1b[31m target", b"odd-target")
    d.symlink(b"trailing/", b"trailing-slash")
    d.symlink(b"./a//b/../c", b"not-normal")
    for size in (59, 60, 61, 255, 256, 1000, 1001, 4094, 4095):
        d.symlink((b"%d/" % size + b"t" * 4095)[:size], b"size-%d" % size)


def make_hardlinks(d):
    a, b = d.sub(b"a"), d.sub(b"b")
    a.file(b"file", b"three names\n")
    a.link(b"file", a, b"file-2")
    a.link(b"file", b, b"file-3")
    a.file(b"big", d.rng.randbytes(300 * KIB))
    a.link(b"big", b, b"big-2")
    a.file(b"empty")
    a.link(b"empty", b, b"empty-2")
    # The same content without being a link: must stay two files.
    a.file(b"twin-1", b"equal\n")
    a.file(b"twin-2", b"equal\n")
    a.symlink(b"file", b"symlink")
    a.link(b"symlink", b, b"symlink-2")
    a.fifo(b"fifo")
    a.link(b"fifo", b, b"fifo-2")
    a.device(b"null", stat.S_IFCHR, 1, 3)
    a.link(b"null", b, b"null-2")
    a.file(b"dated", b"one inode, one time\n")
    a.link(b"dated", b, b"dated-2")
    a.utime(b"dated", 1_234_567_890_123_456_789)
    for number in range(50):
        a.link(b"twin-2", b, b"fan-%02d" % number)
    a.close()
    b.close()


def make_special(d, with_sockets):
    d.fifo(b"fifo")
    d.device(b"null", stat.S_IFCHR, 1, 3)
    d.device(b"block", stat.S_IFBLK, 7, 200)
    d.device(b"zero-zero", stat.S_IFCHR, 0, 0)
    d.device(b"large-numbers", stat.S_IFCHR, 4095, 1048575)
    d.device(b"large-block", stat.S_IFBLK, 259, 65536)
    if with_sockets:
        d.socket(b"socket")
        d.socket(b"socket-2")
        d.link(b"socket-2", d, b"socket-3")


def make_modes(d):
    for mode in [0, 0o1, 0o7, 0o70, 0o400, 0o200, 0o100, 0o444, 0o600, 0o644, 0o666, 0o755, 0o777,
                 0o4755, 0o2755, 0o6755, 0o1644, 0o7777, 0o4000, 0o2644, 0o4711]:
        d.file(b"f%04o" % mode, b"mode %04o" % mode, mode)
        sub = d.sub(b"d%04o" % mode, mode)
        sub.file(b"in", b"", mode)
        sub.close()


def make_owners(d):
    for number in (0, 1, 65533, 65534, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 3, 2**32 - 2):
        name = b"o%d" % number
        d.file(name, b"%d" % number)
        d.chown(name, number, 7)
        d.file(b"g" + name)
        d.chown(b"g" + name, 3, number)
    d.symlink(b"o0", b"link")
    d.chown(b"link", 1234, 2**32 - 2)
    d.sub(b"dir").close()
    d.chown(b"dir", 2**32 - 2, 2**32 - 2)
    d.file(b"suid-foreign", b"#!/bin/true\n")
    d.chown(b"suid-foreign", 4321, 4322)
    d.chmod(b"suid-foreign", 0o6711)
    d.fifo(b"fifo")
    d.chown(b"fifo", 70000, 70001)


def make_times(d):
    second = 10**9
    times = {
        b"epoch": 0, b"one-ns": 1, b"before-1970": -second // 2, b"minus-one-ns": -1,
        b"minus-one-s": -second, b"1969-12-31": -second + 123_456_789, b"1930": -1_262_304_000 * second + 999_999_999,
        b"1901": -2_147_483_648 * second, b"1901-after": -2_147_483_648 * second + 1,
        b"2038": 2_147_483_647 * second + 999_999_999, b"2038-after": 2_147_483_648 * second,
        b"2106": 4_294_967_296 * second + 5, b"2262": 2**63 - 1, b"2263": 2**63 + 1,
        b"2400": 13_569_465_600 * second + 1, b"2500": 16_725_225_600 * second + 987_654_321,
        b"ns": 1_500_000_000 * second + 1, b"ns9": 1_500_000_000 * second + 999_999_999,
        b"us": 1_500_000_000_123_456_000,
    }
    for name, ns in times.items():
        d.file(b"f-" + name, name)
        d.utime(b"f-" + name, ns)
    d.symlink(b"f-epoch", b"link")
    d.utime(b"link", -123_456_789_012)
    d.fifo(b"fifo")
    d.utime(b"fifo", 2_147_483_648_000_000_001)
    d.device(b"null", stat.S_IFCHR, 1, 3)
    d.utime(b"null", -1)
    d.sub(b"dir").close()
    d.utime(b"dir", -second + 1)


def make_xattrs(d):
    d.file(b"user", b"with attributes")
    d.xattr(b"user", "user.text", b"value")
    d.xattr(b"user", "user.empty", b"")
    d.xattr(b"user", "user.binary", bytes(range(256)))
    d.xattr(b"user", "user.nul", b"a\0b\0")
    d.file(b"trusted")
    d.xattr(b"trusted", "trusted.overlay.opaque", b"y")
    d.xattr(b"trusted", "trusted.binary", b"\xff\0\xfe")
    d.file(b"security", b"s")
    d.xattr(b"security", "security.snapfs", b"label")
    d.file(b"large", b"l")
    for size in (40_000, 12_000, 3_500):    # as much as the file system takes in one value
        try:
            d.xattr(b"large", "user.large", d.rng.randbytes(size))
            break
        except OSError as e:
            if e.errno not in (errno.ENOSPC, errno.E2BIG):
                raise
    d.file(b"many")
    for number in range(40):
        d.xattr(b"many", "user.number-%02d" % number, b"%d" % number)
    d.file(b"long-name")
    d.xattr(b"long-name", b"user." + b"n" * 250, b"name of 255 bytes")
    d.xattr(b"long-name", b"user.\xff\xfe\x1b[31m", b"name that is not UTF-8")
    d.sub(b"dir").close()
    d.xattr(b"dir", "user.on-dir", b"1")
    d.xattr(b"dir", "trusted.on-dir", b"2")
    d.symlink(b"user", b"symlink")
    d.xattr(b"symlink", "trusted.on-symlink", b"3")
    d.fifo(b"fifo")
    d.xattr(b"fifo", "trusted.on-fifo", b"4")
    d.device(b"null", stat.S_IFCHR, 1, 3)
    d.xattr(b"null", "trusted.on-device", b"5")
    for number in range(3):                 # equal attributes on several files
        d.file(b"same-%d" % number)
        d.xattr(b"same-%d" % number, "user.same", b"same" * 20)
    d.file(b"linked")
    d.xattr(b"linked", "user.linked", b"one inode")
    d.link(b"linked", d, b"linked-2")


ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER = 1, 2, 4, 8, 16, 32
NO_ID = 2**32 - 1


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


def make_acls(d):
    access = acl((ACL_USER_OBJ, 6, NO_ID), (ACL_USER, 4, 1234), (ACL_USER, 7, 2**32 - 2),
                 (ACL_GROUP_OBJ, 4, NO_ID), (ACL_GROUP, 5, 4321), (ACL_MASK, 5, NO_ID), (ACL_OTHER, 0, NO_ID))
    default = acl((ACL_USER_OBJ, 7, NO_ID), (ACL_USER, 5, 1234), (ACL_GROUP_OBJ, 5, NO_ID),
                  (ACL_MASK, 5, NO_ID), (ACL_OTHER, 0, NO_ID))
    d.file(b"access", b"acl")
    d.xattr(b"access", "system.posix_acl_access", access)
    sub = d.sub(b"default")
    d.xattr(b"default", "system.posix_acl_default", default)
    sub.file(b"inherits")
    sub.sub(b"inherits-dir").close()
    sub.close()
    d.sub(b"both").close()
    d.xattr(b"both", "system.posix_acl_access", access)
    d.xattr(b"both", "system.posix_acl_default", default)
    d.file(b"acl-and-user", b"x")
    d.xattr(b"acl-and-user", "system.posix_acl_access", access)
    d.xattr(b"acl-and-user", "user.beside", b"acl")


def make_caps(d):
    def cap(permitted, effective=True):
        return struct.pack("<IIIII", 0x02000000 | int(effective), permitted & 0xFFFFFFFF, 0, permitted >> 32, 0)
    d.file(b"ping", b"#!/bin/true\n", 0o755)
    d.chown(b"ping", 55, 66)                # the capability must survive the owner
    d.chmod(b"ping", 0o755)
    d.xattr(b"ping", "security.capability", cap(1 << 13))
    d.file(b"high", b"#!/bin/true\n", 0o755)
    d.xattr(b"high", "security.capability", cap(1 << 38 | 1 << 10, effective=False))
    d.file(b"suid-and-cap", b"#!/bin/true\n")
    d.chown(b"suid-and-cap", 77, 88)
    d.chmod(b"suid-and-cap", 0o6755)
    d.xattr(b"suid-and-cap", "security.capability", cap(1 << 10))


def make_sparse(d, huge):
    block = lambda n: d.rng.randbytes(n)
    d.sparse(b"hole-first", 2 * MIB, [(MIB, block(MIB))])
    d.sparse(b"hole-middle", 3 * MIB, [(0, block(MIB)), (2 * MIB, block(MIB))])
    d.sparse(b"hole-last", 2 * MIB, [(0, block(64 * KIB))])
    d.sparse(b"all-hole", 5 * MIB, [])
    d.sparse(b"all-hole-odd", 4097, [])
    d.sparse(b"one-byte-hole", 1, [])
    d.sparse(b"many-holes", 8 * MIB, [(n * 64 * KIB, block(4 * KIB)) for n in range(0, 128, 2)])
    d.sparse(b"ends-in-data", MIB + 17, [(MIB, b"seventeen bytes..")])
    d.sparse(b"unaligned", 300_001, [(100_003, b"middle")])
    d.sparse(b"zeros-written", 2 * MIB, [(0, bytes(512 * KIB)), (MIB, bytes(512 * KIB))])
    d.file(b"zeros-no-hole", bytes(MIB))
    if huge:
        d.sparse(b"tib", TIB, [(0, b"first"), (TIB // 2 - 3, b"middle"), (TIB - 4, b"last")])


def compressible(rng, size):
    words = [rng.randbytes(rng.randint(2, 9)).hex().encode() for _ in range(300)]
    out = bytearray()
    while len(out) < size:
        out += rng.choice(words) + b" "
    return bytes(out[:size])


def make_sizes(d, scale):
    sizes = [0, 1, 2, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537,
             262143, 262144, 262145, MIB - 1, MIB, MIB + 1]
    for size in sizes:
        d.file(b"random-%d" % size, d.rng.randbytes(size))
        if size <= 65536:
            d.file(b"zero-%d" % size, bytes(size))
            d.file(b"text-%d" % size, compressible(d.rng, size))
    large = 9 * MIB if scale == "normal" else 5 * MIB
    blob = d.rng.randbytes(large)
    d.file(b"large-random", blob)
    d.file(b"large-identical", blob)
    d.file(b"large-shifted", b"inserted in front" + blob)
    d.file(b"large-text", compressible(d.rng, large))
    same = d.sub(b"identical")
    for number in range(20):
        same.file(b"%02d" % number, b"identical content in every one of these files\n" * 40)
    same.close()


def make_dirs(d, scale, entries):
    d.sub(b"empty").close()
    nested = d.sub(b"nested-empty")
    nested.sub(b"a").close()
    nested.sub(b"b").close()
    nested.close()
    names = d.sub(b"many")
    for number in range(entries):
        kind = number % 20
        name = b"entry-%06d" % number
        if kind == 0:
            names.symlink(b"target-%d" % number, name)
        elif kind == 1:
            names.sub(name).close()
        elif kind == 2:
            names.file(name)
        else:
            names.file(name, b"content of entry %d\n" % (number % 1000))
    names.close()
    small = d.sub(b"small-files")
    for number in range(300 if scale == "normal" else 60):
        small.file(b"%04d" % number, d.rng.randbytes(d.rng.randint(1, 6000)))
    small.close()


def stamp(fd, rng, began):
    """Give every entry whose time was left to the clock one that follows from the seed."""
    for name in sorted(os.listdir(b"/proc/self/fd/%d" % fd)):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if began <= st.st_mtime <= time.time() + 1:
            ns = (BASE_TIME + rng.randrange(50_000_000)) * 10**9 + rng.randrange(10**9)
        else:
            ns = st.st_mtime_ns
        if stat.S_ISDIR(st.st_mode):
            sub = os.open(name, os.O_RDONLY | os.O_DIRECTORY | NOFOLLOW, dir_fd=fd)
            stamp(sub, rng, began)
            os.utime(sub, ns=(ns, ns))
            os.close(sub)
        else:
            os.utime(name, ns=(ns, ns), dir_fd=fd, follow_symlinks=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", choices=["small", "normal"], default="normal")
    parser.add_argument("--without", default="", help="features and 'sockets', separated by commas")
    parser.add_argument("--only", default="", help="only these features")
    parser.add_argument("--entries", type=int, default=None, help="entries in dirs/many")
    options = parser.parse_args()
    without = set(filter(None, options.without.split(",")))
    only = set(filter(None, options.only.split(",")))
    unknown = (without | only) - set(FEATURES) - {"sockets"}
    if unknown:
        parser.error("unknown feature: " + " ".join(sorted(unknown)))
    wanted = [f for f in FEATURES if f not in without and (not only or f in only)]
    entries = options.entries if options.entries is not None else (1500 if options.scale == "normal" else 150)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    sys.setrecursionlimit(5000)
    os.umask(0)
    began = time.time() - 1
    os.makedirs(options.dir, mode=0o755, exist_ok=True)
    rng = random.Random(options.seed)
    top = Dir(os.open(options.dir, os.O_RDONLY | os.O_DIRECTORY), rng)
    makers = {
        "names": make_names, "deep": make_deep, "links": make_links, "hardlinks": make_hardlinks,
        "special": lambda d: make_special(d, "sockets" not in without), "modes": make_modes, "owners": make_owners,
        "times": make_times, "xattrs": make_xattrs, "acls": make_acls, "caps": make_caps,
        "sparse": lambda d: make_sparse(d, "huge" in wanted), "sizes": lambda d: make_sizes(d, options.scale),
        "dirs": lambda d: make_dirs(d, options.scale, entries),
    }
    for feature in wanted:
        if feature == "huge":
            continue
        rng.seed("%d %s" % (options.seed, feature))     # leaving one out changes nothing in the others
        sub = top.sub(feature.encode())
        try:
            makers[feature](sub)
        except OSError as e:
            sys.exit("maketree: cannot make '%s' below %s: %s" % (feature, options.dir, e))
        sub.close()
        rng.seed("%d %s times" % (options.seed, feature))
        fd = os.open(feature, os.O_RDONLY | os.O_DIRECTORY, dir_fd=top.fd)
        stamp(fd, rng, began)
        os.utime(fd, ns=(0, BASE_TIME * 10**9 + 1))
        os.close(fd)
    os.utime(top.fd, ns=(0, (BASE_TIME + options.seed) * 10**9 + 7))


if __name__ == "__main__":
    main()
