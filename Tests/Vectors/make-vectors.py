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
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from objects import (make_chunks, make_directories, make_index, make_lists, make_manifest,
                     make_packs, make_xattrs)
from primitives import (FOLDER, KEY_FILE, MAC_KEY, MASTER, MASTER1, PASSWORD, REPO, SALT, SESSION,
                        expand, field, file_key, i64, mac, patched, seal, sealed_file, sequence,
                        terminated, u32, u64, write)


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


def draws(number):
    """What a writer draws for a keyring; with it the bytes are the same every time."""
    return dict(ephemeral=pair(f"ephemeral {number}")[0], content=sequence(f"content {number}", 32),
                salt=sequence(f"keyring salt {number}", 32))


def make_keyrings():
    holders = []
    for i in (1, 2):
        secret, public = pair(f"slot {i}")
        holders.append({"secret": secret, "public": public, "name": sequence(f"name {i}", 16),
                        "created": 1795257600 + i, "label": f"höld {i}".encode()})
    first = keyring(1, holders[:1], {0: MASTER})
    second = keyring(2, holders, {0: MASTER, 1: MASTER1}, MASTER)
    given = dict(repository=REPO, mac=MAC_KEY, secret=holders[0]["secret"])
    write("keyring-1", "keyring", first, number=1, **given, **draws(1),
          values={"generations": f"0:{MASTER.hex()}", "newest": 0,
                  "labels": holders[0]["label"], "created": holders[0]["created"]})
    given |= draws(2)
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
    def slots(*named):
        return b"".join(field(2, h["public"] + h["name"] + i64(h["created"]) + h["label"])
                        for h in named)
    generation = field(1, u32(0) + MASTER)
    for name, sealed_to, payload in (
            ("slot-missing", holders, generation + slots(holders[0])),
            ("slot-unknown", holders[:1], generation + slots(*holders)),
            ("slot-other", holders[:1], generation + slots(holders[1])),
            ("slot-twice", [holders[0]] * 2, generation + slots(holders[0], holders[0])),
            ("generation-twice", holders[:1], generation * 2 + slots(holders[0])),
            ("generation-long", holders[:1],
             field(1, u32(0) + MASTER + b"\0") + slots(holders[0]))):
        write(f"keyring-{name}", "keyring", keyring(1, sealed_to, {}, payload=payload), "damaged",
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
    key = sequence("chunker key", 32)
    write("configuration-own-chunker-key", "configuration",
          config(standard, more=field(3, key)), repository=REPO,
          values={"minimum": 524288, "target": 1048576, "maximum": 4194304, "chunker": key})
    for name, value in [("short", key[:31]), ("long", key + b"\0"), ("empty", b"")]:
        write(f"configuration-chunker-key-{name}", "configuration",
              config(standard, more=field(3, value)), "damaged", repository=REPO)
    write("configuration-chunker-key-twice", "configuration",
          config(standard, more=field(3, key) + field(3, key)), "damaged", repository=REPO)
    write("configuration-newer", "configuration", config(standard, more=field(4, key)),
          "unsupported", repository=REPO)
    for name, value in [("no-power", chunking(64, 257, 4096)), ("minimum", chunking(63, 256, 4096)),
                        ("target", chunking(64, 128, 4096)), ("order", chunking(512, 256, 4096)),
                        ("equal", chunking(64, 256, 256)), ("large", chunking(64, 256, 4194305)),
                        ("zero", chunking(64, 0, 4096)),
                        ("target-large", chunking(64, 2 ** 23, 2 ** 22)),
                        ("short", chunking(64, 256, 257)[:-1])]:
        write(f"configuration-{name}", "configuration", config(value), "damaged", repository=REPO)


def make_session():
    fields = (field(1, SESSION) + field(2, i64(-5)) + field(3, "höst".encode())
              + field(4, u32(4242)))
    given = dict(id=SESSION)
    plain = {"time": -5, "host": "höst".encode(), "process": 4242, "kind": 1, "pinned": "",
             "place": ""}
    writer = fields + field(5, b"\1")
    write("session", "session", terminated(writer), values=plain, **given)
    boot, pins = sequence("boot", 16), [sequence("pin", 16), sequence("other pin", 16)]
    write("session-reader", "session",
          terminated(fields + field(5, b"\2") + field(6, pins[0]) + field(6, pins[1])
                     + field(7, boot + u64(4026531836) + u64(77))),
          values=plain | {"kind": 2, "pinned": ",".join(pin.hex() for pin in pins),
                          "place": f"{boot.hex()}:4026531836:77"}, **given)
    write("session-collector", "session", terminated(fields + field(5, b"\3")),
          values=plain | {"kind": 3}, **given)
    write("session-no-id", "session", terminated(writer[24:]), "damaged", **given)
    write("session-other", "session", terminated(writer), "damaged", id=bytes(16))
    write("session-long-id", "session", terminated(field(1, SESSION + b"\0") + writer[24:]),
          "damaged", **given)
    write("session-short-pin", "session", terminated(writer + field(6, pins[0][:-1])), "damaged",
          **given)
    write("session-short-place", "session", terminated(writer + field(7, bytes(31))), "damaged",
          **given)
    write("session-kind", "session", terminated(fields + field(5, b"\4")), "unsupported", **given)
    write("session-newer", "session", terminated(writer + field(8, b"")), "unsupported", **given)
    beat = field(1, SESSION) + field(2, i64(7))
    given = dict(id=SESSION, number=3)
    write("heartbeat", "heartbeat", terminated(beat), values={"time": 7, "collection": ""}, **given)
    write("heartbeat-seen", "heartbeat", terminated(beat + field(3, u64(12))),
          values={"time": 7, "collection": 12}, **given)
    write("heartbeat-other", "heartbeat", terminated(beat), "damaged", id=bytes(16), number=3)
    write("heartbeat-short", "heartbeat", terminated(beat + field(3, u32(12))), "damaged", **given)
    fields = (field(1, SESSION) + field(2, i64(9)) + field(3, "höst".encode())
              + field(4, u64(12)))
    write("abort", "abort", terminated(fields), id=SESSION,
          values={"time": 9, "host": "höst".encode(), "collection": 12})
    write("abort-other", "abort", terminated(fields), "damaged", id=bytes(16))


ORIGIN = field(2, i64(1000)) + field(3, "höst".encode()) + field(4, b"root")
ORIGIN_VALUES = {"time": 1000, "host": "höst".encode(), "user": b"root"}


def make_notes():
    given = dict(id=SESSION, number=2)

    def note(name, action, more=b"", value="", kind="ok", reason=b""):
        write(f"note-{name}", "note",
              terminated(field(1, SESSION) + ORIGIN + field(5, bytes([action])) + more), kind,
              values=ORIGIN_VALUES | {"action": value.encode(), "reason": reason}
              if kind == "ok" else {}, **given)
    note("forget", 1, value="forget")
    note("reason", 1, field(8, b"because"), "forget", reason=b"because")
    note("unforget", 2, value="unforget")
    note("hold", 3, value="hold ever")
    note("hold-until", 3, field(6, i64(-1)), "hold -1")
    note("release", 4, value="release")
    note("tags", 5, field(7, b"a") + field(7, b"b"), "tags a,b")
    note("no-tags", 5, value="tags ")
    note("erase", 6, value="erase")
    note("action", 7, kind="unsupported")
    note("stray-tag", 1, field(7, b"a"), kind="unsupported")
    write("note-other", "note", terminated(field(1, bytes(16)) + ORIGIN + field(5, b"\1")),
          "damaged", **given)


def make_audit():
    given = dict(number=2)
    before, snapshots = sequence("before", 32), [sequence("one", 16), sequence("two", 16)]
    seen = u64(7) + sequence("seen", 32)
    accepted = (1, 1, 2), (2, 1, 1), (3, 2, 2), (4, 2, 2)
    head = field(1, u64(2)) + ORIGIN
    tail = field(9, b"snapfs 1.0")
    write("audit", "audit",
          terminated(head + field(5, before) + field(6, b"forget") + field(7, b"".join(snapshots))
                     + field(8, u64(3) + b"packs") + field(8, u64(2**64 - 1) + b"bytes") + tail
                     + field(10, b"because") + field(10, b"") + field(11, seen)
                     + b"".join(field(12, bytes([kind]) + u64(first) + u64(last))
                                for kind, first, last in accepted), 1024),
          values=ORIGIN_VALUES | {
              "predecessor": before, "command": b"forget",
              "snapshots": ",".join(i.hex() for i in snapshots),
              "counts": f"packs=3,bytes={2**64 - 1}".encode(), "program": b"snapfs 1.0",
              "remarks": b"because".hex() + ",", "seen": f"7:{seen[8:].hex()}".encode(),
              "accepted": b"1:1-2,2:1-1,3:2-2,4:2-2"}, **given)
    rest = field(6, b"init") + field(7, b"") + tail
    write("audit-first", "audit", terminated(field(1, u64(1)) + ORIGIN + rest, 1024),
          values=ORIGIN_VALUES | {"predecessor": b"", "command": b"init", "snapshots": "",
                                  "counts": b"", "program": b"snapfs 1.0", "remarks": "",
                                  "seen": b"", "accepted": b""},
          number=1)
    write("audit-first-with-predecessor", "audit",
          terminated(field(1, u64(1)) + ORIGIN + field(5, before) + rest, 1024), "damaged",
          number=1)
    write("audit-without-predecessor", "audit", terminated(head + rest, 1024), "damaged", **given)
    write("audit-other", "audit",
          terminated(field(1, u64(3)) + ORIGIN + field(5, before) + rest, 1024), "damaged", **given)
    write("audit-snapshots-cut", "audit",
          terminated(head + field(5, before) + field(6, b"x") + field(7, bytes(17)) + tail, 1024),
          "damaged", **given)
    write("audit-count-cut", "audit",
          terminated(head + field(5, before) + field(6, b"x") + field(7, b"") + field(8, bytes(7))
                     + tail, 1024), "damaged", **given)

    def refused(name, more, kind="damaged"):
        write(f"audit-{name}", "audit",
              terminated(head + field(5, before) + field(6, b"x") + field(7, b"") + tail + more,
                         1024), kind, **given)
    refused("seen-cut", field(11, seen[:-1]))
    refused("seen-twice", field(11, seen) * 2)
    refused("accepted-cut", field(12, bytes([1]) + u64(1) + u64(2)[:-1]))
    refused("accepted-long", field(12, bytes([1]) + u64(1) + u64(2) + b"\0"))
    refused("accepted-kind", field(12, bytes([5]) + u64(1) + u64(2)), "unsupported")
    refused("accepted-none", field(12, bytes([1]) + u64(0) + u64(2)))
    refused("accepted-reversed", field(12, bytes([1]) + u64(2) + u64(1)))
    refused("accepted-later", field(12, bytes([1]) + u64(2) + u64(3)))


def make_collections():
    snapshots = [sequence("one", 16), sequence("two", 16)]
    names = [sequence("name one", 32), sequence("name two", 32)]
    packs = b"\3" + names[0] + b"\4" + names[1]
    shown = f"3:{names[0].hex()},4:{names[1].hex()}"

    def joined(ids):
        return ",".join(i.hex() for i in ids)
    head = field(1, u64(12)) + ORIGIN
    given = dict(number=12)
    write("collection-start", "collection-start",
          terminated(head + field(5, b"".join(snapshots)) + field(6, packs)
                     + field(7, b"".join(names))),
          values=ORIGIN_VALUES | {"forgotten": joined(snapshots), "condemned": shown,
                                  "segments": joined(names)}, **given)
    empty = field(5, b"") + field(6, b"") + field(7, b"")
    write("collection-start-empty", "collection-start", terminated(head + empty),
          values=ORIGIN_VALUES | {"forgotten": "", "condemned": "", "segments": ""}, **given)
    write("collection-start-other", "collection-start", terminated(head + empty), "damaged",
          number=13)
    for name, fields in [("cut", field(5, bytes(15)) + field(6, b"") + field(7, b"")),
                         ("pack-cut", field(5, b"") + field(6, packs[:-1]) + field(7, b"")),
                         ("pack-kind", field(5, b"") + field(6, b"\6" + names[0]) + field(7, b"")),
                         ("no-segments", field(5, b"") + field(6, b""))]:
        write(f"collection-start-{name}", "collection-start", terminated(head + fields), "damaged",
              **given)
    live = sorted(snapshots)
    end = (head + field(5, u64(11)) + field(6, live[0] + names[0] + live[1] + names[1])
           + field(7, names[1]))
    rest = (field(8, packs) + field(9, names[0]) + field(10, snapshots[1])
            + field(11, SESSION))
    write("collection-end", "collection-end", terminated(end + rest),
          values=ORIGIN_VALUES | {
              "floor": 11, "live": f"{live[0].hex()}:{names[0].hex()},"
              f"{live[1].hex()}:{names[1].hex()}", "segments": joined(names[1:]), "packs": shown,
              "deletedsegments": joined(names[:1]), "deletedsnapshots": joined(snapshots[1:]),
              "deletedsessions": joined([SESSION])}, **given)
    write("collection-end-other", "collection-end", terminated(end + rest), "damaged", number=1)
    write("collection-end-twice", "collection-end",
          terminated(head + field(5, u64(11)) + field(6, (live[0] + names[0]) * 2)
                     + field(7, names[1]) + rest), "damaged", **given)
    write("collection-end-live-cut", "collection-end",
          terminated(head + field(5, u64(11)) + field(6, live[0] + names[0][:-1])
                     + field(7, names[1]) + rest), "damaged", **given)


if __name__ == "__main__":
    for old in FOLDER.glob("*.vec"):
        old.unlink()
    for make in [make_fields, make_container, make_slots, make_keyrings, make_derived, make_marker,
                 make_configuration, make_session, make_notes, make_audit, make_collections, make_lists, make_xattrs, make_directories,
                 make_packs, make_index, make_manifest, make_chunks]:
        make()
