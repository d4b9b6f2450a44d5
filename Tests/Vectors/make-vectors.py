#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the golden vectors of format 1, *.vec, beside this file.

The bytes are built here from man/snapfs-format.5 alone, with fixed keys and salts, never by the
program: the tests prove that the program reads them and writes the same. Needs python3-cryptography.

A vector is `key: value` lines, an empty line and the bytes in hexadecimal. `structure` names the
decoder, `expect` is ok, damaged or unsupported, `value.NAME` what the decoder must find, `zeros`
how many zero bytes follow the last that is written down.
"""

import hashlib
import hmac
import pathlib
import struct
import zlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FOLDER = pathlib.Path(__file__).resolve().parent


def sequence(label, count):
    """Fixed bytes that look random."""
    return b"".join(hashlib.sha256(f"{label} {i}".encode()).digest()
                    for i in range(count // 32 + 1))[:count]


REPO = sequence("repository", 16)
MASTER = sequence("master", 32)
MASTER1 = sequence("master of generation 1", 32)
SALT = sequence("salt", 32)
SESSION = sequence("session", 16)
MAC_KEY = sequence("mac key", 32)
KEY_FILE = sequence("key file", 32)
PASSWORD = "pässword".encode()


def u16(v): return struct.pack("<H", v)
def u24(v): return struct.pack("<I", v)[:3]
def u32(v): return struct.pack("<I", v)
def u64(v): return struct.pack("<Q", v)
def i64(v): return struct.pack("<q", v)
def mac(key, data): return hmac.new(key, data, hashlib.sha256).digest()


def expand(prk, info, count=32):
    out = block = b""
    counter = 1
    while len(out) < count:
        block = mac(prk, block + info + bytes([counter]))
        out += block
        counter += 1
    return out[:count]


def write(vector, structure, data, expect="ok", values=None, **given):
    lines = [f"structure: {structure}", f"expect: {expect}"]
    for key, value in given.items():
        lines.append(f"{key}: {value.hex() if isinstance(value, bytes) else value}")
    for key, value in (values or {}).items():
        lines.append(f"value.{key}: {value.hex() if isinstance(value, bytes) else value}")
    rest = len(data) - len(data.rstrip(b"\0"))
    if rest > 64:
        lines.append(f"zeros: {rest}")
        data = data[:-rest]
    text = data.hex()
    lines += [""] + [text[i:i + 96] for i in range(0, len(text), 96)]
    (FOLDER / f"{vector}.vec").write_text("\n".join(lines) + "\n")


def patched(data, offset, replacement):
    return data[:offset] + replacement + data[offset + len(replacement):]


# Fields

def field(tag, value):
    return u16(tag) + u16(0) + u32(len(value)) + value


def terminated(fields, multiple=4096, less=96):
    data = fields + bytes(8)
    return data + bytes(-(len(data) + less) % multiple)


def make_fields():
    run = field(1, b"one") + field(2, b"") + field(2, b"two") + field(0x8001, b"later")
    write("fields-open", "fields", run, terminated="no",
          values={"1": b"one", "2": ",".join(["", b"two".hex()])})
    write("fields-terminated", "fields", terminated(run, 64, 0), terminated="yes",
          values={"1": b"one", "2": ",".join(["", b"two".hex()])})
    write("fields-order", "fields", field(2, b"") + field(1, b""), "damaged", terminated="no")
    write("fields-unknown", "fields", field(9, b""), "unsupported", terminated="no")
    write("fields-no-end", "fields", run, "damaged", terminated="yes")
    write("fields-stray-end", "fields", field(1, b"x") + bytes(8), "damaged", terminated="no")
    write("fields-after-end", "fields", terminated(run, 64, 0)[:-1] + b"\1", "damaged",
          terminated="yes")
    write("fields-second-u16", "fields", patched(run, 2, b"\1"), "damaged", terminated="no")
    write("fields-length", "fields", patched(run, 4, u32(0xffffffff)), "damaged", terminated="no")


# Container

def file_key(kind, generation, salt, master):
    start = b"SNF1" + bytes([kind, 1, 0, 0]) + u32(generation) + u32(0)
    prk = mac(salt, master)
    header = start + salt + expand(prk, b"snapfs1 commit" + REPO + start)
    return header, AESGCM(expand(prk, b"snapfs1 seal" + REPO + start))


def seal(key, kind, role, offset, plain, store_name=b""):
    associated = bytes([kind, role]) + (store_name if offset == 80 else b"")
    return key.encrypt(u64(offset) + bytes(4), plain, associated)


def sealed_file(kind, plain, store_name, generation=0, salt=SALT, master=MASTER):
    header, key = file_key(kind, generation, salt, master)
    return header + seal(key, kind, 1, 80, plain, store_name)


def make_container():
    plain = terminated(field(1, b"a record"), 64, 0)
    given = dict(kind=7, name="sessions/x", master=MASTER, repository=REPO)
    whole = sealed_file(7, plain, b"sessions/x")
    write("container", "container", whole, values={"plain": plain, "generation": 0}, **given)
    write("container-generation", "container", sealed_file(7, plain, b"sessions/x", 3),
          values={"plain": plain, "generation": 3}, **given)
    write("container-name", "container", sealed_file(7, plain, b"sessions/y"), "damaged", **given)
    write("container-kind", "container", sealed_file(8, plain, b"sessions/x"), "damaged", **given)
    write("container-magic", "container", patched(whole, 3, b"2"), "damaged", **given)
    write("container-version", "container", patched(whole, 5, b"\2"), "unsupported", **given)
    write("container-kind-unknown", "container", patched(whole, 4, b"\x63"), "unsupported", **given)
    write("container-reserved-6", "container", patched(whole, 6, b"\1"), "damaged", **given)
    write("container-reserved-12", "container", patched(whole, 15, b"\1"), "damaged", **given)
    write("container-commitment", "container", patched(whole, 79, bytes([whole[79] ^ 1])),
          "damaged", **given)
    write("container-tag", "container", whole[:-1] + bytes([whole[-1] ^ 1]), "damaged", **given)


# Keys

def pair(label):
    secret = sequence(label, 32)
    key = X25519PrivateKey.from_private_bytes(secret)
    return secret, key.public_key().public_bytes_raw()


def agree(secret, public):
    key = X25519PrivateKey.from_private_bytes(secret)
    return key.exchange(X25519PublicKey.from_public_bytes(public))


def slot(stretching, ikm, secret, public, cost=(0, 0, 0), reserved=bytes(7), mac_key=MAC_KEY):
    head = b"SNFK" + bytes([1, stretching, *cost]) + reserved + SALT + public
    prk = mac(SALT, ikm)
    wrap = expand(prk, b"snapfs1 slot wrap" + REPO + head)
    head += expand(prk, b"snapfs1 slot commit" + REPO + head)
    return head + AESGCM(wrap).encrypt(bytes(12), secret + mac_key, head) + bytes(16)


def make_slots():
    secret, public = pair("slot 1")
    stretched = hashlib.scrypt(PASSWORD, salt=SALT, n=16, r=2, p=3, dklen=32)
    by_password = slot(1, stretched, secret, public, (4, 2, 3))
    by_file = slot(2, KEY_FILE, secret, public)
    values = {"public": public, "secret": secret, "mac": MAC_KEY}
    with_password = dict(repository=REPO, password=PASSWORD)
    with_file = dict(repository=REPO, keyfile=KEY_FILE)
    write("slot-password", "slot", by_password, **with_password,
          values=values | {"name": hashlib.sha256(by_password).digest()[:16]})
    write("slot-key-file", "slot", by_file, **with_file,
          values=values | {"name": hashlib.sha256(by_file).digest()[:16]})
    write("slot-version", "slot", patched(by_file, 4, b"\2"), "unsupported", **with_file)
    write("slot-stretching", "slot", patched(by_file, 5, b"\3"), "unsupported", **with_file)
    write("slot-cost-without-stretching", "slot", slot(2, KEY_FILE, secret, public, (1, 0, 0)),
          "damaged", **with_file)
    for name, cost in [("n", (21, 8, 1)), ("n0", (0, 8, 1)), ("r", (4, 17, 1)), ("p", (4, 8, 17))]:
        write(f"slot-cost-{name}", "slot", patched(by_password, 6, bytes(cost)), "damaged",
              **with_password)
    write("slot-cost-n-r", "slot", patched(by_password, 6, bytes((16, 1, 1))), "damaged",
          **with_password)
    write("slot-reserved-9", "slot", slot(2, KEY_FILE, secret, public, reserved=bytes(6) + b"\1"),
          "damaged", **with_file)
    write("slot-reserved-192", "slot", by_file[:-1] + b"\1", "damaged", **with_file)
    write("slot-long", "slot", by_file + b"\0", "damaged", **with_file)
    write("slot-wrapped", "slot", patched(by_file, 112, bytes([by_file[112] ^ 1])), "damaged",
          **with_file)
    write("slot-other-pair", "slot", slot(2, KEY_FILE, pair("another")[0], public), "damaged",
          **with_file)


def keyring(number, holders, generations, predecessor_master=None, payload=None, count=None):
    ephemeral, ephemeral_public = pair(f"ephemeral {number}")
    content = sequence(f"content {number}", 32)
    head = (b"SNFR" + bytes([1, 0, 0, 0]) + u32(number)
            + u32(len(holders) if count is None else count) + ephemeral_public)
    data = head
    for holder in holders:
        prk = mac(ephemeral_public + holder["public"], agree(ephemeral, holder["public"]))
        kek = expand(prk, b"snapfs1 keyring wrap" + REPO + head)
        data += holder["public"] + AESGCM(kek).encrypt(bytes(12), content, head)
    if payload is None:
        payload = b"".join(field(1, u32(n) + s) for n, s in sorted(generations.items()))
        payload += b"".join(field(2, h["public"] + h["name"] + i64(h["created"]) + h["label"])
                            for h in holders)
    name = f"keyring/{number:08}".encode()
    header, key = file_key(2, 0, sequence(f"keyring salt {number}", 32), content)
    data += header + seal(key, 2, 1, 80, terminated(payload, 1024, 0), name)
    if predecessor_master is None:
        data += bytes(32)
    else:
        data += mac(expand(predecessor_master, b"snapfs1 keyring chain"), REPO + data)
    return data + mac(expand(MAC_KEY, b"snapfs1 keyring mac"), REPO + data)


def make_keyrings():
    holders = []
    for i in (1, 2):
        secret, public = pair(f"slot {i}")
        holders.append({"secret": secret, "public": public, "name": sequence(f"name {i}", 16),
                        "created": 1795257600 + i, "label": f"höld {i}".encode()})
    first = keyring(1, holders[:1], {0: MASTER})
    second = keyring(2, holders, {0: MASTER, 1: MASTER1}, MASTER)
    given = dict(repository=REPO, mac=MAC_KEY, secret=holders[0]["secret"])
    write("keyring-1", "keyring", first, number=1, **given,
          values={"generations": f"0:{MASTER.hex()}", "newest": 0,
                  "labels": holders[0]["label"], "created": holders[0]["created"]})
    values = {"generations": f"0:{MASTER.hex()},1:{MASTER1.hex()}", "newest": 1,
              "labels": b",".join(h["label"] for h in holders),
              "created": ",".join(str(h["created"]) for h in holders)}
    write("keyring-2", "keyring", second, number=2, predecessor=MASTER, **given, values=values)
    given["secret"] = holders[1]["secret"]
    write("keyring-2-second-holder", "keyring", second, number=2, predecessor=MASTER, **given,
          values=values)
    write("keyring-chain", "keyring", keyring(2, holders, {0: MASTER}, MASTER1), "damaged",
          number=2, predecessor=MASTER, **given)
    given["secret"] = holders[0]["secret"]
    write("keyring-number", "keyring", second, "damaged", number=3, predecessor=MASTER, **given)
    write("keyring-version", "keyring", patched(first, 4, b"\2"), "unsupported", number=1, **given)
    write("keyring-reserved", "keyring", patched(first, 5, b"\1"), "damaged", number=1, **given)
    write("keyring-mac", "keyring", first[:-1] + bytes([first[-1] ^ 1]), "damaged", number=1,
          **given)
    write("keyring-no-generation-0", "keyring", keyring(1, holders[:1], {1: MASTER}), "damaged",
          number=1, **given)
    for count in (0, 65, 0xffffffff):
        write(f"keyring-count-{count}", "keyring", keyring(1, holders[:1], {0: MASTER}, count=count),
              "damaged", number=1, **given)
    write("keyring-newer-field", "keyring",
          keyring(1, holders[:1], {}, payload=field(1, u32(0) + MASTER) + field(3, b"x")),
          "unsupported", number=1, **given)


def make_derived():
    data = b"an object"
    inode = mac(expand(MASTER, b"snapfs1 inode"), u64(2049) + u64(77))
    split = mac(expand(MASTER, b"snapfs1 split"), data)
    values = {kind: mac(expand(MASTER, f"snapfs1 id {kind}".encode()), data)
              for kind in ("data", "list", "directory")}
    values |= {"chunker": expand(MASTER, b"snapfs1 chunker"),
               "link-group": struct.unpack("<Q", inode[:8])[0] % 2 ** 61,
               "split": f"{struct.unpack('<H', split[:2])[0]},{struct.unpack('<H', split[2:4])[0]}"}
    write("derived", "derived", data, master=MASTER, device=2049, inode=77, values=values)


# Small files

def make_marker():
    good = b"snapfs 1\n" + REPO.hex().encode() + b"\n"
    write("marker", "marker", good, values={"repository": REPO})
    write("marker-newer", "marker", good.replace(b"1", b"2", 1), "unsupported")
    for name, data in [("empty", b""), ("cut", good[:-1]), ("longer", good + b"\n"),
                       ("upper", good.upper()), ("old", good.replace(b"1", b"0", 1)),
                       ("sign", good.replace(b"1", b"+1", 1)),
                       ("zero", good.replace(b"1", b"01", 1)),
                       ("not-utf8", b"\xff" + good[1:])]:
        write(f"marker-{name}", "marker", data, "damaged")


def chunking(low, target, high):
    return u32(low) + u32(target) + u32(high)


def make_configuration():
    def config(value, repository=REPO, more=b""):
        return terminated(field(1, repository) + field(2, value) + more)
    standard = chunking(524288, 1048576, 4194304)
    write("configuration", "configuration", config(standard), repository=REPO,
          values={"minimum": 524288, "target": 1048576, "maximum": 4194304})
    write("configuration-smallest", "configuration", config(chunking(64, 256, 257)),
          repository=REPO, values={"minimum": 64, "target": 256, "maximum": 257})
    write("configuration-other", "configuration", config(standard, bytes(16)), "damaged",
          repository=REPO)
    write("configuration-own-chunker-key", "configuration",
          config(standard, more=field(3, bytes(32))), "unsupported", repository=REPO)
    for name, value in [("no-power", chunking(64, 257, 4096)), ("minimum", chunking(63, 256, 4096)),
                        ("target", chunking(64, 128, 4096)), ("order", chunking(512, 256, 4096)),
                        ("equal", chunking(64, 256, 256)), ("large", chunking(64, 256, 4194305)),
                        ("zero", chunking(64, 0, 4096)),
                        ("target-large", chunking(64, 2 ** 23, 2 ** 22)),
                        ("short", chunking(64, 256, 257)[:-1])]:
        write(f"configuration-{name}", "configuration", config(value), "damaged", repository=REPO)


def make_session():
    fields = (field(1, SESSION) + field(2, i64(-5)) + field(3, "höst".encode())
              + field(4, u32(4242)) + field(5, b"\1"))
    write("session", "session", terminated(fields),
          values={"id": SESSION, "time": -5, "host": "höst".encode(), "process": 4242})
    write("session-no-id", "session", terminated(fields[24:]), "damaged")
    write("session-long-id", "session", terminated(field(1, SESSION + b"\0") + fields[24:]),
          "damaged")
    write("session-newer", "session", terminated(fields + field(6, b"")), "unsupported")
    write("heartbeat", "heartbeat", terminated(field(1, SESSION) + field(2, i64(7))),
          id=SESSION, time=7)


# Objects

def extent(end, offset=0, flags=0, id=None):
    return u64(end) + u32(offset) + u32(flags) + (id if id is not None else sequence("id", 32))


HOLE = bytes(32)


def list_node(level, extents, reserved=bytes(8), count=None):
    return (bytes([level, 0, 0, 0]) + u32(len(extents) if count is None else count) + reserved
            + b"".join(extents))


def make_lists():
    ids = [sequence(f"extent {i}", 32) for i in range(3)]
    level0 = list_node(0, [extent(1010, 5, id=ids[0]), extent(2000, 0, 1, HOLE),
                           extent(2001, 0, id=ids[1])])
    write("list-0", "list", level0, start=1000,
          values={"level": 0, "ends": "1010,2000,2001", "offsets": "5,0,0",
                  "ids": f"{ids[0].hex()},hole,{ids[1].hex()}"})
    level1 = list_node(1, [extent(5000, id=ids[0]), extent(2 ** 63 - 1, id=ids[1])])
    write("list-1", "list", level1, start=0,
          values={"level": 1, "ends": f"5000,{2 ** 63 - 1}", "offsets": "0,0",
                  "ids": f"{ids[0].hex()},{ids[1].hex()}"})
    good = [extent(10), extent(20)]
    for name, data in [
            ("empty", list_node(0, [])), ("count", list_node(0, good, count=3)),
            ("count-large", list_node(0, good, count=0xffffffff)),
            ("level", list_node(9, good)), ("reserved-1", patched(list_node(0, good), 3, b"\1")),
            ("reserved-8", list_node(0, good, bytes(7) + b"\1")),
            ("order", list_node(0, [extent(20), extent(10)])),
            ("empty-extent", list_node(0, [extent(10), extent(10)])),
            ("before", list_node(0, [extent(0)])), ("end", list_node(0, [extent(2 ** 63)])),
            ("hole-id", list_node(0, [extent(10, 0, 1)])),
            ("hole-offset", list_node(0, [extent(10, 1, 1, HOLE)])),
            ("hole-above", list_node(1, [extent(10, 0, 1, HOLE)])),
            ("offset-above", list_node(1, [extent(10, 1)])),
            ("more", list_node(0, good) + b"\0"),
            ("many", list_node(0, [extent(i + 1, id=HOLE[:31] + b"\1") for i in range(8193)]))]:
        if name == "many":
            continue        # 400 KB of text; the test of the bounds makes it
        write(f"list-{name}", "list", data, "damaged", start=0)
    for flags in (2, 3, 4):
        write(f"list-flags-{flags}", "list", list_node(0, [extent(10, 0, flags)]), "unsupported",
              start=0)


def xattrs(items):
    return b"".join(u16(len(n)) + u32(len(v)) + n + v for n, v in items)


def make_xattrs():
    items = [(b"security.capability", b"\1\0\0\2" + bytes(16)), (b"user.\xff", b""),
             (b"user.note", b"n")]
    items.sort()
    write("xattrs", "xattrs", xattrs(items),
          values={"names": ",".join(n.hex() for n, _ in items),
                  "values": ",".join(v.hex() for _, v in items)})
    write("xattrs-order", "xattrs", xattrs(items[::-1]), "damaged")
    write("xattrs-twice", "xattrs", xattrs([items[0], items[0]]), "damaged")
    write("xattrs-no-name", "xattrs", xattrs([(b"", b"x")]), "damaged")
    write("xattrs-zero", "xattrs", xattrs([(b"a\0b", b"x")]), "damaged")
    write("xattrs-cut", "xattrs", xattrs(items)[:-1], "damaged")
    write("xattrs-length", "xattrs", patched(xattrs(items), 2, u32(0xffffffff)), "damaged")


REGULAR, DIRECTORY, LINK, FIFO, DEVICE = 0o100644, 0o40755, 0o120777, 0o10600, 0o20620


def entry(name, mode, **more):
    base = dict(name=name, mode=mode, uid=1000, gid=100, mtime=(1795257600, 123456789),
                ctime=(-1, 999999999), size=0, count=0, inode=9, links=1, ext=b"", content=0,
                flags=0, group=0, allocated=0, id=bytes(32), reserved=bytes(3))
    return base | more


def leaf(entries, header=None):
    start = 32 + 128 * len(entries)
    heap = records = b""
    for e in entries:
        record = (u32(start + len(heap)) + u16(len(e["name"])) + u16(e["mode"]) + u32(e["uid"])
                  + u32(e["gid"]) + i64(e["mtime"][0]) + i64(e["ctime"][0]) + u32(e["mtime"][1])
                  + u32(e["ctime"][1]) + u64(e["size"]) + u64(e["count"]) + u64(e["inode"])
                  + u32(e["links"]) + u32(start + len(heap) + len(e["name"])) + u24(len(e["ext"]))
                  + bytes([e["content"], e["flags"]]) + e["reserved"] + u64(e["group"])
                  + u64(e["allocated"]) + e["id"])
        assert len(record) == 128
        records += record
        heap += e["name"] + e["ext"]
    is_directory = [e["mode"] & 0o170000 == 0o40000 for e in entries]
    is_regular = [e["mode"] & 0o170000 == 0o100000 for e in entries]
    below = sum(1 + (e["count"] if d else 0) for e, d in zip(entries, is_directory))
    size = sum(e["size"] for e, d, r in zip(entries, is_directory, is_regular) if d or r)
    below, size = header or (below, size)
    return bytes(4) + u32(len(entries)) + u64(below) + u64(size) + bytes(8) + records + heap


def index_node(children, level=1, below=None, reserved=0):
    start = 32 + 64 * len(children)
    heap = records = b""
    for c in children:
        records += (u32(start + len(heap)) + u16(len(c["first"])) + u16(reserved)
                    + u64(c["entries"]) + u64(c["below"]) + u64(c["bytes"]) + c["id"])
        heap += c["first"]
    total = sum(c["below"] for c in children) if below is None else below
    return (bytes([level, 0, 0, 0]) + u32(len(children)) + u64(total)
            + u64(sum(c["bytes"] for c in children)) + bytes(8) + records + heap)


def sample_entries():
    id = sequence("object", 32)
    run = xattrs([(b"user.a", b"1")])
    extents = extent(100, id=id) + extent(4196, 0, 1, HOLE) + extent(4200, 7, id=id)
    return [
        entry(b"chunk", REGULAR, size=600, content=2, id=id, allocated=4096, links=3, group=2 ** 60),
        entry(b"device", DEVICE, count=5 << 32 | 1),
        entry(b"dir", DIRECTORY, size=10, count=4, content=5, id=id, flags=0),
        entry(b"empty", REGULAR),
        entry(b"emptydir", DIRECTORY),
        entry(b"extents", REGULAR, size=4200, content=3, ext=field(2, extents), flags=1),
        entry(b"inline", REGULAR, size=5, content=1, ext=field(1, b"bytes") + field(4, run)),
        entry(b"link", LINK, size=3, ext=field(3, b"\xff/\n")),
        entry(b"list", REGULAR, size=2 ** 40, content=4, id=id),
        entry(b"pipe\xfe", FIFO, ext=field(5, u32(2049) + id), uid=2 ** 32 - 2),
    ]


def make_directories():
    entries = sample_entries()
    good = leaf(entries)
    write("leaf", "directory", good, values={
        "level": 0, "below": 14, "bytes": 600 + 10 + 4200 + 5 + 2 ** 40,
        "names": ",".join(e["name"].hex() for e in entries),
        "modes": ",".join(oct(e["mode"])[2:] for e in entries),
        "sizes": ",".join(str(e["size"]) for e in entries),
        "ranks": "0,1,2,7,8,9,10,11,12,13,14",
        "contents": "chunk,none,directory,none,none,extents:3,inline:6279746573,none,list,none",
        "xattrs": f"none,none,none,none,none,none,inline:{xattrs([(b'user.a', b'1')]).hex()},none,"
                  f"none,object:2049",
        "targets": ",,,,,,,ff2f0a,,",
        "first": f"uid 1000 gid 100 mtime 1795257600.123456789 ctime -1.999999999 inode 9 links 3 "
                 f"group {2 ** 60} allocated 4096"})
    write("leaf-empty", "directory", leaf([]),
          values={"level": 0, "below": 0, "bytes": 0, "names": ""})
    write("leaf-root", "root", leaf([entry(b"", DIRECTORY)]), values={"level": 0, "names": ""})
    children = [dict(first=b"a", entries=3, below=10, bytes=100, id=sequence("child 0", 32)),
                dict(first=b"b\xff", entries=1, below=1, bytes=2 ** 50, id=sequence("child 1", 32))]
    write("index-node", "directory", index_node(children), values={
        "level": 1, "below": 11, "bytes": 100 + 2 ** 50, "names": "61,62ff", "ranks": "0,10,11",
        "children": f"3:{sequence('child 0', 32).hex()},1:{sequence('child 1', 32).hex()}"})
    for name, data in damaged_leaves(good) + [
            ("index-empty", index_node([])), ("index-level", index_node(children, 9)),
            ("index-order", index_node(children[::-1])), ("index-below", index_node(children, 1, 12)),
            ("index-reserved", index_node(children, reserved=1)),
            ("index-2-40", index_node([children[0] | {"below": 2 ** 40}])),
            ("index-overflow", index_node([children[0] | {"below": 2 ** 64 - 1},
                                           children[1] | {"below": 2}], below=1))]:
        write(f"directory-{name}", "directory", data, "damaged")
    write("directory-newer-field", "directory",
          leaf([entry(b"a", REGULAR, ext=field(6, b""))]), "unsupported")


def damaged_leaves(good):
    one = [("name-dot", b"."), ("name-dots", b".."), ("name-slash", b"a/b"), ("name-zero", b"a\0"),
           ("name-empty", b""), ("name-long", b"n" * 256)]
    out = [(name, leaf([entry(n, FIFO)])) for name, n in one]

    def with_entry(name, *args, **more):
        out.append((name, leaf([entry(b"a", *args, **more)])))
    id = sequence("object", 32)
    out += [("name-twice", leaf([entry(b"a", FIFO), entry(b"a", FIFO)])),
            ("order", leaf([entry(b"b", FIFO), entry(b"a", FIFO)])),
            ("order-longer", leaf([entry(b"ab", FIFO), entry(b"a", FIFO)])),
            ("below", leaf([entry(b"a", FIFO)], (2, 0))),
            ("bytes", leaf([entry(b"a", FIFO)], (1, 1))),
            ("cut", good[:-1]), ("count", patched(good, 4, u32(11))),
            ("count-large", patched(good, 4, u32(0xffffffff))),
            ("reserved-1", patched(good, 1, b"\1")), ("reserved-24", patched(good, 31, b"\1")),
            ("name-in-records", patched(good, 32, u32(31))),
            ("name-outside", patched(good, 32, u32(0xffffffff))),
            ("extension-in-records", patched(good, 32 + 5 * 128 + 68, u32(31))),
            ("extension-outside", patched(good, 32 + 5 * 128 + 72, u24(0xffffff)))]
    with_entry("type", 0o644)
    with_entry("content-6", REGULAR, size=1, content=6)
    with_entry("flags", FIFO, flags=2)
    with_entry("reserved-77", FIFO, reserved=b"\0\0\1")
    with_entry("nanoseconds", FIFO, mtime=(0, 10 ** 9))
    with_entry("nanoseconds-ctime", FIFO, ctime=(0, 10 ** 9))
    with_entry("size", REGULAR, size=2 ** 63, content=2, id=id)
    with_entry("group", REGULAR, group=2 ** 61)
    with_entry("file-as-directory", REGULAR, size=1, content=5, id=id)
    with_entry("directory-as-file", DIRECTORY, count=1, content=2, id=id)
    with_entry("fifo-with-content", FIFO, content=2, id=id)
    with_entry("empty-with-content", REGULAR, content=2, id=id)
    with_entry("size-without-content", REGULAR, size=1)
    with_entry("directory-without-node", DIRECTORY, count=1)
    with_entry("directory-without-entries", DIRECTORY, content=5, id=id)
    with_entry("directory-count", DIRECTORY, count=2 ** 40, content=5, id=id)
    with_entry("inline-size", REGULAR, size=4, content=1, ext=field(1, b"bytes"))
    with_entry("inline-missing", REGULAR, size=4, content=1)
    with_entry("extents-missing", REGULAR, size=4, content=3)
    with_entry("extents-cut", REGULAR, size=4, content=3, ext=field(2, extent(4)[:-1]))
    with_entry("extents-end", REGULAR, size=4, content=3, ext=field(2, extent(5)))
    with_entry("extents-none", REGULAR, size=4, content=3, ext=field(2, b""))
    with_entry("target-missing", LINK, size=1)
    with_entry("target-on-file", REGULAR, ext=field(3, b"x"))
    with_entry("target-zero", LINK, ext=field(3, b"x\0"))
    with_entry("xattr-object", FIFO, ext=field(5, bytes(35)))
    with_entry("extension-cut", FIFO, ext=field(4, b"abc")[:-1])
    return out


# Packs and index

def padded(size):
    step = max(4096, 1 << max(0, size.bit_length() - 1 - 7))
    return -(-size // step) * step


def zstd_raw_frame(data):
    """A zstd frame (RFC 8878) of one raw block, single segment, content size of one byte."""
    assert len(data) < 256
    return (bytes.fromhex("28b52ffd20") + bytes([len(data)]) + u24(len(data) << 3 | 1) + data)


def trailer(records, objects, end):
    plain = u32(len(records)) + u32(len(objects)) + bytes(8)
    plain += b"".join(u32(o) + u32(s) for o, s in records)
    plain += b"".join(i + u32(r) + u32(o) + u32(n) + bytes([k, 0, 0, 0])
                      for i, r, o, n, k in objects)
    return plain + bytes(padded(end + len(plain) + 48) - end - len(plain) - 48)


def make_packs():
    content = b"first" + b"second" * 5
    write("record-stored", "record", u24(len(content)) + b"\0" + content,
          values={"raw": content, "codec": 0})
    write("record-zstd", "record", u24(len(content)) + b"\1" + zstd_raw_frame(content),
          values={"raw": content, "codec": 1})
    write("record-empty", "record", bytes(4), values={"raw": "", "codec": 0})
    write("record-codec", "record", u24(1) + b"\2x", "unsupported")
    write("record-large", "record", u24(0x400001) + b"\0", "damaged")
    write("record-stored-short", "record", u24(2) + b"\0x", "damaged")
    write("record-zstd-short", "record", u24(len(content) + 1) + b"\1" + zstd_raw_frame(content),
          "damaged")
    write("record-zstd-long", "record", u24(len(content) - 1) + b"\1" + zstd_raw_frame(content),
          "damaged")
    write("record-no-head", "record", bytes(3), "damaged")
    ids = [sequence(f"packed {i}", 32) for i in range(2)]
    objects = [(ids[0], 0, 0, 5, 1), (ids[1], 0, 5, 30, 2)]
    table = trailer([(80, 100)], objects, 180)
    write("trailer", "trailer", table, end=180, values={
        "records": "80:100", "ids": f"{ids[0].hex()},{ids[1].hex()}", "file-size": 4096})
    write("trailer-empty", "trailer", trailer([], [], 80), end=80, values={"records": ""})
    for name, data in [
            ("kind-0", trailer([(80, 100)], [(ids[0], 0, 0, 5, 0)], 180)),
            ("kind-4", trailer([(80, 100)], [(ids[0], 0, 0, 5, 4)], 180)),
            ("record", trailer([(80, 100)], [(ids[0], 1, 0, 5, 1)], 180)),
            ("length", trailer([(80, 100)], [(ids[0], 0, 1, 4194304, 1)], 180)),
            ("reserved", patched(table, 8, b"\1")), ("padding", table[:-1] + b"\1"),
            ("records", patched(table, 0, u32(0xffffffff))),
            ("objects", patched(table, 4, u32(0xffffffff))), ("short", table[:15])]:
        write(f"trailer-{name}", "trailer", data, "damaged", end=180)
    write("footer", "footer", u64(180) + u64(3884), size=4096, values={"place": "180..<4064"})
    for name, data in [("before", u64(79) + u64(3985)), ("gap", u64(180) + u64(3883)),
                       ("overflow", u64(2 ** 64 - 1) + u64(4065)), ("size", u64(180) + u64(2 ** 63)),
                       ("small", u64(4033) + u64(31)), ("long", u64(180) + u64(3884) + b"\0")]:
        write(f"footer-{name}", "footer", data, "damaged", size=4096)
    make_pack_file(ids, content)


def make_pack_file(ids, content):
    header, key = file_key(3, 0, SALT, MASTER)
    record = seal(key, 3, 0, 80, u24(len(content)) + b"\1" + zstd_raw_frame(content))
    data = header + record
    objects = [(ids[0], 0, 0, 5, 1), (ids[1], 0, 5, 30, 1)]
    place = len(data)
    tail = seal(key, 3, 2, place, trailer([(80, len(record))], objects, place))
    data += tail
    data += seal(key, 3, 1, len(data), u64(place) + u64(len(tail)))
    assert len(data) == 4096
    write("pack", "pack", data, master=MASTER, repository=REPO, kind=3, values={
        "raw": content, "name": hashlib.sha256(data).digest(), "places": f"80:{len(record)}"})


def pack_description(i, kind=3, reserved=bytes(7)):
    return (sequence(f"pack {i}", 32) + sequence(f"pack salt {i}", 32) + u32(4096 * (i + 1))
            + u32(i) + bytes([kind]) + reserved)


def aligned(data, size=240):
    return data + bytes(-len(data) % size)


def index_header(n, p, k, s, tail=bytes(192), collection=0):
    return u64(n) + u32(p) + u32(k) + u32(s) + u32(0) + SESSION + u64(collection) + tail


def make_index():
    write("index-entry", "index-entry",
          sequence("entry", 32) + u24(0x10203) + u32(0x20000050) + u24(0x400014) + u24(7) + u24(9),
          values={"id": sequence("entry", 32), "pack": 0x10203, "record": f"{0x20000050}:{0x400014}",
                  "offset": 7, "length": 9})
    write("pack-description", "pack-description", pack_description(2, 4), values={
        "name": sequence("pack 2", 32), "salt": sequence("pack salt 2", 32), "size": 12288,
        "generation": 2, "kind": 4})
    write("pack-description-kind", "pack-description", pack_description(0, 6), "unsupported")
    write("pack-description-auxiliary", "pack-description", pack_description(0, 5), "unsupported")
    write("pack-description-reserved", "pack-description",
          pack_description(0, reserved=bytes(6) + b"\1"), "damaged")
    write("index-header", "index-header", index_header(3, 1, 0, 2), size=80 + 4096, values={
        "entries": 3, "packs": 1, "bits": 0, "superseded": 2, "session": SESSION,
        "starts": "240,480,720,960"})
    for name, data in [("size", index_header(300, 1, 0, 2)), ("entries", index_header(2 ** 63, 1, 0, 0)),
                       ("packs", index_header(3, 2 ** 32 - 1, 0, 0)),
                       ("bits", index_header(3, 1, 25, 0)), ("bits-24", index_header(3, 1, 24, 0)),
                       ("superseded", index_header(3, 1, 0, 2 ** 32 - 1)),
                       ("reserved", index_header(3, 1, 0, 2, bytes(191) + b"\1")),
                       ("cut", index_header(3, 1, 0, 2)[:-1])]:
        write(f"index-header-{name}", "index-header", data, "damaged", size=80 + 4096)
    make_segment()


def make_segment():
    """200 entries over two pages, two packs, a fan-out of 4, one superseded segment."""
    ids = sorted(sequence(f"object {i}", 32) for i in range(200))
    entries = b"".join(i + u24(n % 2) + u32(80 + n) + u24(100 + n) + u24(n) + u24(2 * n)
                       for n, i in enumerate(ids))
    fan = b"".join(u32(sum(1 for i in ids if i[0] >> 6 <= slot)) for slot in range(4))
    older = sequence("older segment", 32)
    stream = (index_header(200, 2, 2, 1) + aligned(pack_description(0) + pack_description(1, 4))
              + aligned(fan) + aligned(entries) + older)
    stream = aligned(stream, 4080)
    header, key = file_key(6, 0, SALT, MASTER)
    data = header
    pages = len(stream) // 4080
    for page in range(pages):
        data += seal(key, 6, int(page == pages - 1), len(data),
                     stream[page * 4080:(page + 1) * 4080])
    write("segment", "segment", data, master=MASTER, repository=REPO, values={
        "count": 200, "name": hashlib.sha256(data).digest(), "superseded": older,
        "crc": zlib.crc32(entries), "first": ids[0], "last": ids[-1],
        "absent": sequence("not there", 32)})


# Manifest

def make_manifest():
    times = i64(1795257600) + u32(5), i64(1795257601) + u32(999999999)
    totals = b"".join(u64(n) for n in range(1, 11))
    root = leaf([entry(b"", DIRECTORY, size=10, count=4, content=5, id=sequence("object", 32))])

    def manifest(root=root, state=0, source=1, totals=totals, more=b"", time=times[0], id=SESSION):
        return terminated(
            field(1, id) + field(2, sequence("logical", 16)) + field(3, bytes([state]))
            + field(4, time) + field(5, times[1]) + field(6, b"host") + field(7, b"user")
            + field(8, b"job") + field(9, bytes([source])) + field(10, b"/srv/\xff")
            + field(10, b"/etc") + field(11, b"tag") + field(11, b"b") + field(12, root)
            + field(13, totals) + field(14, u64(2)) + field(15, u16(3) + b"/\xffagone")
            + field(16, sequence("predecessor", 16)) + field(17, u64(8)) + field(18, b"snapfs 1.0")
            + field(19, u32(0) + b"root") + field(19, u32(1000) + b"eve") + field(20, u32(0) + b"root")
            + field(21, u32(1)) + field(22, i64(1795257599) + u32(7)) + more)
    write("manifest", "manifest", manifest(), id=SESSION, values={
        "logical": sequence("logical", 16), "state": 0, "time": "1795257600.5",
        "end": "1795257601.999999999", "start": "1795257599.7",
        "host": b"host", "user": b"user", "job": b"job", "source": 1,
        "paths": "2f7372762fff,2f657463", "tags": b"tag,b", "root-count": 4,
        "totals": "1,2,3,4,5,6,7,8,9,10", "problems": 2, "problem": "2fff61:676f6e65",
        "predecessor": sequence("predecessor", 16), "collection": 8, "program": b"snapfs 1.0",
        "users": "0:root,1000:eve", "groups": "0:root", "xattrs": "yes"})
    write("manifest-checkpoint-stream", "manifest", manifest(state=1, source=2), id=SESSION,
          values={"state": 1, "source": 2})
    write("manifest-later-field", "manifest-decode", manifest(more=field(0x8000, b"x")), id=SESSION,
          values={"state": 0})
    two = leaf([entry(b"", DIRECTORY), entry(b"a", DIRECTORY)])
    for name, data in [
            ("id", manifest(id=bytes(16))), ("state", manifest(state=2)),
            ("totals", manifest(totals=totals[:-1])), ("time", manifest(time=i64(0) + u32(10 ** 9))),
            ("root-file", manifest(root=leaf([entry(b"", REGULAR)]))),
            ("root-named", manifest(root=leaf([entry(b"a", DIRECTORY)]))),
            ("root-empty", manifest(root=leaf([]))), ("root-two", manifest(root=two)),
            ("cut", manifest()[:500])]:
        write(f"manifest-{name}", "manifest", data, "damaged", id=SESSION)
    write("manifest-source", "manifest", manifest(source=3), "unsupported", id=SESSION)
    write("manifest-newer", "manifest", manifest(more=field(23, b"")), "unsupported", id=SESSION)


def make_chunks():
    """Cuts by the text of the page, a byte at a time."""
    for low, target, high in [(64, 256, 1024), (256, 256, 300), (64, 1024, 4096)]:
        table = struct.unpack("<256Q", expand(sequence("chunker", 32), b"snapfs1 gear", 2048))
        bits = target.bit_length() - 1
        strict, loose = (((1 << n) - 1) << (63 - n) for n in (bits + 2, bits - 2))
        data = sequence("input", 20000)
        cuts, start = [], 0
        while start < len(data):
            h, end = 0, min(len(data), start + high)
            cut = end
            for i in range(start + low, end):
                h = ((h << 1) + table[data[i]]) & (2 ** 64 - 1)
                if h & (strict if i - start < target else loose) == 0:
                    cut = i + 1
                    break
            cuts.append(cut - start)
            start = cut
        write(f"chunks-{target}-{high}", "chunks", data[:0], key=sequence("chunker", 32), minimum=low,
              target=target, maximum=high, input="sha256 of 'input N'", length=20000,
              values={"cuts": ",".join(map(str, cuts))})


if __name__ == "__main__":
    for old in FOLDER.glob("*.vec"):
        old.unlink()
    for make in [make_fields, make_container, make_slots, make_keyrings, make_derived, make_marker,
                 make_configuration, make_session, make_lists, make_xattrs, make_directories,
                 make_packs, make_index, make_manifest, make_chunks]:
        make()
