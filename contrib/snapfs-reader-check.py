#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks snapfs-reader.py against known answers, a repository written here, and damage to it.

    snapfs-reader-check.py               about a minute
    snapfs-reader-check.py --all         damage every byte, not one in 37
    snapfs-reader-check.py --write DIR   only write the repository; the password is "vector",
                                         the key file beside it DIR.key

The repository is written from snapfs-format(5) alone, with fixed keys and salts, and is the same
every time; it shares no code with the reader. ANSWERS were computed with the openssl program
(kdf, mac, pkeyutl -derive), so that both sides would have to err in the same way.
"""

import contextlib
import hashlib
import hmac
import importlib.util
import io
import os
import stat
import struct
import sys
import tempfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

REPO = bytes(range(16))
PASSWORD, KEY_FILE = b"vector", bytes(range(100, 132))
MASTERS = {0: bytes(range(32)), 1: bytes(range(32, 64))}
MAC_KEY = bytes(range(64, 96))

ANSWERS = {
    "shared": "eec8ecfccb81794339ae95ddbd5ab87f0a779eb36b6352217a291c1950410077",
    "kek": "04314a634e7c9e6e1d784163723d97b41ca52ef44e23c0444cd8d322b7755849",
    "mac key": "34301112d58bdca66d3f254a8454204c28f237bf1b2ba264074dc05105ca15c2",
    "chain key": "6436983a3d2fcf5453b493e7d941e6a141ba5d06d5ee7486f9f6501ef3b24210",
    "seal": "15c94f468d01592e1283d08baa8b2b12500faeeffce9852a01826b386922a8d5",
    "commitment": "3f5c8e81e06632d893d3d027cf06d8919ad4764aa4f88e169c41e0484ce846a7",
    "gear": "9e69f37c84069458660a4216ae1b2b2c05aa6847772c4034c52b025a4bc1c85b",
    "id 1": "55520488fee50eed93c6c5d43495d7e099f1587aace77c02f9655babe87471a1",
    "id 2": "31660ced57f4af272f8090011a6b1c71520aec653c59d5b97db6fa0aa590b3c0",
    "id 3": "58719332351ae7d7186a5aca0fb12e7e888a0ebe859d3398ae937fa6a82314f5",
    "id 4": "556e0d3f22784e5c8486c720797e5c8ed240ee67bf14df755b3626dacf84108e",
    "slot commitment": "7aec3767bf785073237fda729f7f2d2928cc5076475a155b889dd0d55d1d876c",
}


def mac(key, *parts):
    return hmac.digest(key, b"".join(parts), "sha256")


def expand(prk, info, size=32):
    return HKDFExpand(hashes.SHA256(), size, info).derive(prk)


def private_key(number):
    return X25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def public(private):
    return private.public_key().public_bytes_raw()


def fields(*pairs):
    return b"".join(struct.pack("<HHI", tag, 0, len(value)) + value for tag, value in pairs)


def padded(data, unit):
    return data + bytes(-len(data) % unit)


class Writer:
    """Writes every structure of version 1 that is not reserved, as the page has it."""

    def __init__(self, root):
        self.root, self.salts = root, 0
        self.id_keys = {kind: expand(MASTERS[0], b"snapfs1 id " + label) for kind, label in
                        ((1, b"data"), (2, b"list"), (3, b"directory"))}

    def write(self, name, data):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def header(self, kind, generation, master=None):
        """(80 bytes, key, salt)"""
        self.salts += 1
        salt = hashlib.sha256(b"salt %d" % self.salts).digest()
        first = b"SNF1" + struct.pack("<BBHII", kind, 1, 0, generation, 0)
        prk = mac(salt, master or MASTERS[generation])
        return (first + salt + expand(prk, b"snapfs1 commit" + REPO + first),
                expand(prk, b"snapfs1 seal" + REPO + first), salt)

    def seal(self, key, kind, role, offset, data, name=b""):
        return AESGCM(key).encrypt(struct.pack("<QI", offset, 0), data, bytes([kind, role]) + name)

    def single(self, name, kind, *pairs, generation=0):
        header, key, _ = self.header(kind, generation)
        plain = fields(*pairs) + bytes(8)
        plain += bytes(-(len(plain) + 96) % 4096)
        self.write(name, header + self.seal(key, kind, 1, 80, plain, name.encode()))

    def slot(self, secret, number, stretched):
        private, salt = private_key(number), bytes([number + 1]) * 32
        parameters = bytes([1, 4, 2, 3]) if stretched else bytes([2, 0, 0, 0])
        first = b"SNFK\1" + parameters + bytes(7) + salt + public(private)
        if stretched:
            secret = Scrypt(salt=salt, length=32, n=16, r=2, p=3).derive(secret)
        prk = mac(salt, secret)
        first += expand(prk, b"snapfs1 slot commit" + REPO + first[:80])
        wrap = expand(prk, b"snapfs1 slot wrap" + REPO + first[:80])
        plain = private.private_bytes_raw() + MAC_KEY
        blob = first + AESGCM(wrap).encrypt(bytes(12), plain, first) + bytes(16)
        name = hashlib.sha256(blob).digest()[:16]
        self.write(f"slots/{name.hex()}", blob)
        return public(private), name

    def keyring(self, number, generations, slots, chain_master=None):
        ephemeral, content = private_key(50 + number), bytes([60 + number]) * 32
        blob = b"SNFR\1" + bytes(3) + struct.pack("<II", number, len(slots)) + public(ephemeral)
        head = blob
        for key, _ in slots:
            shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(key))
            kek = expand(mac(public(ephemeral) + key, shared),
                         b"snapfs1 keyring wrap" + REPO + head)
            blob += key + AESGCM(kek).encrypt(bytes(12), content, head)
        payload = fields(*((1, struct.pack("<I", each) + MASTERS[each]) for each in generations),
                         *((2, key + name + struct.pack("<q", -5) + b"label")
                           for key, name in slots))
        header, key, _ = self.header(2, 0, content)
        blob += header + self.seal(key, 2, 1, 80, padded(payload + bytes(8), 1024),
                                   b"keyring/%08d" % number)
        blob += mac(expand(chain_master, b"snapfs1 keyring chain"), REPO, blob) if chain_master \
            else bytes(32)
        blob += mac(expand(MAC_KEY, b"snapfs1 keyring mac"), REPO, blob)
        self.write(f"keyring/{number:08}", blob)

    def pack(self, kind, generation, records):
        """records: lists of (kind, object). Returns (row of a pack table, rows of entries)."""
        header, key, salt = self.header(kind, generation)
        blob, places, objects, entries = header, b"", b"", []
        for number, record in enumerate(records):
            content = b"".join(data for _, data in record)
            body = content if number % 2 else frame(content)
            plain = len(content).to_bytes(3, "little") + bytes([1 - number % 2]) + body
            sealed, inner = self.seal(key, kind, 0, len(blob), plain), 0
            for object_kind, data in record:
                ident = mac(self.id_keys[object_kind], data)
                objects += ident + struct.pack("<IIIB3x", number, inner, len(data), object_kind)
                entries.append((ident, len(blob), len(sealed), inner, len(data)))
                inner += len(data)
            places += struct.pack("<II", len(blob), len(sealed))
            blob += sealed
        plain = struct.pack("<IIQ", len(records), len(entries), 0) + places + objects
        size = len(blob) + len(plain) + 16 + 32
        plain += bytes(-size % max(4096, 1 << max(0, size.bit_length() - 8)))
        at, trailer = len(blob), self.seal(key, kind, 2, len(blob), plain)
        blob += trailer
        blob += self.seal(key, kind, 1, len(blob), struct.pack("<QQ", at, len(trailer)))
        name = hashlib.sha256(blob).digest()
        self.write(f"{'data' if kind == 3 else 'meta'}/{name.hex()[:2]}/{name.hex()}", blob)
        return name + salt + struct.pack("<IIB7x", len(blob), generation, kind), entries

    def segment(self, bits, packs, superseded=()):
        """packs: what pack() returned. Returns the name."""
        entries = sorted((*entry, number) for number, (_, rows) in enumerate(packs)
                         for entry in rows)
        stream = struct.pack("<QIIII", len(entries), len(packs), bits, len(superseded), 0)
        stream = padded(stream + bytes([7]) * 16 + bytes(8), 240)
        stream += padded(b"".join(row for row, _ in packs), 240)
        prefixes = [int.from_bytes(entry[0], "big") >> 256 - bits for entry in entries]
        stream += padded(b"".join(struct.pack("<I", sum(each <= slot for each in prefixes))
                                  for slot in range(1 << bits)), 240)
        for ident, offset, size, inner, length, number in entries:
            stream += ident + number.to_bytes(3, "little") + struct.pack("<I", offset)
            stream += b"".join(value.to_bytes(3, "little") for value in (size, inner, length))
        stream = padded(stream, 240) + padded(b"".join(superseded), 240)
        stream = padded(stream, 4080)
        blob, key, _ = self.header(6, 1)
        for at in range(0, len(stream), 4080):
            role = int(at + 4080 == len(stream))
            blob += self.seal(key, 6, role, len(blob), stream[at:at + 4080])
        name = hashlib.sha256(blob).digest()
        self.write(f"index/{name.hex()}", blob)
        return name


def frame(content):
    """One zstd frame of raw blocks, with the size of the content in 4 bytes."""
    out = b"\x28\xb5\x2f\xfd" + bytes([0b10100000]) + struct.pack("<I", len(content))
    blocks = [content[at:at + 65536] for at in range(0, len(content), 65536)]
    for number, block in enumerate(blocks):
        out += (len(block) << 3 | (number + 1 == len(blocks))).to_bytes(3, "little") + block
    return out


def leaf(*rows):
    """A leaf of entries: dictionaries with name, mode, and what is not zero."""
    records, heap, base = b"", b"", 32 + 128 * len(rows)
    below = total = 0
    for row in rows:
        get = lambda key, default=0, row=row: row.get(key, default)
        extension, at = fields(*get("extension", ())), base + len(heap)
        heap += row["name"] + extension
        records += struct.pack(
            "<IHHIIqqIIQQQII", at, len(row["name"]), row["mode"], get("uid"), get("gid"),
            get("mtime"), 0, get("nanoseconds"), 0, get("size"), get("count"), 9, get("links", 1),
            at + len(row["name"]))
        records += len(extension).to_bytes(3, "little") + bytes([get("content"), 0, 0, 0, 0])
        records += struct.pack("<QQ32s", get("group"), 4096, get("id", bytes(32)))
        kind = stat.S_IFMT(row["mode"])
        below += 1 + (get("count") if kind == stat.S_IFDIR else 0)
        total += get("size") if kind in (stat.S_IFDIR, stat.S_IFREG) else 0
    return struct.pack("<B3xIQQ8x", 0, len(rows), below, total) + records + heap


def index_node(level, *children):
    """children: (node, id, first name, entries directly in it)"""
    records, heap, base = b"", b"", 32 + 64 * len(children)
    for node, ident, first, direct in children:
        below, total = struct.unpack_from("<QQ", node, 8)
        records += struct.pack("<IHHQQQ", base + len(heap), len(first), 0, direct, below, total)
        records, heap = records + ident, heap + first
    sums = [sum(struct.unpack_from("<Q", node, at)[0] for node, *_ in children) for at in (8, 16)]
    return struct.pack("<B3xIQQ8x", level, len(children), *sums) + records + heap


def extent(end, ident=None, offset=0):
    return struct.pack("<QII32s", end, offset, int(ident is None), ident or bytes(32))


def xattrs(**values):
    return b"".join(struct.pack("<HI", len(name) + 5, len(value)) + b"user." + name.encode() + value
                    for name, value in sorted(values.items()))


DATA = {"a": b"first chunk " * 500, "b": b"second" * 100}
XATTRS = xattrs(long=b"v" * 3000)


def write_tree(writer):
    """The packs of a small tree. Returns (packs, id of the root's node, count, size)."""
    ids = {name: mac(writer.id_keys[1], data) for name, data in DATA.items()}
    ids["xattrs"] = mac(writer.id_keys[1], XATTRS)
    objects = {}

    def keep(kind, data):
        ident = mac(writer.id_keys[kind], data)
        objects[ident] = kind, data
        return ident

    low = [extent(1000 * (i + 1)) if i % 2 else extent(1000 * (i + 1), ids["a"], i)
           for i in range(20)]
    high = [extent(20000 + 600, ids["b"]), extent(30000)]
    nodes = [keep(2, struct.pack("<B3xI8x", 0, len(part)) + b"".join(part))
             for part in (low, high)]
    top = keep(2, struct.pack("<B3xI8x", 1, 2) + b"".join(
        struct.pack("<QII32s", end, 0, 0, node) for end, node in zip((20000, 30000), nodes)))
    file, link = stat.S_IFREG | 0o640, stat.S_IFLNK | 0o777
    group = int.from_bytes(mac(expand(MASTERS[0], b"snapfs1 inode"),
                               struct.pack("<QQ", 1 << 32 | 2, 3))[:8], "little") % 2**61
    rows = [
        dict(name=b"chunk", mode=file, size=600, content=2, id=ids["b"], mtime=-1, nanoseconds=5),
        dict(name=b"device", mode=stat.S_IFCHR | 0o600, count=1 << 32 | 7),
        dict(name=b"empty", mode=file | stat.S_ISUID, mtime=1 << 33, uid=70000),
        dict(name=b"extents", mode=file, size=9000, content=3, extension=(
            (2, extent(100, ids["b"], 500) + extent(8000) + extent(9000, ids["a"])),
            (4, xattrs(a=b"", ab=b"1")), (0x8001, b"to be skipped"))),
        dict(name=b"fifo", mode=stat.S_IFIFO | 0o620),
        dict(name=b"inline", mode=file, size=5, content=1, extension=((1, b"bytes"),),
             group=group, links=2),
        dict(name=b"inline\xff2", mode=file, size=5, content=1, extension=((1, b"bytes"),),
             group=group, links=2),
        dict(name=b"list", mode=file, size=30000, content=4, id=top,
             extension=((5, struct.pack("<I", len(XATTRS)) + ids["xattrs"]),)),
        dict(name=b"symlink", mode=link, size=7, extension=((3, b"nowhere"),)),
    ]
    parts = [leaf(*rows[:4]), leaf(*rows[4:6]), leaf(*rows[6:])]
    part_ids = [keep(3, part) for part in parts]
    counts, firsts = (4, 2, 3), (b"chunk", b"fifo", b"inline\xff2")
    children = list(zip(parts, part_ids, firsts, counts))
    lower = index_node(1, *children[:2]), index_node(1, children[2])
    root = index_node(2, (lower[0], keep(3, lower[0]), firsts[0], 6),
                      (lower[1], keep(3, lower[1]), firsts[2], 3))
    inner_id, size = keep(3, root), 600 + 9000 + 5 + 5 + 30000
    top_leaf = leaf(
        dict(name=b"nothing", mode=stat.S_IFDIR | 0o700),
        dict(name=b"srv", mode=stat.S_IFDIR | 0o750, content=5, count=9, size=size, id=inner_id))
    root_id = keep(3, top_leaf)
    data = writer.pack(3, 0, [[(1, DATA["a"])], [(1, DATA["b"]), (1, XATTRS)]])
    items = list(objects.values())
    meta = writer.pack(4, 1, [items[:3], items[3:5], items[5:]])
    return [data, meta], root_id, 11, size


def manifest(name, state, root_id, count, size, predecessor=()):
    root = leaf(dict(name=b"", mode=stat.S_IFDIR | 0o755, content=5, count=count, size=size,
                     id=root_id))
    totals = struct.pack("<10Q", 6, 2, 3, size, 0, 0, 0, 0, 0, 0)
    seconds = struct.pack("<qI", 1_000_000_000 + name[0], 5)
    return [(1, name), (2, name), (3, bytes([state])), (4, seconds), (5, seconds), (6, b"host"),
            (7, b"user"), (9, b"\1"), (10, b"/nothing"), (10, b"/srv"), (12, root), (13, totals),
            (14, struct.pack("<Q", 1)), (15, struct.pack("<H", 2) + b"/xgone"),
            *((16, each) for each in predecessor), (17, bytes(8)), (18, b"check 1"),
            (19, bytes(4) + b"root"), (21, struct.pack("<I", 1)), (22, seconds),
            (0x9000, b"to be skipped")]


def write_repository(root):
    """Returns the files whose loss is no fault or cannot be seen."""
    writer = Writer(root)
    writer.write("snapfs", b"snapfs 1\n" + REPO.hex().encode() + b"\n")
    first, second = writer.slot(PASSWORD, 1, True), writer.slot(KEY_FILE, 2, False)
    writer.keyring(1, [0], [first])
    writer.keyring(2, [0, 1], [first, second], MASTERS[0])
    writer.single("config", 1, (1, REPO), (2, struct.pack("<III", 524288, 1048576, 4194304)))
    packs, *tree = write_tree(writer)
    old = writer.segment(0, packs[:1])
    writer.segment(3, packs, [old])
    session = bytes([9]) * 16
    now = struct.pack("<q", 1_000_000_000)
    writer.single(f"sessions/{session.hex()}", 7, (1, session), (2, now), (3, b"host"),
                  (4, bytes(4)), (5, b"\1"))
    writer.single(f"sessions/{session.hex()}.1", 15, (1, session), (2, now), generation=1)
    done, point = bytes([2]) * 16, bytes([1]) * 16
    writer.single(f"snapshots/{point.hex()}", 8, *manifest(point, 1, *tree))
    writer.single(f"snapshots/{done.hex()}", 8, *manifest(done, 0, *tree, [point]), generation=1)
    with open(f"{root}.key", "wb") as file:
        file.write(KEY_FILE)
    return "sessions", "slots", "snapshots", "keyring/00000002", f"index/{old.hex()}"


# The checks

def load_reader():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "snapfs-reader.py")
    spec = importlib.util.spec_from_file_location("reader", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def equal(name, got, wanted):
    assert got == wanted, f"{name}: {got!r} is not {wanted!r}"


def refused(reader, name, function, *arguments):
    try:
        function(*arguments)
    except reader.FormatError:
        return
    raise AssertionError(f"{name}: not refused")


def read_all(folder):
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            yield file.read()


def check_answers(reader, root):
    okm = reader.hkdf_expand(reader.hkdf_extract(bytes(range(13)), b"\x0b" * 22),
                             bytes(range(0xf0, 0xfa)), 42)
    equal("RFC 5869, test case 1", okm.hex(),
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    slot = private_key(1)
    kek_salt = public(private_key(51)) + public(slot)
    keyring = next(blob for blob in read_all(f"{root}/keyring") if blob[8] == 1)
    slot_file = next(blob for blob in read_all(f"{root}/slots") if blob[5] == 1)
    sealer = reader.Sealer(REPO, MASTERS)
    seal, commit = sealer.derive(1, bytes([5]) * 32, 8)
    got = {
        "shared": slot.exchange(private_key(51).public_key()),
        "kek": reader.hkdf_expand(reader.hkdf_extract(
            kek_salt, slot.exchange(private_key(51).public_key())),
            b"snapfs1 keyring wrap" + REPO + keyring[:48]),
        "mac key": reader.hkdf_expand(MAC_KEY, b"snapfs1 keyring mac"),
        "chain key": reader.hkdf_expand(MASTERS[0], b"snapfs1 keyring chain"),
        "seal": seal, "commitment": commit, "slot commitment": slot_file[80:112],
        "gear": reader.hkdf_expand(
            reader.hkdf_expand(MASTERS[0], b"snapfs1 chunker"), b"snapfs1 gear", 2048)[-32:]}
    for kind, label in reader.ID_LABELS.items():
        got[f"id {kind}"] = reader.hmac256(reader.hkdf_expand(MASTERS[0], label), b"object")
    for name, value in got.items():
        equal(name, value.hex(), ANSWERS[name])


TREE = """\
drwx------     0     0            0 1970-01-01T00:00:00Z /nothing
drwxr-x---     0     0        39610 1970-01-01T00:00:00Z /srv
-rw-r-----     0     0          600 1969-12-31T23:59:59Z /srv/chunk
crw-------     0     0          1,7 1970-01-01T00:00:00Z /srv/device
-rwSr----- 70000     0            0 2242-03-16T12:56:32Z /srv/empty
-rw-r-----     0     0         9000 1970-01-01T00:00:00Z /srv/extents
prw--w----     0     0            0 1970-01-01T00:00:00Z /srv/fifo
-rw-r-----     0     0            5 1970-01-01T00:00:00Z /srv/inline
-rw-r-----     0     0            5 1970-01-01T00:00:00Z /srv/inline\\xff2
-rw-r-----     0     0        30000 1970-01-01T00:00:00Z /srv/list
lrwxrwxrwx     0     0            7 1970-01-01T00:00:00Z /srv/symlink -> nowhere
"""


def captured(function, *arguments):
    """(result, what was printed)"""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        result = function(*arguments)
    return result, out.getvalue()


RECOVERY_KEY = b"""# of the page
000G-40R4-0M30-FNF2
104G-M2RC-1M70-YQKX
208h 44rm-2mb1 ekgj
30CH-M6RW-3MF1-YPB2
"""


def check_repository(reader, root):
    equal("recovery key", reader.recovery_key(RECOVERY_KEY), bytes(range(32)))
    refused(reader, "mistyped", reader.recovery_key, RECOVERY_KEY.replace(b"104G", b"1O4H"))
    for secret, is_key_file in ((PASSWORD, False), (KEY_FILE, True)):
        (repository, said) = captured(reader.Repository, root, secret, is_key_file)
        # The slot of the key file came with keyring 2 and opens no older one.
        equal("warnings", "predecessor does not open" in said, is_key_file)
    equal("tree", captured(reader.list_tree, repository, "latest")[1], TREE)
    clean, said = captured(reader.Verify(repository).run)
    assert clean, said
    listed = captured(reader.list_snapshots, repository)[1]
    equal("snapshots", listed, f"{'02' * 16}  2001-09-09T01:46:42Z  host  /nothing /srv\n")
    refused(reader, "password", reader.Repository, root, b"Vector", False)
    check_restored(reader, repository)


def check_restored(reader, repository):
    entries = dict(repository.walk(repository.find("latest")[1]))
    content = {}
    for name in ("chunk", "extents", "inline", "list"):
        entry = entries[b"/srv/" + name.encode()]
        content[name] = bytearray(entry.size)
        for offset, data in repository.trees.content(entry):
            content[name][offset:offset + len(data)] = data
    a, b = DATA["a"], DATA["b"]
    listed = b"".join(bytes(1000) if i % 2 else a[i:i + 1000] for i in range(20))
    equal("chunk", content["chunk"], b)
    equal("extents", content["extents"], b[500:600] + bytes(7900) + a[:1000])
    equal("inline", content["inline"], b"bytes")
    equal("list", content["list"], listed + b + bytes(9400))
    equal("long xattrs", repository.trees.xattrs(entries[b"/srv/list"]),
          {b"user.long": b"v" * 3000})
    with tempfile.TemporaryDirectory() as target:
        if os.geteuid() == 0:       # owners and devices
            entry = repository.find("latest:/srv")[1]
            done, said = captured(reader.Restore(repository).run, entry, target)
            assert done, said
            for name, wanted in content.items():
                equal(name, open(os.path.join(target, name), "rb").read(), wanted)
            found = {name: os.lstat(os.path.join(os.fsencode(target), name))
                     for name in os.listdir(os.fsencode(target))}
            equal("link", found[b"inline"].st_ino, found[b"inline\xff2"].st_ino)
            equal("owner, mode", (found[b"empty"].st_uid, found[b"empty"].st_mode & 0o7777),
                  (70000, 0o4640))
            equal("mtime", found[b"chunk"].st_mtime_ns, -999_999_995)
            equal("device", found[b"device"].st_rdev, os.makedev(1, 7))
            equal("hole", found[b"list"].st_blocks * 512 < 30000, True)


def check_refusals(reader):
    """What a holder of the key must not get through either."""
    def open_leaf(data):
        objects = type("Objects", (), {"read": lambda self, kind, ident: data})()
        return list(reader.Trees(objects).node(bytes(32), None, [b""]))

    file = stat.S_IFREG | 0o644
    good = dict(name=b"n", mode=file)
    equal("a good leaf", len(open_leaf(leaf(good, dict(good, name=b"na")))), 2)
    chunk = dict(good, size=9, content=2, id=bytes([1]) * 32)
    equal("a good chunk", len(open_leaf(leaf(chunk))), 1)
    bad = {
        "dot": dict(good, name=b"."), "dots": dict(good, name=b".."),
        "slash": dict(good, name=b"a/b"), "zero": dict(good, name=b"a\0"),
        "no name": dict(good, name=b""), "long name": dict(good, name=b"n" * 256),
        "type": dict(good, mode=0o644), "size of an empty file": dict(good, size=1),
        "no id": dict(chunk, id=bytes(32)), "an id": dict(good, id=bytes([1]) * 32),
        "directory with content of a file": dict(chunk, mode=stat.S_IFDIR | 0o755),
        "fifo with content": dict(chunk, mode=stat.S_IFIFO | 0o644),
        "unknown content": dict(chunk, content=6), "nanoseconds": dict(good, nanoseconds=10**9),
        "group of one": dict(good, group=1), "group of a directory": dict(
            good, mode=stat.S_IFDIR | 0o755, group=1, links=2), "link without target": dict(
            good, mode=stat.S_IFLNK | 0o777),
        "inline of another size": dict(good, size=2, content=1, extension=((1, b"x"),)),
        "long inline": dict(good, size=513, content=1, extension=((1, bytes(513)),)),
        "unknown field": dict(good, extension=((6, b""),)),
        "order of fields": dict(good, extension=((4, b""), (3, b"x"))),
        "attributes out of order": dict(good, extension=((4, xattrs(b=b"") + xattrs(a=b"")),)),
        "extents of another size": dict(good, size=8, content=3, extension=((2, extent(9)),)),
        "an empty extent": dict(good, size=9, content=3, extension=((2, extent(9) + extent(9)),)),
        "17 extents": dict(good, size=17, content=3, extension=(
            (2, b"".join(extent(i + 1) for i in range(17))),)),
        "block-cut chunk": dict(good, size=9, content=3, extension=(
            (2, struct.pack("<QII32s", 9, 0, 2, bytes([1]) * 32)),)),
    }
    for name, row in bad.items():
        refused(reader, name, open_leaf, leaf(row))
    refused(reader, "repeated name", open_leaf, leaf(good, good))
    refused(reader, "order of names", open_leaf, leaf(dict(good, name=b"na"), good))
    whole = leaf(good, dict(good, name=b"na"))
    for at in (0, 1, 4, 8, 16, 24, 32 + 76, 32 + 77, 32 + 72):
        refused(reader, f"leaf, byte {at}", open_leaf, whole[:at] + b"\x80" + whole[at + 1:])
    for cut in range(0, len(whole), 7):
        refused(reader, f"leaf of {cut} bytes", open_leaf, whole[:cut])
    run = fields((1, b"a"))
    for name, data in (("no zero", b"\1\0\1\0" + run[4:]), ("cut off", run[:-1]),
                       ("behind the end", run + bytes(8) + b"\1"), ("no end", run),
                       ("repeated", run + run + bytes(8)),
                       ("end with length", run + fields((0, b"x")))):
        refused(reader, name, reader.fields, data, {1: "a ! -"}, "fields", True)
    refused(reader, "stray end tag", reader.fields, run + bytes(8), {1: "a ! -"}, "fields")


def check_damage(reader, root, losable, step):
    """Every flipped byte, shortened and lost file is a failure of verify, never a success."""
    def clean():
        try:
            return reader.Verify(reader.Repository(root, PASSWORD, False)).run()
        except reader.FormatError:
            return False

    files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    tried, start = 0, 0
    for path in files:
        with open(path, "rb") as file:
            good = file.read()
        variants = [good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
                    for at in range(start, len(good), step)]
        start = (start + 7) % step
        for variant in [good[:-1], good + b"\0", b"", *variants]:
            with open(path, "wb") as file:
                file.write(variant)
            assert not captured(clean)[0], f"{path}: damage not found"
            tried += 1
        os.remove(path)
        if not os.path.relpath(path, root).startswith(losable):
            assert not captured(clean)[0], f"{path}: loss not found"
        with open(path, "wb") as file:
            file.write(good)
    assert captured(clean)[0]
    return tried


def main():
    if sys.argv[1:2] == ["--write"]:
        write_repository(sys.argv[2])
        return
    reader = load_reader()
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(folder, "repository")
        losable = write_repository(root)
        check_answers(reader, root)
        check_repository(reader, root)
        check_refusals(reader)
        tried = check_damage(reader, root, losable, 1 if sys.argv[1:] == ["--all"] else 37)
    print(f"all checks passed, {tried} kinds of damage found")


if __name__ == "__main__":
    main()
