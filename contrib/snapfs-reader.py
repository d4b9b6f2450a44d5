#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads a snapfs repository without snapfs: written from snapfs-format(5) alone.

    snapfs-reader.py snapshots                          list the snapshots, oldest first
    snapfs-reader.py ls SNAPSHOT[:PATH]                 list everything below PATH
    snapfs-reader.py restore SNAPSHOT[:PATH] TARGET     write it to TARGET, absent or empty
    snapfs-reader.py verify                             check every byte of the repository

SNAPSHOT is "latest" or the first digits of an id. The repository is --repo or SNAPFS_REPO, the
password SNAPFS_PASSWORD or --password-file (less one newline at its end), or there is a --key-file.
Every restore checks what it reads; a file that is damaged is named and the rest goes on.

Needs the package "cryptography", and "zstandard" or the program zstd. The sections of this file are
those of the page, in its order. It is made to be compared with the page, not to be fast.
contrib/snapfs-reader-check.py checks it against known answers.
"""

import argparse
import binascii
import bisect
import collections
import hashlib
import hmac
import os
import re
import stat
import struct
import subprocess
import sys
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

try:
    import zstandard
except ImportError:
    zstandard = None

MIB = 1 << 20
CACHE_BYTES = 64 * MIB


class FormatError(Exception):
    """The bytes are not what the page says."""


def need(condition, message):
    if not condition:
        raise FormatError(message)


def warn(message):
    print(f"warning: {message}", file=sys.stderr)


# DESCRIPTION: conventions and fields

def uint(data, at, size):
    """An integer that must be all there: a slice beyond the end would silently be a smaller one."""
    need(at + size <= len(data), "the structure is cut off")
    return int.from_bytes(data[at:at + size], "little")


def unpack(form, data, at=0):
    need(at + struct.calcsize(form) <= len(data), "the structure is cut off")
    return struct.unpack_from(form, data, at)


def zeros(data, what):
    need(data.count(0) == len(data), f"{what}: reserved bytes are not zero")


def fields(data, known, what, ended=False):
    """{name: value} of a run of fields. known: {tag: "name kind length"}; the kind is ! for one
    that must be there, ? for one that may be absent, * for a list; a length of - is any.
    ended: the run must have an end tag; otherwise it must have none."""
    rows = {tag: text.split() for tag, text in known.items()}
    values = {name: [] if kind == "*" else None for name, kind, _ in rows.values()}
    at, last, end = 0, 0, False
    while at < len(data) and not end:
        tag, zero, length = uint(data, at, 2), uint(data, at + 2, 2), uint(data, at + 4, 4)
        value = data[at + 8:at + 8 + length]
        need(zero == 0 and len(value) == length and (tag >= last or tag == 0),
             f"{what}: bad field {tag}")
        at, previous, last, end = at + 8 + length, last, tag, tag == 0
        if tag in rows:
            name, kind, size = rows[tag]
            need(size == "-" or int(size) == length, f"{what}: bad length of field {tag}")
            need(kind == "*" or tag != previous, f"{what}: field {tag} is repeated")
            values[name] = values[name] + [value] if kind == "*" else value
        else:
            need(tag >= 0x8000 or (end and ended and length == 0), f"{what}: unknown field {tag}")
    need(end or not ended, f"{what}: no end tag")
    zeros(data[at:], what)
    for name, kind, _ in rows.values():
        need(kind != "!" or values[name] is not None, f"{what}: no field {name}")
    return values


def hmac256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf_expand(prk, info, size=32):
    out, block, count = b"", b"", 1
    while len(out) < size:
        block = hmac256(prk, block, info, bytes([count]))
        out, count = out + block, count + 1
    return out[:size]


hkdf_extract = hmac256      # (salt, IKM)


def aead_open(key, nonce, sealed, associated, what):
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise FormatError(f"{what}: not authentic") from None


# STORE LAYOUT

HEX = "[0-9a-f]"
PACK_KINDS = {"data": 3, "meta": 4, "aux": 5}
LAYOUT = {      # directory: what a name in it looks like
    "slots": f"{HEX}{{32}}", "keyring": r"\d{8}", "index": f"{HEX}{{64}}",
    "sessions": rf"{HEX}{{32}}(\.[1-9]\d*)?", "snapshots": f"{HEX}{{32}}",
    "notes": rf"{HEX}{{32}}\.[1-9]\d*", "gc": r"\d{8}(\.done)?",
    "audit": r"\d{8}"}
LAYOUT.update((directory, rf"({HEX}{{2}})/\1{HEX}{{62}}") for directory in PACK_KINDS)
RESERVED = ("wal",)


class Store:
    def __init__(self, root):
        self.root = root

    def read(self, name, at=0, size=None):
        try:
            with open(os.path.join(self.root, name), "rb") as file:
                file.seek(at)
                return file.read() if size is None else file.read(size)
        except OSError as error:
            raise FormatError(f"{name}: {error.strerror}") from None

    def list(self, directory):
        """The names in a directory of the layout, sorted; for packs the ones below two digits."""
        try:
            names = sorted(os.listdir(os.path.join(self.root, directory)))
        except FileNotFoundError:
            return []
        if directory in PACK_KINDS:
            names = [f"{digits}/{name}" for digits in names
                     for name in sorted(os.listdir(os.path.join(self.root, directory, digits)))]
        good = [name for name in names if re.fullmatch(LAYOUT[directory], name)]
        for name in set(names) - set(good):
            warn(f"{directory}/{name} does not belong here")
        return [os.path.basename(name) for name in good]

    def repository_id(self):
        lines = self.read("snapfs").split(b"\n")
        need(lines[0][:7] == b"snapfs " and lines[0][7:].isdigit(), "snapfs: not a marker")
        need(int(lines[0][7:]) <= 1, "newer format")
        need(lines[0] == b"snapfs 1" and len(lines) == 3 and not lines[2]
             and re.fullmatch(HEX.encode() + b"{32}", lines[1]), "snapfs: not a marker")
        return bytes.fromhex(lines[1].decode())


# KEYS

NO_NONCE = bytes(12)


def public_bytes(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def slot_parameters(blob):
    """(stretching, log2 N, r, p)"""
    need(len(blob) == 208 and blob[:5] == b"SNFK\1", "not a slot")
    stretching, log_n, r, p = blob[5:9]
    zeros(blob[9:16] + blob[192:], "slot")
    need(stretching in (1, 2), "unknown stretching")
    if stretching == 1:
        need(1 <= log_n <= 20 and 1 <= r <= 16 and 1 <= p <= 16, "bad scrypt parameters")
    else:
        zeros(blob[6:9], "slot")
    return stretching, log_n, r, p


def slot_secrets(blob, repo, secret, is_key_file):
    """(private key, MAC key) of a slot; None if the secret is not this one's."""
    stretching, log_n, r, p = slot_parameters(blob)
    if is_key_file != (stretching == 2):
        return None
    if stretching == 1:
        cost = 128 * r * ((1 << log_n) + p + 2)
        secret = hashlib.scrypt(secret, salt=blob[16:48], n=1 << log_n, r=r, p=p, dklen=32,
                                maxmem=cost + MIB)
    prk = hkdf_extract(blob[16:48], secret)
    if not hmac.compare_digest(
            hkdf_expand(prk, b"snapfs1 slot commit" + repo + blob[:80]), blob[80:112]):
        return None
    wrap = hkdf_expand(prk, b"snapfs1 slot wrap" + repo + blob[:80])
    plain = aead_open(wrap, NO_NONCE, blob[112:192], blob[:112], "slot")
    private = X25519PrivateKey.from_private_bytes(plain[:32])
    need(public_bytes(private) == blob[48:80], "slot: the keys are no pair")
    return private, plain[32:]


