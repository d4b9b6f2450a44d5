# SPDX-License-Identifier: MIT
"""What the vectors are built with: fixed bytes, integers, HKDF, fields and sealed records."""

import hashlib
import hmac
import pathlib
import struct

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
