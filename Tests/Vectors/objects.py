# SPDX-License-Identifier: MIT
"""The vectors of lists, directories, packs, index, manifests and cuts."""

import hashlib
import struct
import zlib

from primitives import (MASTER, REPO, SALT, SESSION, expand, field, file_key, i64, patched, seal,
                        sequence, terminated, u16, u24, u32, u64, write)


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
    write("leaf-root", "root", leaf([entry(b"", DIRECTORY)]), values={"level": 0, "names": ""})
    children = [dict(first=b"a", entries=3, below=10, bytes=100, id=sequence("child 0", 32)),
                dict(first=b"b\xff", entries=1, below=1, bytes=2 ** 50, id=sequence("child 1", 32))]
    write("index-node", "directory", index_node(children), values={
        "level": 1, "below": 11, "bytes": 100 + 2 ** 50, "names": "61,62ff", "ranks": "0,10,11",
        "children": f"3:{sequence('child 0', 32).hex()},1:{sequence('child 1', 32).hex()}"})
    for name, data in damaged_leaves(good) + [
            ("leaf-empty", leaf([])), ("index-empty", index_node([])), ("index-level", index_node(children, 9)),
            ("index-order", index_node(children[::-1])), ("index-below", index_node(children, 1, 12)),
            ("index-reserved", index_node(children, reserved=1)),
            ("index-own", index_node([children[0] | {"entries": 11}])),
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
    with_entry("extents-many", REGULAR, size=17, content=3,
               ext=field(2, b"".join(extent(1 + n, id=id) for n in range(17))))
    with_entry("inline-long", REGULAR, size=513, content=1, ext=field(1, bytes(513)))
    with_entry("inline-with-chunk", REGULAR, size=4, content=2, id=id, ext=field(1, b"byte"))
    with_entry("extents-with-chunk", REGULAR, size=4, content=2, id=id, ext=field(2, extent(4, id=id)))
    with_entry("inline-on-fifo", FIFO, ext=field(1, b"byte"))
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
            ("time-late", manifest(time=i64(2 ** 55 + 1) + u32(0))),
            ("time-early", manifest(time=i64(-(2 ** 55) - 1) + u32(0))),
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