RECOVERY_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def recovery_key(text):
    """The 32 bytes of a key file that is written as text."""
    lines = [re.sub(rb"[\s-]", b"", line).upper().translate(bytes.maketrans(b"ILO", b"110"))
             for line in text.split(b"\n") if not line.lstrip().startswith(b"#")]
    text, key = b"".join(lines), b""
    need(len(text) == 64 and all(byte in RECOVERY_ALPHABET for byte in text),
         "a key file has 32 bytes, or 64 characters of a recovery key")
    for number in range(4):
        bits = 0
        for byte in text[16 * number:16 * number + 16]:
            bits = bits << 5 | RECOVERY_ALPHABET.index(byte)
        line = bits.to_bytes(10, "big")
        need(binascii.crc_hqx(bytes([number + 1]) + line[:8], 0xFFFF) == uint(line[9:7:-1], 0, 2),
             f"recovery key: line {number + 1} is mistyped")
        key += line[:8]
    return key


def open_keyring(blob, number, repo, private, mac_key):
    """{generation: master secret} of a keyring; None if it has no entry for this slot."""
    name = f"keyring/{number:08}"
    need(len(blob) >= 48 and blob[:5] == b"SNFR\1", f"{name}: not a keyring")
    zeros(blob[5:8], name)
    need(uint(blob, 8, 4) == number, f"{name}: the number is not the name")
    count = uint(blob, 12, 4)
    start = 48 + 80 * count
    need(1 <= count <= 64 and len(blob) >= start + 80 + 16 + 64, f"{name}: bad length")
    mac = hmac256(hkdf_expand(mac_key, b"snapfs1 keyring mac"), repo, blob[:-32])
    need(hmac.compare_digest(mac, blob[-32:]), f"{name}: wrong MAC")
    entries = {blob[at:at + 32]: blob[at + 32:at + 80] for at in range(48, start, 80)}
    need(len(entries) == count, f"{name}: a slot is repeated")
    public, ephemeral = public_bytes(private), blob[16:48]
    if public not in entries:
        return None
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    except ValueError:
        raise FormatError(f"{name}: bad ephemeral key") from None
    kek = hkdf_expand(hkdf_extract(ephemeral + public, shared),
                      b"snapfs1 keyring wrap" + repo + blob[:48])
    content = aead_open(kek, NO_NONCE, entries[public], blob[:48], name)
    sealed = blob[start:-64]
    key = Sealer(repo, {0: content}).file_key(sealed[:80], 2, name)
    payload = fields(open_record(key, 2, 1, 80, sealed[80:], name), {
        1: "generations * 36", 2: "slots * -"}, name, ended=True)
    for slot in payload["slots"]:
        need(len(slot) >= 56, f"{name}: bad slot")
    need({slot[:32] for slot in payload["slots"]} == set(entries)
         and len(payload["slots"]) == count, f"{name}: the slots inside are others")
    masters = {uint(each, 0, 4): each[4:] for each in payload["generations"]}
    need(0 in masters and len(masters) == len(payload["generations"]), f"{name}: bad generations")
    return masters


def check_chain(blob, number, previous, repo):
    """The chain code of keyring `number`; previous: the secrets of the one before it or None."""
    if number == 1:
        need(not any(blob[-64:-32]), "keyring/00000001: the chain code is not zero")
    elif previous:
        key = hkdf_expand(previous[max(previous)], b"snapfs1 keyring chain")
        need(hmac.compare_digest(hmac256(key, repo, blob[:-64]), blob[-64:-32]),
             f"keyring/{number:08}: wrong chain code")
    else:
        warn(f"keyring/{number:08}: its predecessor does not open, the chain is not checked")


def unlock(store, repo, secret, is_key_file):
    """The master secrets that the newest keyring has for a slot which opens."""
    numbers = [int(name) for name in store.list("keyring")]
    need(numbers and numbers == list(range(1, len(numbers) + 1)), "keyrings are missing")
    opened = False
    for name in store.list("slots")[:64]:
        try:
            blob = store.read(f"slots/{name}")
            need(hashlib.sha256(blob).hexdigest()[:32] == name, "the name is not its hash")
            found = slot_secrets(blob, repo, secret, is_key_file)
        except FormatError as error:
            warn(f"slots/{name}: {error}")
            continue
        masters = None
        for number in numbers if found else ():
            blob, previous = store.read(f"keyring/{number:08}"), masters
            masters = open_keyring(blob, number, repo, *found)
            check_chain(blob, number, previous, repo)
            need(not previous or not masters or previous.items() <= masters.items(),
                 f"keyring/{number:08}: a generation is gone")
        if masters:
            return masters
        opened = opened or found
    raise FormatError("the slot is no longer in the keyring" if opened else
                      "wrong password or key file")


# THE SEALED CONTAINER

class Sealer:
    """Keys of sealed files."""

    def __init__(self, repo, masters):
        self.repo, self.masters = repo, masters

    def derive(self, generation, salt, kind):
        """(key, commitment)"""
        need(generation in self.masters, f"unknown generation {generation}")
        prk = hkdf_extract(salt, self.masters[generation])
        info = self.repo + b"SNF1" + struct.pack("<BBHII", kind, 1, 0, generation, 0)
        return hkdf_expand(prk, b"snapfs1 seal" + info), hkdf_expand(prk, b"snapfs1 commit" + info)

    def file_key(self, header, kind, name):
        """The key of a file by its header of 80 bytes, after the commitment was compared."""
        need(len(header) == 80 and header[:4] == b"SNF1", f"{name}: not a sealed file")
        need(header[4] == kind and header[5] == 1, f"{name}: wrong kind or version")
        zeros(header[6:8] + header[12:16], name)
        key, commitment = self.derive(uint(header, 8, 4), header[16:48], kind)
        need(hmac.compare_digest(commitment, header[48:]), f"{name}: wrong commitment")
        return key


def open_record(key, kind, role, offset, sealed, name, named=True):
    """named: the file's name is not its hash, so that the record at offset 80 is bound to it."""
    associated = bytes([kind, role]) + (name.encode() if named and offset == 80 else b"")
    return aead_open(key, struct.pack("<QI", offset, 0), sealed, associated, f"{name} at {offset}")


def open_single(sealer, store, name, kind, known, multiple=4096):
    """The fields of a file with one record."""
    blob = store.read(name)
    need(len(blob) % multiple == 0 and 0 < len(blob) <= 64 * MIB, f"{name}: bad length")
    key = sealer.file_key(blob[:80], kind, name)
    return fields(open_record(key, kind, 1, 80, blob[80:], name), known, name, ended=True)


# OBJECTS

DATA, LIST, DIRECTORY, AUXILIARY = 1, 2, 3, 4
ID_LABELS = {DATA: b"snapfs1 id data", LIST: b"snapfs1 id list",
             DIRECTORY: b"snapfs1 id directory", AUXILIARY: b"snapfs1 id auxiliary"}
PACK_OF_OBJECT = {DATA: 3, LIST: 4, DIRECTORY: 4, AUXILIARY: 5}
OBJECT_MAX = 4 * MIB
NO_ID = bytes(32)

Entry = collections.namedtuple("Entry", (
    "name mode uid gid mtime ctime size count inode links content flags group allocated id "
    "inline extents target xattrs"))
Extent = collections.namedtuple("Extent", "start end offset id")


def extent(data, at, start):
    """The extent of 48 bytes at `at`, which begins at `start` of the file; a hole has id None."""
    end, offset, flags, ident = unpack("<QII32s", data, at)
    need(end > start, "an empty extent")
    need(flags in (0, 1), "unknown extent flags")
    need(flags == 0 or (ident == NO_ID and offset == 0), "a hole with an id or an offset")
    return Extent(start, end, offset, None if flags else ident)


def xattr_run(data):
    """{name: value} of a run of extended attributes."""
    out, last, at = {}, b"", 0
    while at < len(data):
        size, length = uint(data, at, 2), uint(data, at + 2, 4)
        at += 6
        name, value = data[at:at + size], data[at + size:at + size + length]
        need(at + size + length <= len(data) and name > last and b"\0" not in name,
             "bad extended attributes")
        out[name], last, at = value, name, at + size + length
    return out


def in_heap(node, heap, at, size):
    """Offsets count from the beginning of the node."""
    need(size == 0 or heap <= at <= len(node) - size, "outside the heap")
    return node[at:at + size]


def leaf_record(record, node, heap, is_root=False):
    """An entry from its record of 128 bytes; heap: where the heap of the node begins."""
    (name_at, name_size, mode, uid, gid, mtime, ctime, mtime_ns, ctime_ns, size, count, inode,
     links, extension_at) = unpack("<IHHIIqqIIQQQII", record)
    extension_size, content, flags = uint(record, 72, 3), record[75], record[76]
    zeros(record[77:80], "entry")
    group, allocated = unpack("<QQ", record, 80)
    ident, kind = record[96:], stat.S_IFMT(mode)
    name = in_heap(node, heap, name_at, name_size)
    need(name_size <= 255 and (name == b"") == is_root, "bad length of a name")
    need(name not in (b".", b"..") and not set(name) & {0, 0x2f}, "a forbidden name")
    extension = in_heap(node, heap, extension_at, extension_size)
    need(max(mtime_ns, ctime_ns) < 10**9, "bad nanoseconds")
    need(flags & ~1 == 0 and content <= 5, "unknown flags or content")
    need((group == 0 or links != 1) and group < 1 << 61, "bad hard link group")
    need((ident != NO_ID) == (content in (2, 4, 5)), "an id where none belongs, or none")
    more = fields(extension, {1: "inline ? -", 2: "extents ? -", 3: "target ? -", 4: "xattrs ? -",
                              5: "object ? 36"}, "extension")
    need((more["inline"] is not None) == (content == 1)
         and (more["extents"] is not None) == (content == 3)
         and (more["target"] is not None) == (kind == stat.S_IFLNK)
         and None in (more["xattrs"], more["object"]), "the extension does not fit the entry")
    need(kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR,
                  stat.S_IFIFO, stat.S_IFSOCK), "unknown type")
    need(content == 0 or (kind == stat.S_IFDIR) == (content == 5)
         and kind in (stat.S_IFREG, stat.S_IFDIR), "the content does not fit the type")
    if kind == stat.S_IFREG:
        need((size == 0) == (content == 0) and count == 0, "bad size of a file")
        need(content != 1 or size == len(more["inline"]) <= 512, "bad inline content")
    elif kind == stat.S_IFDIR:
        need((count == 0) == (content == 0) and (size == 0 or content), "bad counts of a directory")
        need(group == 0, "a hard link to a directory")
    elif kind == stat.S_IFLNK:
        need(size == len(more["target"]) and 0 < size < 1 << 16 and b"\0" not in more["target"]
             and count == 0, "bad link target")
    else:
        need(size == 0 and (count == 0 or kind in (stat.S_IFBLK, stat.S_IFCHR)), "bad device")
    extents, start, listed = [], 0, more["extents"] or b""
    need(content != 3 or len(listed) in range(48, 16 * 48 + 1, 48), "bad list of extents")
    for at in range(0, len(listed), 48):
        extents.append(extent(listed, at, start))
        start = extents[-1].end
    if content == 2:
        extents, start = [Extent(0, size, 0, ident)], size
    need(content not in (2, 3) or start == size, "the extents do not end at the size")
    attributes = more["object"] if more["object"] is not None else xattr_run(more["xattrs"] or b"")
    return Entry(name, mode, uid, gid, mtime * 10**9 + mtime_ns, ctime * 10**9 + ctime_ns, size,
                 count, inode, links, content, flags, group, allocated, ident, more["inline"],
                 extents, more["target"], attributes)


def node_header(node, record_size):
    """(level, entries below, bytes below, records, beginning of the heap) of a directory's node."""
    level, count, entries, size = (
        uint(node, at, width) for at, width in ((0, 1), (4, 4), (8, 8), (16, 8)))
    need(level <= 8 and len(node) <= MIB, "bad directory node")
    zeros(node[1:4] + node[24:32], "directory node")
    size_each = record_size(level)
    heap = 32 + size_each * count
    need(count > 0 and heap <= len(node), "bad count of a directory node")
    records = [node[at:at + size_each] for at in range(32, heap, size_each)]
    return level, entries, size, records, heap


class Trees:
    """Directories, lists of extents and extended attributes, over a repository's objects."""

    def __init__(self, objects):
        self.objects = objects

    def entries(self, directory):
        """The entries of a directory in order; sums are checked when the last one was taken."""
        if directory.content == 5:
            _, below, size, _ = yield from self.node(directory.id, None, [b""])
            need((below, size) == (directory.count, directory.size), "wrong sums of a directory")

    def node(self, ident, level, last):
        """(entries directly here, entries below, bytes below, first name), after the entries."""
        node = self.objects.read(DIRECTORY, ident)
        found, below, size, records, heap = node_header(node, lambda level: 64 if level else 128)
        need(level is None or found == level, "wrong level of a directory node")
        direct, count, total, first = 0, 0, 0, None
        for record in records:
            if found == 0:
                entry = leaf_record(record, node, heap)
                need(entry.name > last[0], "names are repeated or out of order")
                last[0], sums, name = entry.name, (1, 1, 0), entry.name
                if stat.S_ISDIR(entry.mode):
                    sums = (1, 1 + entry.count, entry.size)
                elif stat.S_ISREG(entry.mode):
                    sums = (1, 1, entry.size)
                yield entry
            else:
                at, length, zero, *sums = unpack("<IHHQQQ", record)
                *under, name = yield from self.node(record[32:], found - 1, last)
                need(zero == 0 and sums == under and name == in_heap(node, heap, at, length),
                     "an index record does not fit its child")
            direct, count, total = direct + sums[0], count + sums[1], total + sums[2]
            first = name if first is None else first
        need((count, total) == (below, size), "wrong sums of a directory node")
        return direct, count, total, first

    def extents(self, file):
        if file.content == 4:
            end = yield from self.list_node(file.id, None, 0)
            need(end == file.size, "the extents do not end at the size")
        else:
            yield from file.extents

    def list_node(self, ident, level, start):
        """The extents under a list object; returns the last one's end."""
        node = self.objects.read(LIST, ident)
        found, count = uint(node, 0, 1), uint(node, 4, 4)
        zeros(node[1:4] + node[8:16], "list")
        need(found <= 8 and 1 <= count <= 8192 and len(node) == 16 + 48 * count
             and level in (None, found), "bad list")
        for at in range(16, len(node), 48):
            if found == 0:
                one = extent(node, at, start)
                yield one
                start = one.end
            else:
                end, offset, flags, child = unpack("<QII32s", node, at)
                start = yield from self.list_node(child, found - 1, start)
                need(start == end and offset == flags == 0, "bad entry of a list")
        return start

    def content(self, file):
        """(offset, bytes) of all that is not a hole."""
        if file.content == 1:
            yield 0, file.inline
        for one in self.extents(file):
            if one.id is not None:
                data = self.objects.read(DATA, one.id)
                need(one.offset + one.end - one.start <= len(data), "an extent beyond its object")
                yield one.start, data[one.offset:one.offset + one.end - one.start]

    def xattrs(self, entry):
        if isinstance(entry.xattrs, dict):
            return entry.xattrs
        run = self.objects.read(DATA, entry.xattrs[4:])
        need(len(run) == uint(entry.xattrs, 0, 4), "wrong length of extended attributes")
        return xattr_run(run)


# PACKS

def frame_length(data):
    """The length of the zstd frame (RFC 8878) at the start of data."""
    need(data[:4] == b"\x28\xb5\x2f\xfd", "not a zstd frame")
    descriptor = uint(data, 4, 1)
    single, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
    last = 0
    while not last:
        block = uint(data, at, 3)
        last, at = block & 1, at + 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
    return at + 4 * checksum


def decompress(data, size):
    need(frame_length(data) == len(data), "not one zstd frame")
    if zstandard:
        try:
            out = zstandard.ZstdDecompressor().stream_reader(data).read(size + 1)
        except zstandard.ZstdError as error:
            raise FormatError(str(error)) from None
    else:
        out = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE).stdout
    need(len(out) == size, "wrong size of a zstd frame")
    return out


def record_content(record):
    """What an opened record of a pack holds."""
    size, codec = uint(record, 0, 3), uint(record, 3, 1)
    need(codec in (0, 1), "unknown codec")
    content = decompress(record[4:], size) if codec else record[4:]
    need(len(content) == size, "wrong size of a record")
    return content


def pack_trailer(key, kind, blob, name):
    """([(offset, size)], [(id, record, offset in it, length, kind)]) of a whole pack."""
    footer = len(blob) - 32
    need(footer > 80 and len(blob) < 1 << 30, f"{name}: bad length")
    at, size = struct.unpack("<QQ", open_record(key, kind, 1, footer, blob[footer:], name, False))
    need(at >= 80 and at + size == footer, f"{name}: bad footer")
    trailer = open_record(key, kind, 2, at, blob[at:footer], name, False)
    n, m, zero = uint(trailer, 0, 4), uint(trailer, 4, 4), uint(trailer, 8, 8)
    end = 16 + 8 * n + 48 * m
    need(zero == 0 and end <= len(trailer), f"{name}: bad trailer")
    zeros(trailer[end:], name)
    padding = len(trailer) - end
    unpadded = len(blob) - padding
    unit = max(4096, 1 << max(0, unpadded.bit_length() - 1 - 7))
    need(len(blob) % unit == 0 and padding < unit, f"{name}: wrong padding")
    records = [unpack("<II", trailer, 16 + 8 * i) for i in range(n)]
    next_at = 80
    for offset, size in records:
        need(offset == next_at, f"{name}: records do not follow each other")
        next_at += size
    need(next_at == at, f"{name}: the trailer does not follow the records")
    objects = [unpack("<32sIIIB3s", trailer, 16 + 8 * n + 48 * i) for i in range(m)]
    for one in objects:
        zeros(one[5], name)
    return records, [one[:5] for one in objects]


# INDEX

Pack = collections.namedtuple("Pack", "name salt size generation kind")
Place = collections.namedtuple("Place", "pack offset size inner length")


class Segment:
    """An index segment: the two binary searches of a lookup run over its decrypted stream."""

    def __init__(self, blob, sealer, name):
        need((len(blob) - 80) % 4096 == 0 and len(blob) > 80, f"{name}: bad length")
        key = sealer.file_key(blob[:80], 6, name)
        stream = b"".join(
            open_record(key, 6, int(at + 4096 == len(blob)), at, blob[at:at + 4096], name, False)
            for at in range(80, len(blob), 4096))
        self.name, self.count, packs, self.bits, superseded, zero = name, *unpack(
            "<QIIII", stream)
        need(zero == 0 and self.bits <= 24, f"{name}: bad header")
        self.session, self.collection = stream[24:40], uint(stream, 40, 8)
        zeros(stream[48:240], name)
        self.at = 240
        table = self.section(stream, 80 * packs)
        self.fan_out = self.section(stream, 4 << self.bits)
        self.items = self.section(stream, 48 * self.count)
        names = self.section(stream, 32 * superseded)
        need(len(stream) - self.at < 4080, f"{name}: too many pages")
        zeros(stream[self.at:], name)
        self.packs = []
        for at in range(0, len(table), 80):
            *pack, rest = unpack("<32s32sIIB7s", table, at)
            zeros(rest, name)
            self.packs.append(Pack(*pack))
            need(self.packs[-1].kind in PACK_KINDS.values(), f"{name}: unknown kind of a pack")
        self.superseded = [names[at:at + 32].hex() for at in range(0, len(names), 32)]
        self.check_order()

    def section(self, stream, size):
        end = self.at + size
        padded = end + -size % 240
        need(padded <= len(stream), f"{self.name}: a section is cut off")
        zeros(stream[end:padded], self.name)
        data, self.at = stream[self.at:end], padded
        return data

    def prefix(self, ident):
        return int.from_bytes(ident[:4], "big") >> 32 - self.bits

    def id_at(self, index):
        return self.items[48 * index:48 * index + 32]

    def check_order(self):
        last, counts = b"", [0] * (1 << self.bits)
        for index in range(self.count):
            ident = self.id_at(index)
            need(ident > last, f"{self.name}: ids are repeated or out of order")
            counts[self.prefix(ident)] += 1
            last = ident
            self.place(index)
        total = 0
        for slot, count in enumerate(counts):
            total += count
            need(uint(self.fan_out, 4 * slot, 4) == total, f"{self.name}: wrong fan-out")

    def place(self, index):
        item = self.items[48 * index + 32:48 * index + 48]
        pack, offset, size, inner, length = (
            uint(item, at, width) for at, width in ((0, 3), (3, 4), (7, 3), (10, 3), (13, 3)))
        need(pack < len(self.packs), f"{self.name}: unknown pack")
        pack = self.packs[pack]
        need(offset >= 80 and size > 20 and offset + size < pack.size and length <= OBJECT_MAX,
             f"{self.name}: bad place of an object")
        return Place(pack, offset, size, inner, length)

    def find(self, ident):
        slot = self.prefix(ident)
        low = uint(self.fan_out, 4 * slot - 4, 4) if slot else 0
        high = uint(self.fan_out, 4 * slot, 4)
        index = bisect.bisect_left(range(self.count), ident, low, high, key=self.id_at)
        return self.place(index) if index < high and self.id_at(index) == ident else None


class Objects:
    """Objects by id, through the segments that count."""

    def __init__(self, store, sealer, id_keys, collected):
        self.store, self.sealer, self.id_keys = store, sealer, id_keys
        self.cache, self.cached, self.keys = collections.OrderedDict(), 0, {}
        self.all_segments, damaged = {}, {}
        for name in store.list("index"):
            try:
                blob = store.read(f"index/{name}")
                need(hashlib.sha256(blob).hexdigest() == name, f"{name}: the name is not its hash")
                self.all_segments[name] = Segment(blob, sealer, f"index/{name}")
            except FormatError as error:
                damaged[name] = error
        counted = {name: each for name, each in self.all_segments.items()
                   if collected.counts_segment(name, each.collection)}
        gone = {name for each in counted.values() for name in each.superseded}
        self.segments = [each for name, each in counted.items() if name not in gone]
        for name, error in damaged.items():
            if name not in gone:
                raise error

    def places(self, kind, ident):
        found = (segment.find(ident) for segment in self.segments)
        return [place for place in found if place and place.pack.kind == PACK_OF_OBJECT[kind]]

    def length(self, kind, ident):
        """How long an object is according to the index."""
        places = self.places(kind, ident)
        need(places, f"object {ident.hex()} is missing")
        return places[0].length

    def read(self, kind, ident):
        errors = [f"object {ident.hex()} is missing"]
        for place in self.places(kind, ident):
            try:
                content = self.record(place)
                data = content[place.inner:place.inner + place.length]
                need(len(data) == place.length, f"object {ident.hex()}: it is cut off")
                need(hmac256(self.id_keys[kind], data) == ident, f"object {ident.hex()}: wrong id")
                return data
            except FormatError as error:
                errors.append(str(error))
        raise FormatError(errors[-1])

    def record(self, place):
        where = place.pack.name, place.offset
        if where in self.cache:
            self.cache.move_to_end(where)
            return self.cache[where]
        pack, name = place.pack, place.pack.name.hex()
        directory = {kind: name for name, kind in PACK_KINDS.items()}[pack.kind]
        name = f"{directory}/{name[:2]}/{name}"
        if pack not in self.keys:
            self.keys[pack] = self.sealer.derive(pack.generation, pack.salt, pack.kind)[0]
        sealed = self.store.read(name, place.offset, place.size)
        content = record_content(
            open_record(self.keys[pack], pack.kind, 0, place.offset, sealed, name, False))
        self.cache[where] = content
        self.cached += len(content)
        while self.cached > CACHE_BYTES and len(self.cache) > 1:
            self.cached -= len(self.cache.popitem(last=False)[1])
        return content


# SESSIONS, NOTES AND COLLECTIONS

SESSION = {1: "id ! 16", 2: "time ! 8", 3: "host ! -", 4: "process ! 4", 5: "kind ! 1",
           6: "pinned * 16", 7: "place ? 32"}
HEARTBEAT = {1: "id ! 16", 2: "time ! 8", 3: "collection ? 8"}
ABORT = {1: "id ! 16", 2: "time ! 8", 3: "host ! -", 4: "collection ! 8"}
NOTE = {1: "snapshot ! 16", 2: "time ! 8", 3: "host ? -", 4: "user ? -", 5: "action ! 1",
        6: "until ? 8", 7: "tags * -", 8: "reason ? -"}
FORGET, UNFORGET, HOLD, RELEASE, TAGS, ERASE = 1, 2, 3, 4, 5, 6
COLLECTION = {1: "number ! 8", 2: "time ! 8", 3: "host ? -", 4: "user ? -", 5: "forgotten ! -",
              6: "condemned ! -", 7: "segments ! -"}
COLLECTION_DONE = {1: "number ! 8", 2: "time ! 8", 3: "host ? -", 4: "user ? -", 5: "floor ! 8",
                   6: "live ! -", 7: "segments ! -", 8: "packs ! -", 9: "gone_segments ! -",
                   10: "gone_snapshots ! -", 11: "gone_sessions ! -"}
AUDIT = {1: "number ! 8", 2: "time ! 8", 3: "host ? -", 4: "user ? -", 5: "before ? 32",
         6: "command ? -", 7: "snapshots ! -", 8: "counts * -", 9: "program ? -", 10: "remarks * -",
         11: "seen ? 40", 12: "accepted * 17"}
MISSING, UNREADABLE, MISPLACED, ROLLED_BACK = 1, 2, 3, 4
ONLY_IF_NAMED = 2**64 - 1


def items(data, size, what):
    need(len(data) % size == 0, f"{what}: a list is cut off")
    return [data[at:at + size] for at in range(0, len(data), size)]


class Collected:
    """What counts, by the newest collection that is closed."""

    def __init__(self, store, sealer):
        closed = [name for name in store.list("gc") if name.endswith(".done")]
        self.floor, self.live, self.segments = 0, {}, set()
        if not closed:
            return
        name = f"gc/{closed[-1]}"
        end = open_single(sealer, store, name, 12, COLLECTION_DONE)
        need(uint(end["number"], 0, 8) == int(closed[-1][:8]), f"{name}: another collection")
        self.floor = uint(end["floor"], 0, 8)
        self.live = {each[:16].hex(): each[16:] for each in items(end["live"], 48, name)}
        self.segments = {each.hex() for each in items(end["segments"], 32, name)}

    def counts_segment(self, name, seen):
        return seen != ONLY_IF_NAMED and seen >= self.floor or name in self.segments

    def counts_snapshot(self, name, seen, blob):
        return seen >= self.floor or self.live.get(name) == hashlib.sha256(blob).digest()


def forgotten(store, sealer):
    """The snapshots of which the notes say so; one that is not known may have placed a hold."""
    notes, found = collections.defaultdict(dict), set()
    for name in store.list("notes"):
        notes[name[:32]][int(name[33:])] = f"notes/{name}"
    for snapshot, names in notes.items():
        erased = unclear = False
        newest = 0
        for number in sorted(names):
            try:
                note = open_single(sealer, store, names[number], 10, NOTE)
                need(note["snapshot"].hex() == snapshot, f"{names[number]}: of another snapshot")
                action = note["action"][0]
                need(FORGET <= action <= ERASE, f"{names[number]}: unknown action")
            except FormatError as error:
                warn(f"{error}")
                action = None
            if action is None or number > newest + 1:
                unclear = True
                if not erased:
                    found.discard(snapshot)
            newest = number
            if action == ERASE:
                erased = True
                found.add(snapshot)
            elif action == FORGET and not unclear:
                found.add(snapshot)
            elif action == UNFORGET and not erased:
                found.discard(snapshot)
            elif action == RELEASE:
                unclear = False
    return found


# SNAPSHOTS

CONFIG = {1: "id ! 16", 2: "chunker ! 12", 3: "chunker_key ? 32"}
MANIFEST = {
    1: "id ! 16", 2: "logical ! 16", 3: "state ! 1", 4: "time ! 12", 5: "end ! 12", 6: "host ? -",
    7: "user ? -", 8: "job ? -", 9: "source ! 1", 10: "paths * -", 11: "tags * -", 12: "root ! -",
    13: "totals ! 80", 14: "errors ! 8", 15: "error * -", 16: "predecessor ? 16",
    17: "collection ! 8", 18: "program ? -", 19: "users * -", 20: "groups * -", 21: "flags ! 4",
    22: "start ! 12"}


class Snapshot:
    def __init__(self, sealer, store, name):
        self.name = name
        self.__dict__.update(open_single(sealer, store, f"snapshots/{name}", 8, MANIFEST))
        need(self.id.hex() == name, f"snapshots/{name}: the id is not the name")
        need(self.state[0] <= 1 and self.source[0] in (1, 2),
             f"snapshots/{name}: unknown state or source")
        need(all(uint(each, 8, 4) < 10**9 and abs(unpack("<q", each[:8])[0]) <= 2**55
                 for each in (self.time, self.end, self.start)),
             f"snapshots/{name}: bad time")
        seconds, nanoseconds = struct.unpack("<qI", self.time)
        self.time = seconds * 10**9 + nanoseconds
        need(len(self.error) <= 1000
             and all(uint(each, 0, 2) + 2 <= len(each) for each in self.error)
             and all(len(each) >= 4 for each in self.users + self.groups),
             f"snapshots/{name}: bad list")
        level, below, size, records, heap = node_header(self.root, lambda level: 128)
        need(level == 0 and len(records) == 1, f"snapshots/{name}: bad root")
        self.root = leaf_record(records[0], self.root, heap, is_root=True)
        need(stat.S_ISDIR(self.root.mode) and below == self.root.count + 1
             and size == self.root.size, f"snapshots/{name}: bad root")


class Repository:
    def __init__(self, path, secret, is_key_file):
        self.store = Store(path)
        repo = self.store.repository_id()
        masters = unlock(self.store, repo, secret, is_key_file)
        self.sealer = Sealer(repo, masters)
        config = open_single(self.sealer, self.store, "config", 1, CONFIG)
        need(config["id"] == repo, "config: another repository's")
        minimum, target, maximum = struct.unpack("<III", config["chunker"])
        need(64 <= minimum <= target < maximum <= OBJECT_MAX and target >= 256
             and target & target - 1 == 0, "config: bad sizes of chunks")
        id_keys = {kind: hkdf_expand(masters[0], label) for kind, label in ID_LABELS.items()}
        self.collected = Collected(self.store, self.sealer)
        self.objects = Objects(self.store, self.sealer, id_keys, self.collected)
        self.trees = Trees(self.objects)

    def snapshots(self):
        """The complete ones that count and are not forgotten, oldest first."""
        gone = forgotten(self.store, self.sealer)
        found = (Snapshot(self.sealer, self.store, name) for name in self.committed()
                 if name not in gone)
        return sorted((each for each in found if each.state[0] == 0 and self.counts(each)),
                      key=lambda each: (each.time, each.id))

    def committed(self):
        """The names of manifests; the others are aborts."""
        return [name for name in self.store.list("snapshots")
                if self.store.read(f"snapshots/{name}", 4, 1) != b"\x09"]

    def counts(self, snapshot):
        return self.collected.counts_snapshot(snapshot.name, uint(snapshot.collection, 0, 8),
                                              self.store.read(f"snapshots/{snapshot.name}"))

    def find(self, text):
        """(snapshot, entry) of SNAPSHOT[:PATH]"""
        start, _, path = text.partition(":")
        listed = self.snapshots()
        found = listed[-1:] if start == "latest" else [
            each for each in listed if each.name.startswith(start)]
        need(len(found) == 1, f"{start}: {len(found)} snapshots")
        entry = found[0].root
        for name in filter(None, os.fsencode(path).split(b"/")):
            inside = self.trees.entries(entry) if stat.S_ISDIR(entry.mode) else ()
            entry = next((each for each in inside if each.name == name), None)
            need(entry, f"{text}: no such file")
        return found[0], entry

    def walk(self, directory, path=b""):
        """(path, entry) of everything below, in preorder."""
        for entry in self.trees.entries(directory):
            yield path + b"/" + entry.name, entry
            if stat.S_ISDIR(entry.mode):
                yield from self.walk(entry, path + b"/" + entry.name)


def shown(name):
    """A name for the terminal: what is not printable is escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def utc(nanoseconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(nanoseconds // 10**9))


def list_snapshots(repository):
    for each in repository.snapshots():
        paths = " ".join(shown(path) for path in each.paths)
        print(f"{each.name}  {utc(each.time)}  {shown(each.host or b'')}  {paths}")


def list_tree(repository, text):
    for path, entry in repository.walk(repository.find(text)[1]):
        size = entry.size
        if stat.S_ISBLK(entry.mode) or stat.S_ISCHR(entry.mode):
            size = f"{entry.count >> 32},{entry.count & 0xffffffff}"
        target = f" -> {shown(entry.target)}" if entry.target is not None else ""
        print(f"{stat.filemode(entry.mode)} {entry.uid:5} {entry.gid:5} {size:>12} "
              f"{utc(entry.mtime)} {shown(path)}{target}")


# Restoring

class Restore:
    """Every entry is made anew below an empty target, so that nothing is followed out of it."""

    def __init__(self, repository):
        self.trees, self.groups, self.failures = repository.trees, {}, 0

    def run(self, entry, target):
        """The contents of a directory come to lie in target, any other entry below it."""
        os.makedirs(target, 0o700, exist_ok=True)
        need(not os.listdir(target), "the target is not empty")
        if stat.S_ISDIR(entry.mode):
            self.directory(entry, os.fsencode(target))
        else:
            self.attempt(self.entry, entry, os.path.join(os.fsencode(target), entry.name))
        return self.failures == 0

    def attempt(self, write, entry, path):
        try:
            write(entry, path)
        except (FormatError, OSError) as error:
            self.failures += 1
            print(f"{shown(path)}: {error}", file=sys.stderr)

    def directory(self, entry, path):
        try:
            for each in self.trees.entries(entry):
                self.attempt(self.entry, each, os.path.join(path, each.name))
        finally:
            self.attributes(entry, path)

    def entry(self, entry, path):
        kind = stat.S_IFMT(entry.mode)
        group = entry.group, kind, entry.size
        if group in self.groups:
            first, first_path = self.groups[group]
            if first._replace(name=entry.name, ctime=entry.ctime, flags=entry.flags) != entry:
                warn(f"{shown(path)}: differs from {shown(first_path)}, to which it is a link")
            os.link(first_path, path, follow_symlinks=False)
            return
        if kind == stat.S_IFDIR:
            os.mkdir(path, 0o700)
            self.directory(entry, path)
            return
        if kind == stat.S_IFREG:
            self.file(entry, path)
        elif kind == stat.S_IFLNK:
            os.symlink(entry.target, path)
        else:
            os.mknod(path, kind | 0o600, os.makedev(entry.count >> 32, entry.count & 0xffffffff))
        self.attributes(entry, path)
        if entry.group:
            self.groups[group] = entry, path

    def file(self, entry, path):
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for offset, data in self.trees.content(entry):
                file.seek(offset)
                file.write(data)
            file.truncate(entry.size)

    def attributes(self, entry, path):
        """The owner first: changing it takes capabilities and the set-user-ID bit away."""
        try:
            os.lchown(path, entry.uid, entry.gid)
        except PermissionError as error:
            warn(f"{shown(path)}: owner: {error.strerror}")
        for name, value in self.trees.xattrs(entry).items():
            try:
                os.setxattr(path, name, value, follow_symlinks=False)
            except OSError as error:
                warn(f"{shown(path)}: {shown(name)}: {error.strerror}")
        if not stat.S_ISLNK(entry.mode):
            os.chmod(path, stat.S_IMODE(entry.mode))
        os.utime(path, ns=(entry.mtime, entry.mtime), follow_symlinks=False)


# Verifying

class Verify:
    """Reads everything; problems are printed as they are found and counted."""

    def __init__(self, repository):
        self.repository, self.store = repository, repository.store
        self.sealer, self.objects = repository.sealer, repository.objects
        self.trees, self.problems, self.seen = repository.trees, 0, {}
        self.packs = {}     # (kind, name): {(id, record offset, record size, inner, length)}

    def run(self):
        for name in self.store.list("slots"):
            self.attempt(self.slot, name)
        for directory in PACK_KINDS:
            for name in self.store.list(directory):
                self.attempt(self.pack, directory, name)
        for segment in self.objects.segments:
            self.attempt(self.segment, segment)
        for name in self.store.list("sessions"):
            self.attempt(self.session, name)
        names = self.repository.committed()
        for name in names:
            self.attempt(self.snapshot, name)
        for name in set(self.store.list("snapshots")) - set(names):
            self.attempt(self.abort, name)
        for name in self.store.list("gc"):
            self.attempt(self.collection, name)
        forgotten(self.store, self.sealer)
        self.attempt(self.audit)
        for directory in set(RESERVED) & set(os.listdir(self.store.root)):
            warn(f"{directory}: reserved, not read")
        print(f"{len(self.packs)} packs, {len(self.objects.all_segments)} segments, "
              f"{len(names)} manifests, {self.problems} problems")
        return self.problems == 0

    def audit(self):
        before, last, found, accepted = None, 0, [], []
        for name in self.store.list("audit"):
            path, number = f"audit/{name}", int(name)
            if number > last + 1:
                found.append((MISSING, last + 1, number - 1, f"{path}: the one before is missing"))
            try:
                record = self.audit_record(path, number)
                if number == last + 1 and record["before"] != before:
                    found.append((MISPLACED, number, number,
                                  f"{path}: does not follow the one before"))
                if record["seen"] is not None:
                    found.append((ROLLED_BACK, number, number,
                                  f"{path}: its writer had seen more than there was"))
                accepted += [struct.unpack("<BQQ", each) for each in record["accepted"]]
            except FormatError as error:
                found.append((UNREADABLE, number, number, str(error)))
            before, last = hashlib.sha256(self.store.read(path)).digest(), number
        for kind, first, end, message in found:
            if not any(kind == of and low <= first and end <= high for of, low, high in accepted):
                self.problems += 1
                print(message)

    def audit_record(self, path, number):
        record = open_single(self.sealer, self.store, path, 14, AUDIT, 1024)
        need(uint(record["number"], 0, 8) == number, f"{path}: another record")
        need((record["before"] is None) == (number == 1), f"{path}: only the first has none before")
        for each in record["accepted"]:
            kind, first, last = struct.unpack("<BQQ", each)
            need(MISSING <= kind <= ROLLED_BACK and 1 <= first <= last <= number,
                 f"{path}: accepts what is no finding of it")
        return record

    def attempt(self, check, *arguments):
        try:
            check(*arguments)
        except FormatError as error:
            self.problems += 1
            print(f"{error}")

    def slot(self, name):
        blob = self.store.read(f"slots/{name}")
        need(hashlib.sha256(blob).hexdigest()[:32] == name, f"slots/{name}: bad name")
        slot_parameters(blob)

    def pack(self, directory, hexname):
        name, kind = f"{directory}/{hexname[:2]}/{hexname}", PACK_KINDS[directory]
        blob = self.store.read(name)
        need(hashlib.sha256(blob).hexdigest() == hexname, f"{name}: the name is not its hash")
        key = self.sealer.file_key(blob[:80], kind, name)
        records, objects = pack_trailer(key, kind, blob, name)
        by_record = [[] for _ in records]
        for ident, record, inner, length, object_kind in objects:
            need(record < len(records) and PACK_OF_OBJECT.get(object_kind) == kind
                 and length <= OBJECT_MAX, f"{name}: bad object")
            by_record[record].append((inner, length, object_kind, ident))
        places = set()
        for (offset, size), inside in zip(records, by_record):
            content = record_content(
                open_record(key, kind, 0, offset, blob[offset:offset + size], name, False))
            end = 0
            for inner, length, object_kind, ident in sorted(inside):
                need(inner == end, f"{name}: objects do not follow each other")
                end += length
                data = content[inner:end]
                need(hmac256(self.objects.id_keys[object_kind], data) == ident,
                     f"{name}: wrong id of an object")
                places.add((ident, offset, size, inner, length))
            need(end == len(content), f"{name}: a record holds more than its objects")
        self.packs[kind, bytes.fromhex(hexname)] = (
            Pack(bytes.fromhex(hexname), blob[16:48], len(blob), uint(blob, 8, 4), kind), places)

    def segment(self, segment):
        for pack in segment.packs:
            found = self.packs.get((pack.kind, pack.name))
            need(found, f"{segment.name}: pack {pack.name.hex()} is missing or damaged")
            need(found[0] == pack, f"{segment.name}: pack {pack.name.hex()} is another")
        for index in range(segment.count):
            place = segment.place(index)
            need((segment.id_at(index), *place[1:])
                 in self.packs[place.pack.kind, place.pack.name][1],
                 f"{segment.name}: object {segment.id_at(index).hex()} is not there")

    def session(self, name):
        beat = "." in name
        values = open_single(self.sealer, self.store, f"sessions/{name}", 15 if beat else 7,
                             HEARTBEAT if beat else SESSION)
        need(values["id"].hex() == name[:32], f"sessions/{name}: the id is not the name")
        need(beat or 1 <= values["kind"][0] <= 3, f"sessions/{name}: unknown kind")

    def abort(self, name):
        values = open_single(self.sealer, self.store, f"snapshots/{name}", 9, ABORT)
        need(values["id"].hex() == name, f"snapshots/{name}: the id is not the name")

    def collection(self, name):
        done = name.endswith(".done")
        values = open_single(self.sealer, self.store, f"gc/{name}", 12 if done else 11,
                             COLLECTION_DONE if done else COLLECTION)
        need(uint(values["number"], 0, 8) == int(name[:8]), f"gc/{name}: another collection")

    def snapshot(self, name):
        snapshot = Snapshot(self.sealer, self.store, name)
        if not self.repository.counts(snapshot):
            return
        try:
            counts = self.directory(snapshot.root)
        except FormatError as error:
            raise FormatError(f"snapshots/{name}: {error}") from None
        totals = unpack("<4Q", snapshot.totals)
        got = counts[0], counts[1] - 1, counts[2], snapshot.root.size     # without the root
        need(totals == got, f"snapshots/{name}: totals {totals}, counted {got}")
        need(counts[3] == 0 or uint(snapshot.flags, 0, 4) & 1,
             f"snapshots/{name}: wrong flag of extended attributes")

    def directory(self, directory):
        """(files, directories, others, with attributes) from here on; each id is walked once."""
        counts = [0, 1, 0, int(bool(directory.xattrs))]
        key = directory.id, directory.count, directory.size
        if key not in self.seen:
            below = [0, 0, 0, 0]
            for entry in self.trees.entries(directory):
                below = [a + b for a, b in zip(below, self.entry(entry))]
            self.seen[key] = below
        self.trees.xattrs(directory)
        return [a + b for a, b in zip(counts, self.seen[key])]

    def entry(self, entry):
        if stat.S_ISDIR(entry.mode):
            return self.directory(entry)
        for one in self.trees.extents(entry):
            need(one.id is None or
                 one.offset + one.end - one.start <= self.objects.length(DATA, one.id),
                 f"{shown(entry.name)}: an extent beyond its object")
        self.trees.xattrs(entry)
        is_file = stat.S_ISREG(entry.mode)
        return int(is_file), 0, int(not is_file), int(bool(entry.xattrs))


def main():
    parser = argparse.ArgumentParser(description="Reads a snapfs repository without snapfs.")
    parser.add_argument("--repo", default=os.environ.get("SNAPFS_REPO"))
    parser.add_argument("--password-file")
    parser.add_argument("--key-file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("snapshots", help="list the snapshots, oldest first")
    commands.add_parser("verify", help="check every byte of the repository")
    ls = commands.add_parser("ls", help="list everything below a path")
    restore = commands.add_parser("restore", help="write a snapshot to a directory")
    for command in (ls, restore):
        command.add_argument("snapshot", metavar="SNAPSHOT[:PATH]")
    restore.add_argument("target")
    options = parser.parse_args()
    sys.setrecursionlimit(100_000)      # a directory in a directory in a directory ...
    try:
        need(options.repo, "no repository: --repo or SNAPFS_REPO")
        secret = secret_of(options)
        repository = Repository(options.repo, secret, bool(options.key_file))
        if options.command == "snapshots":
            list_snapshots(repository)
        elif options.command == "ls":
            list_tree(repository, options.snapshot)
        elif options.command == "restore":
            entry = repository.find(options.snapshot)[1]
            return 0 if Restore(repository).run(entry, options.target) else 13
        else:
            return 0 if Verify(repository).run() else 13
    except (FormatError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def secret_of(options):
    if options.key_file or options.password_file:
        with open(options.key_file or options.password_file, "rb") as file:
            secret = file.read()
        if options.key_file:
            secret = secret if len(secret) == 32 else recovery_key(secret)
            return secret
        return secret.removesuffix(b"\n")
    need("SNAPFS_PASSWORD" in os.environ, "no password")
    return os.environb[b"SNAPFS_PASSWORD"]


if __name__ == "__main__":
    sys.exit(main())
