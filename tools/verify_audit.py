#!/usr/bin/env python3
"""Verify an export of the audit log, or the proof of one line, offline and without trusting who made it.

One file, Python 3.9 or newer, standard library only. Formats and exit statuses: docs/audit-format.md.

    verify_audit.py EXPORT.zip|FOLDER --log-key VKEY_OR_FILE --witness-key VKEY_OR_FILE [--seen NOTE]
    verify_audit.py PROOF.tlog-proof  --log-key VKEY_OR_FILE --witness-key VKEY_OR_FILE

Bring the keys and, better, this file from elsewhere: not from the export, and not from its sender.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import functools
import gc
import hashlib
import hmac
import json
import multiprocessing
import operator
import os
import re
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from bisect import bisect_left
from typing import NamedTuple

CHUNK, LINE_BYTES, SLACK_S, SHOWN = 1 << 22, 1 << 20, 300, 20
MEMBERS = (
    "README.txt manifest.json lines.jsonl support.jsonl census.json details.jsonl keys.txt "
    "rotations/ verify_audit.py seal.jsonl checkpoint.txt tile/"
).split()
MANIFEST = "also details entries files first format kind last origin question recipient reference size subject support"
EXTRA = {"raw": "system.malformed", "census": "log.census", "vkey": "log.rotate", "erased": "detail.erase"}
EXTRA["digest"] = "audit.export"
EXTRAS = frozenset(EXTRA)
SPECIAL = {*EXTRA.values(), "log.halt", "log.resume"}
TIMES = re.compile(r"(?:\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z\n)*", re.A)
ASCII_KEYS_BROKEN = re.compile(r'[^\x00-\x7f](?:[^"\\]|\\.)*":')
# Digits become 0, what may stand before a number becomes a colon: a long number is then found at memory speed.
NUMBERS = bytes(48 if chr(c).isdecimal() and c < 128 else 58 if c in b":,[-" else 32 for c in range(256))
SCOPE: dict = {}  # what a worker needs to know of the export: tiles, size, kind, subject, first, last, cuts …


class Problem(Exception):
    """(status, sentence)"""


# Ed25519 verification, RFC 8032 section 5.1, in extended coordinates (X, Y, Z, T).

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
NEUTRAL = (0, 1, 1, 0)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    total = NEUTRAL
    for bit in range(scalar.bit_length() - 1, -1, -1):
        total = _add(total, total)
        total = _add(total, point) if scalar >> bit & 1 else total
    return total


def _encode(point):
    inverse = pow(point[2], P - 2, P)
    return (point[1] * inverse % P | (point[0] * inverse % P & 1) << 255).to_bytes(32, "little")


def _decode(data):
    """The point, or None unless this is its one canonical encoding."""
    sign, y = divmod(int.from_bytes(data, "little"), 1 << 255)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if len(data) != 32 or y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


BASE = _decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def usable(key):
    """A canonical point of prime order: with such a key each signature has one meaning."""
    point = _decode(key)
    return point is not None and point[:2] != (0, 1) and _encode(_times(ORDER, point)) == _encode(NEUTRAL)


def verify(key, signature, message):
    s, k = int.from_bytes(signature[32:], "little"), hashlib.sha512(signature[:32] + key + message).digest()
    point = _decode(key)
    if len(signature) != 64 or s >= ORDER or point is None:
        return False
    minus = _times(int.from_bytes(k, "little") % ORDER, (P - point[0], point[1], 1, P - point[3]))
    return _encode(_add(_times(s, BASE), minus)) == signature[:32]


# Verifier keys, signed notes, canonical JSON


class Key(NamedTuple):
    text: str
    name: str
    algorithm: int  # 1: a log's, 4: a witness's
    public: bytes


class Note(NamedTuple):
    origin: str
    size: int
    root: bytes
    signed: dict  # Key -> UNIX seconds, None for a log's signature


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise Problem(22, f"{text[:60]!r} is not canonical base64.")
    return data


def key_id(key):
    return hashlib.sha256(key.name.encode() + b"\n" + bytes([key.algorithm]) + key.public).hexdigest()[:8]


def parse_key(text):
    name, _, rest = text.partition("+")
    data = unbase64(rest[9:])
    key = Key(text, name, data[0] if data else 0, data[1:])
    if not name or re.search(r"\s", name) or key.algorithm not in (1, 4) or rest[:9] != key_id(key) + "+":
        raise Problem(22, f"{text[:120]!r} is not a verifier key.")
    if not usable(key.public):
        raise Problem(22, f"The key of {name} is not a point of prime order.")
    return key


def open_note(data, keys, what, strict):
    """Parse and verify a checkpoint. Unknown signatures: an error where `strict`, else ignored."""
    text, gap, tail = data.decode("utf-8", "replace").rpartition("\n\n")
    fields, lines = text.split("\n"), tail.split("\n")
    shape = gap and not lines.pop() and 1 <= len(lines) <= 64 and len(fields) == 3 and fields[0]
    if not shape or re.search("[\0-\x09\x0b-\x1f\x7f\ufffd]", text + tail):
        raise Problem(22, f"{what} is not a signed checkpoint of three lines.")
    if not re.fullmatch("0|[1-9][0-9]{0,15}", fields[1]) or len(unbase64(fields[2])) != 32:
        raise Problem(22, f"{what}: size or root cannot be read.")
    note = Note(fields[0], int(fields[1]), unbase64(fields[2]), {})
    known = {(key.name, key_id(key)): key for key in keys}
    for line in lines:
        match = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        if not match:
            raise Problem(22, f"{what}: {line[:60]!r} is not a signature line.")
        blob = unbase64(match[2])
        key, message, at = known.get((match[1], blob[:4].hex())), f"{text}\n".encode(), None
        if key is None and strict:
            raise Problem(11, f"{what}: nobody knows the key behind the signature of {match[1][:80]!r}.")
        if key is None:
            continue
        blob = blob[4:]
        if key.algorithm == 4:
            at, blob = int.from_bytes(blob[:8], "big"), blob[8:]
            message = f"cosignature/v1\ntime {at}\n".encode() + message
        if (key.algorithm == 1 and key.name != note.origin) or not verify(key.public, blob, message):
            raise Problem(11, f"{what}: the signature of {key.name} does not verify with its key.")
        note.signed[key] = max(at or 0, note.signed.get(key) or 0) or None
    if not any(key.algorithm == 1 for key in note.signed):
        raise Problem(10, f"{what} (log {note.origin!r}) is signed by none of the log keys at hand.")
    return note


encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
quote = json.encoder.encode_basestring
pieces = json.encoder.c_make_encoder(None, None, quote, None, ":", ",", True, False, False)


def _refuse(text):
    raise ValueError(text)


def _integer(text):
    return int(text) if len(text) < 18 and abs(int(text)) < 1 << 53 else _refuse(text)


def parse(data):
    """The value of canonical JSON bytes. Raises ValueError or RecursionError."""
    text = data.decode()
    value = json.loads(text, parse_float=_refuse, parse_constant=_refuse, parse_int=_integer)
    if encode(value) != text or ASCII_KEYS_BROKEN.search(text):
        raise ValueError("not canonical")
    return value


def is_hex(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)


# The tree: RFC 6962 in tiles of 256 hashes


def node(left, right, sha256=hashlib.sha256):
    return sha256(b"\1" + left + right).digest()


def perfect(data, sha256=hashlib.sha256):
    """The root over 2^k hashes of 32 bytes."""
    while len(data) > 32:
        data = b"".join([sha256(b"\1" + data[at : at + 64]).digest() for at in range(0, len(data), 64)])
    return data


def tile_path(level, n, width):
    parts = [f"{n % 1000:03}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03}")
    return f"tile/{level}/{'/'.join(parts)}" + (f".p/{width}" if width < 256 else "")


def edge(size):
    """(level, tile, width) of what is needed for the root at `size`, from the top."""
    levels = range((size.bit_length() + 7) // 8 - 1, -1, -1) if size else ()
    return [(up, size >> 8 * up + 8, size >> 8 * up & 255) for up in levels if size >> 8 * up & 255]


def tree_root(size, hashes):
    peaks = []
    for level, n, width in edge(size):
        data, at = hashes(level, n), 0
        for bit in (1 << k for k in range(7, -1, -1)):
            if width & bit:
                peaks.append(perfect(data[at : at + 32 * bit]))
                at += 32 * bit
    return functools.reduce(lambda right, left: node(left, right), reversed(peaks)) if size else hashlib.sha256().digest()


def climb(size, tiles):
    """{(level, n): path} of these tiles, the tiles above them, to the top."""
    found = {}
    for level, n in tiles:
        while (level, n) not in found:
            found[level, n] = tile_path(level, n, min(256, (size >> 8 * level) - 256 * n))
            if n + 1 > size >> 8 * level + 8:
                break
            level, n = level + 1, n >> 8
    return found


def inclusion_root(leaf, index, size, proof):
    """RFC 6962 section 2.1.1, from the leaf up; None if the proof has the wrong length."""
    last = size - 1
    for one in proof:
        if not last:
            return None
        if index & 1 or index == last:
            leaf = node(one, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, one)
        index, last = index >> 1, last >> 1
    return None if last else leaf


# The container: {name: (path, offset, bytes)}


def read(member, limit=1 << 26):
    path, offset, length = member
    if length > limit:
        raise Problem(2, f"A part of {path} is too large: {length} bytes.")
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def blocks(member):
    path, offset, length = member
    with open(path, "rb") as file:
        file.seek(offset)
        while length and (block := file.read(min(length, 1 << 20))):
            length -= len(block)
            yield block


def walk_zip(path):
    """Members of a zip whose every byte is what docs/audit-format.md says; ValueError for any other."""
    members, central, at, end = {}, b"", 0, os.path.getsize(path)
    with open(path, "rb") as file:
        while file.read(4) == b"PK\3\4":
            head = file.read(26)
            size, length = struct.unpack("<18xI4x", head)[0], struct.unpack("<22xH2x", head)[0]
            name = file.read(length)
            member = (path, at + 30 + length, size)
            crc = functools.reduce(lambda crc, block: zlib.crc32(block, crc), blocks(member), 0)
            fields = struct.pack("<HHHHIIIHH", 0x800, 0, 0, 0x21, crc, size, size, length, 0)
            if head != b"\x14\0" + fields or member[1] + size > end or len(members) == 65535:
                raise ValueError(f"the header of {name[:80]!r}, or its bytes")
            if name.decode() in members:
                raise ValueError(f"two members {name[:80]!r}")
            members[name.decode()] = member
            central += b"PK\1\2\x14\0\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
            at = member[1] + size
            file.seek(at)
        count = len(members)
        central += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(central), at, 0)
        file.seek(at)
        if file.read(len(central) + 1) != central:
            raise ValueError("its directory")
    if list(members) != sorted(members, key=place):
        raise ValueError("the order of its members")
    return members


def place(name):
    """Where a member stands: by the list, then by number."""
    group = next((k for k, one in enumerate(MEMBERS) if name == one or one[-1] == "/" and name.startswith(one)), 99)
    numbers = tile_number(name) if group == 11 else [int(part) for part in re.findall(r"\d+", name)]
    return group, numbers, name


def tile_number(name):
    level, _, rest = name[5:].partition("/")
    return [int(level), int(re.sub(r"\.p/.*|\D", "", rest))]


def open_members(path, scratch, find):
    """The members of an export. One repacked by another program is a finding, and is read all the same."""
    try:
        return walk_zip(path) if not os.path.isdir(path) else walk_folder(path)
    except (ValueError, struct.error) as error:
        find(20, f"The zip is not byte for byte as exports are written: {error}.")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > 65535 or sum(info.file_size for info in infos) > max(1 << 28, 4 * os.path.getsize(path)):
                raise Problem(2, "This zip unpacks to more than an export may hold.")
            archive.extractall(scratch, infos)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        raise Problem(2, f"This zip cannot be read: {error}.") from None
    return walk_folder(scratch)


def walk_folder(top):
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names][:65536]
    return {os.path.relpath(one, top).replace(os.sep, "/"): (one, 0, os.path.getsize(one)) for one in paths}


# Lines, in chunks, in as many processes as there are cores


def chunks(member):
    """(path, start, stop) of whole lines. Raises Problem for a line past any length."""
    path, at, length = member
    end = at + length
    with open(path, "rb") as file:
        while at < end:
            file.seek(min(at + CHUNK, end) - 1)
            rest = file.readline(LINE_BYTES)
            stop = min(file.tell(), end)
            if not rest.endswith(b"\n") and stop < end:
                raise Problem(16, f"A line near byte {stop} is longer than {LINE_BYTES} bytes.")
            yield path, at, stop
            at = stop


def rows_of(data, bad):
    """Parsed lines, None for each that is not canonical; `bad` is told which."""
    try:
        text = data.decode()
        odd_keys = not text.isascii() and ASCII_KEYS_BROKEN.search(text)
        if b":0000000000000000" not in data.translate(NUMBERS) and not odd_keys:
            rows = json.loads(f"[{text[:-1].replace(chr(10), ',')}]", parse_float=_refuse, parse_constant=_refuse)
            # No encoded value holds a line feed, so equal texts are equal line by line.
            if "\n".join(["".join(pieces(row, 0)) for row in rows]) + "\n" == text:
                return rows
    except (ValueError, RecursionError):
        pass
    rows = []
    *lines, rest = data.split(b"\n")
    for number, line in enumerate([*lines, rest] if rest else lines):
        try:
            rows.append(parse(line) if number < len(lines) else _refuse(rest))
        except (ValueError, RecursionError):
            rows.append(None)
            bad(number)
    return rows


def link(word, key, before, i, p, n):
    """Findings about line i, which says: number n of this actor or object, after line p. before: (index, number)."""
    last, count = before or (None, 0)
    first = p is None
    if first != (n == 1) or not (first or (type(p) is int and 0 <= p < i and 1 < n <= p + 2)):
        yield 16, f"Line {i} contradicts itself: number {n} of {word} {key}, after line {p}."
    elif before and (first or n <= count or p < last or (p == last) != (n == count + 1) or n - count - 1 > p - last):
        yield 16, f"Lines {last} and {i} contradict each other about {word} {key}: number {count}, then number {n}."
    elif p == last:
        return
    elif SCOPE["kind"] == word and SCOPE["subject"] == key:
        numbers = f"entry {n - 1}" if n - 2 == count else f"entries {count + 1} to {n - 1}"
        where = f"between line {last} and line {i}" if before else f"before line {i}"
        yield 17, f"Missing: {numbers} of {SCOPE['total']} of {word} {key}, {where}; the last one missing is line {p}."
    elif SCOPE["kind"] == "range" and SCOPE["first"] <= p:
        yield 17, f"Missing: entry {n - 1} of {word} {key}, line {p}, named by line {i}: it is not here, or not theirs."


def gap(before, i):
    """Findings about two neighbours in a file of lines."""
    if i <= before:
        yield 16, f"Line {i} stands after line {before}: out of its place, or there twice."
    elif SCOPE["kind"] == "range" and i > before + 1:
        lost = f"line {i - 1}" if i == before + 2 else f"lines {before + 1} to {i - 1}"
        yield 17, f"Missing: {lost} ({i - before - 1} of the lines asked for), between line {before} and line {i}."


def seconds(t):
    try:
        return datetime.datetime.fromisoformat(t[:-1] + "+00:00").timestamp()
    except ValueError:
        return 0.0


def late(newest, t, i):
    if t < newest and seconds(t) < seconds(newest) - SLACK_S:
        yield 14, f"Line {i} is dated {t}, more than {SLACK_S} s before an earlier line ({newest})."


fields = operator.itemgetter("e", "i", "na", "no", "pa", "po", "t")


class Part:
    """What one chunk of lines has to say: picklable, small."""

    def __init__(self):
        self.count, self.span, self.newest, self.oldest = 0, None, "", ("~", 0)
        self.found, self.firsts, self.special, self.values = [], [], [], []
        self.lasts, self.tiles = {"actor": {}, "object": {}}, {}


def check_lines(job):
    path, start, stop, name = job
    data, part, sha256 = read((path, start, stop - start)), Part(), hashlib.sha256
    rows = rows_of(data, lambda k: part.found.append((16, f"{name}: a line is not canonical (byte {start}, line {k}).")))
    index, leaves, times, newest, size, details = [], [], [], "", SCOPE["size"], SCOPE["details"]
    actors, objects, firsts, i = part.lasts["actor"], part.lasts["object"], part.firsts, None
    part.count = len(rows)
    for row, raw in zip(rows, data.split(b"\n")):
        before = i
        try:
            e, i, na, no, pa, po, t = fields(row)
            thing, verb = e["object"], e["verb"]
            who, ref = e["actor"]["id"] + "", thing["type"] + ":" + thing["id"]
            if not type(i) is type(na) is type(no) is int or len(row) != 7 or not 0 <= i < size or e["v"] != 1:
                raise TypeError
            if verb in SPECIAL or not EXTRAS.isdisjoint(e):
                if any((member in e) != (verb == owner) for member, owner in EXTRA.items()):
                    raise TypeError
                part.special.append(row)
            times.append(t + "\n")
        except (KeyError, TypeError):
            i = before
            if row is not None:
                part.found.append((16, f"{name}: a line is not as lines are: {raw[-160:].decode('utf-8', 'replace')}"))
            continue
        if before is not None and i != before + 1:
            part.found += gap(before, i)
        index.append(i)
        leaves.append(sha256(b"\0" + raw).digest())
        last = actors.get(who)
        if last is None:
            firsts.append(("actor", who, i, pa, na))
        elif last[0] != pa or last[1] + 1 != na or pa < 2:
            part.found += link("actor", who, last, i, pa, na)
        actors[who] = (i, na)
        last = objects.get(ref)
        if last is None:
            firsts.append(("object", ref, i, po, no))
        elif last[0] != po or last[1] + 1 != no or po < 2:
            part.found += link("object", ref, last, i, po, no)
        objects[ref] = (i, no)
        if t < newest:
            part.found += late(newest, t, i)
        else:
            newest = t
        if details:
            part.values += [(i, e[member]) for member in ("old", "new", "detail") if member in e]
    part.newest = newest
    if not TIMES.fullmatch("".join(times)):
        part.found += [(16, f"Line {i}: {t!r} is not a time.") for i, t in zip(index, times) if not TIMES.fullmatch(t)]
    if index:
        part.span, part.oldest = (index[0], index[-1]), min(zip(times, index))
        in_time(part, index, times)
        in_tiles(part, index, leaves)
    return part


def in_time(part, index, times):
    """No line is dated after a cosignature that covers it."""
    for size, unix, who in SCOPE["cuts"]:
        covered = bisect_left(index, size)
        t, i = max(zip(times[:covered], index), default=("", 0))
        if seconds(t.strip()) > unix + SLACK_S:
            part.found.append((14, f"Line {i} is dated {t.strip()}, after {who} cosigned it (UNIX time {unix})."))


def in_tiles(part, index, leaves):
    at = 0
    while at < len(index):
        n = index[at] >> 8
        stop = bisect_left(index, n + 1 << 8, at)
        tile = read(SCOPE["tiles"][n], 8192) if n in SCOPE["tiles"] else b""
        part.tiles[n] = perfect(tile) if len(tile) == 8192 else b""
        for i, leaf in zip(index[at:stop], leaves[at:stop]):
            slot = 32 * (i & 255)
            if tile[slot : slot + 32] != leaf:
                part.found.append((16, f"Line {i} was changed: its hash is not the one in the tree."))
        at = max(stop, at + 1)


class Export:
    def __init__(self, members, given, options, find):
        self.members, self.given, self.options, self.find = members, given, options, find
        self.special, self.values, self.verdict = {}, [], []

    def step(self, status, words, function, *arguments):
        """Run one check; what breaks it is a finding, and the next check runs all the same."""
        try:
            return function(*arguments)
        except Problem as problem:
            self.find(*problem.args)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):
            self.find(status, words)

    def get(self, name):
        if name not in self.members:
            raise Problem(20, f"{name} is missing.")
        return read(self.members[name])

    def run(self):
        self.manifest = self.step(20, "manifest.json cannot be read.", self.read_manifest)
        if self.manifest is None:
            return
        self.step(20, "The list of files in manifest.json cannot be read.", self.files)
        self.logs, self.notes = [key for key in self.given if key.algorithm == 1], []
        self.keys = self.step(22, "keys.txt cannot be read.", self.read_keys) or self.given
        self.top = self.step(22, "checkpoint.txt cannot be read.", self.checkpoint)
        if self.top is None:
            return
        self.step(22, "A rotation cannot be read.", self.rotations)
        self.step(22, "A note given with --seen cannot be read.", self.seen)
        m = self.manifest
        SCOPE.update({key: m[key] for key in ("kind", "subject")}, size=self.top.size, total="?", details=m["details"] == "included")
        SCOPE.update(first=m["first"] or 0, cuts=[(note.size, at, key.name) for note, _ in self.notes for key, at in note.signed.items() if at])
        SCOPE["tiles"] = {}
        for name, member in self.members.items():
            if name.startswith("tile/0/"):
                SCOPE["tiles"][tile_number(name)[1]] = member
        leaf = self.step(18, "census.json cannot be read.", self.census_leaf) if m["kind"] in ("actor", "object") else None
        state, tiles = self.step(16, "The lines cannot be read.", self.lines) or ({}, {})
        SCOPE["kind"] = "question"
        for name in ("support.jsonl", "seal.jsonl"):
            if name in self.members:
                self.take(check_lines((*self.members[name][:2], sum(self.members[name][1:]), name)), name, tiles)
        self.step(15, "The tiles cannot be read.", self.tree, tiles)
        self.step(20, "seal.jsonl is not the entry of this export.", self.seal)
        if leaf:
            self.step(18, "The census does not hold.", self.census, leaf, state)
        if m["details"] == "included":
            self.step(19, "details.jsonl cannot be read.", self.details)

    def read_manifest(self):
        m = parse(self.get("manifest.json"))
        numbers = [m["entries"], m["size"], m["support"], *m["also"], *(m[k] for k in ("first", "last") if m["entries"])]
        texts = [m[k] for k in ("question", "recipient", "reference", "subject", "origin")]
        if sorted(m) != MANIFEST.split() or m["format"] != "csoc-audit-export/1" or any(type(n) is not int for n in numbers):
            raise ValueError
        if m["kind"] not in ("range", "actor", "object", "question") or not all(isinstance(t, str) for t in texts):
            raise ValueError
        return m

    def files(self):
        listed = self.manifest["files"]
        here = {name for name in self.members if not name.startswith("tile/")} - {"manifest.json", "seal.jsonl", "checkpoint.txt"}
        for name in sorted(here | set(listed)):
            if name not in here or name not in listed:
                self.find(20, f"{name} is missing." if name in listed else f"{name} was not sealed.")
                continue
            digest = hashlib.sha256()
            for block in blocks(self.members[name]):
                digest.update(block)
            if listed[name] != {"bytes": self.members[name][2], "sha256": digest.hexdigest()}:
                self.find(20, f"{name} is not the file that was sealed.")

    def read_keys(self):
        text = self.get("keys.txt").decode()
        keys = [parse_key(line) for line in text.splitlines()]
        self.logs = [key for key in keys if key.algorithm == 1]
        if text != "".join(key.text + "\n" for key in keys) or not self.logs:
            raise ValueError
        if not set(self.logs) & set(self.given):
            self.find(10, "None of the log keys you gave is a key of this export.")
        return [*dict.fromkeys(keys + self.given)]

    def checkpoint(self):
        top = open_note(self.get("checkpoint.txt"), self.keys, "checkpoint.txt", True)
        self.notes.append((top, "checkpoint.txt"))
        if top.origin != self.manifest["origin"]:
            self.find(20, f"The checkpoint is of the log {top.origin!r}, the manifest of another.")
        if self.logs[-1] not in top.signed:
            self.find(10, "checkpoint.txt is not signed by the newest key of the log.")
        self.witnesses = [key for key in self.given if key.algorithm == 4 and key in top.signed]
        if len(self.witnesses) < self.options.witnesses_needed:
            self.find(21, f"{len(self.witnesses)} of the witnesses you trust cosigned the checkpoint; {self.options.witnesses_needed} needed.")
        return top

    def rotations(self):
        if len(self.logs) - 1 != sum(name.startswith("rotations/") for name in self.members):
            self.find(10, "There is not one rotation for each newer key of the log.")
        for k in range(1, len(self.logs)):
            name = f"rotations/{k}.txt"
            note = open_note(self.get(name), self.keys, name, True)
            if not {self.logs[k - 1], self.logs[k]} <= note.signed.keys() or note.origin != self.top.origin:
                self.find(10, f"{name} is not signed by the old key and the new one.")
            self.notes.append((note, name))

    def seen(self):
        for path in self.options.seen:
            note = open_note(read((path, 0, os.path.getsize(path)), 1 << 16), self.keys, path, False)
            if note.origin != self.top.origin:
                self.find(22, f"{path} is of the log {note.origin!r}, not of {self.top.origin!r}.")
            elif note.size > self.top.size:
                self.find(12, f"Rollback: the log has {self.top.size} lines; {path} shows that it had {note.size}.")
            else:
                self.notes.append((note, path))

    def take(self, part, name, tiles):
        for finding in part.found:
            self.find(*finding)
        tiles.update(part.tiles)
        self.values += part.values
        self.special.update({row["i"]: row for row in part.special})
        if name == "seal.jsonl":
            self.sealed = part
        elif name == "support.jsonl" and part.count != self.manifest["support"]:
            self.find(20, f"support.jsonl holds {part.count} lines; {self.manifest['support']} were sealed.")

    def lines(self):
        m, state, tiles, newest, count = self.manifest, {"actor": {}, "object": {}}, {}, "", 0
        member = self.members.get("lines.jsonl", (os.devnull, 0, 0))
        jobs = ((*chunk, "lines.jsonl") for chunk in chunks(member))
        before = m["first"] - 1 if m["entries"] else -1
        for part in in_parallel(check_lines, jobs, member[2], self.options.jobs):
            count += part.count
            for word, key, i, p, n in part.firsts:
                part.found += link(word, key, state[word].get(key), i, p, n)
            for word in state:
                state[word].update(part.lasts[word])
            if part.span:
                part.found += gap(before, part.span[0])
                part.found += late(newest, part.oldest[0].strip(), part.oldest[1])
                before, newest = part.span[1], max(newest, part.newest)
            self.take(part, "lines.jsonl", tiles)
        if m["entries"]:
            for finding in gap(before, m["last"] + 1):
                self.find(*finding)
        if count != m["entries"]:
            self.find(20, f"lines.jsonl holds {count} lines; {m['entries']} were sealed.")
        return state, tiles

    def tree(self, tiles):
        size = self.top.size
        roots = {*self.manifest["also"], *(note.size for note, name in self.notes if name.startswith("rotations/"))}
        asked = [(0, n) for n in tiles] + [one[:2] for s in (size, *roots) if s <= size for one in edge(s)]
        needed = climb(size, asked)
        for name in sorted(set(needed.values()) - self.members.keys()):
            self.find(15, f"{name} is missing.")
        for name in sorted({name for name in self.members if name.startswith("tile/")} - set(needed.values())):
            self.find(15, f"{name} is no part of the proof.")

        def hashes(level, n):
            data = self.members.get(needed.get((level, n)))
            width = min(256, (size >> 8 * level) - 256 * n)
            if data is None or data[2] != 32 * width:
                raise Problem(15, f"Tile {n} of level {level} is missing or has the wrong length.")
            return read(data)

        for level, n in needed:
            if (level + 1, n >> 8) in needed and n < size >> 8 * level + 8:
                below = tiles.get(n) if level == 0 and tiles.get(n) else self.step(15, "", perfect_of, hashes, level, n)
                above = self.step(15, "", hashes, level + 1, n >> 8) or b""
                if above[32 * (n & 255) :][:32] != below:
                    self.find(15, f"{needed[level, n]} is damaged: its root is not the hash above it.")
        for note, name in self.notes:
            if any(one[:2] not in needed for one in edge(note.size)):
                self.find(15, f"{name}: the export cannot show the root at size {note.size}; ask for it with that size.")
            elif tree_root(note.size, hashes) != note.root:
                same = name == "checkpoint.txt"
                self.find(15 if same else 13, f"{'' if same else 'Fork: '}the tiles do not give the root of {name}.")

    def seal(self):
        rows = [self.special[self.sealed.span[0]]] if self.sealed.count == 1 and self.sealed.span else []
        digest = hashlib.sha256(self.get("manifest.json")).hexdigest()
        if not rows or rows[0]["e"]["verb"] != "audit.export" or rows[0]["e"]["digest"] != digest:
            self.find(20, "manifest.json is not the one that the log's own entry names.")
        elif rows[0]["i"] < self.manifest["size"]:
            self.find(20, "The entry of this export is older than the export.")

    def census_leaf(self):
        doc = parse(self.get("census.json"))
        kind, subject, last, count = parse(doc["leaf"].encode())
        SCOPE["total"] = count
        return doc, (kind, subject), last, count

    def census(self, leaf, state):
        doc, whose, last, count = leaf
        m, row = self.manifest, self.special[doc["census"]]
        census = row["e"]["census"]
        proof = [unbase64(one) for one in doc["proof"]]
        root = inclusion_root(hashlib.sha256(b"\0" + doc["leaf"].encode()).digest(), doc["position"], doc["leaves"], proof)
        if whose != (m["kind"], m["subject"]) or root.hex() != census["root"] or doc["leaves"] != census["actors"] + census["objects"]:
            self.find(18, "The census entry does not hold what census.json says.")
        index, number = state.get(m["kind"], {}).get(m["subject"], (-1, 0))
        if number < count:
            self.find(17, f"Missing: entries {number + 1} to {count} of {count} of {m['kind']} {m['subject']}, after line {index}; the last one missing is line {last}.")
        elif (index, number) != (last, count) or not last < census["size"] <= doc["census"]:
            self.find(18, f"The census counts {count} entries up to line {last}; this export has {number} up to line {index}.")
        others = set(state[m["kind"]]) - {m["subject"]}
        if others:
            self.find(16, f"Lines of others stand among those of {m['subject']}: {sorted(others)[0]}.")
        self.size = census["size"]

    def details(self):
        before, here = "", set()
        for line in self.get("details.jsonl").split(b"\n")[:-1]:
            row = parse(line)
            salt = unbase64(row["salt"])
            true = hmac.new(salt, encode(row["value"]).encode(), hashlib.sha256).hexdigest()
            if sorted(row) != ["commitment", "salt", "value"] or len(salt) != 32 or row["commitment"] != true or true <= before:
                self.find(19, f"The detail {row['commitment']} was changed, or is out of its place.")
            before = row["commitment"]
            here.add(before)
        erased = {one for row in self.special.values() for one in row["e"].get("erased", ())}
        wanted = dict(reversed([(commitment, i) for i, commitment in self.values]))
        for commitment in sorted(here - set(wanted)):
            self.find(19, f"The detail {commitment} belongs to no line.")
        for commitment in sorted(set(wanted) - here - erased):
            self.find(19, f"A detail of line {wanted[commitment]} is absent, and no line says that it was erased: {commitment}.")


def perfect_of(hashes, level, n):
    return perfect(hashes(level, n))


def in_parallel(function, jobs, size, processes):
    if processes < 2 or size < 4 * CHUNK:
        yield from map(function, jobs)
        return
    with multiprocessing.Pool(processes, SCOPE.update, (SCOPE,)) as pool:
        yield from pool.imap(function, jobs)


def check_proof(data, given, options, find):
    head, gap_, note = data.partition(b"\n\n")
    lines = head.decode().split("\n")
    if not gap_ or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 3 or lines[1][:6] != "extra " or lines[2][:6] != "index ":
        raise Problem(22, "This is not a tlog-proof with its line.")
    raw, proof = unbase64(lines[1][6:]), [unbase64(one) for one in lines[3:]]
    top = open_note(note, given, "The proof's checkpoint", False)
    SCOPE.update(size=top.size, kind="question", tiles={}, details=False, cuts=[])
    row = parse(raw)
    if lines[2] != f"index {row['i']}" or inclusion_root(hashlib.sha256(b"\0" + raw).digest(), row["i"], top.size, proof) != top.root:
        find(16, "The line is not in the tree of the checkpoint.")
    return top, row


def keys_from(texts, algorithm):
    keys = []
    for text in texts:
        if os.path.exists(text):
            with open(text, encoding="utf-8") as file:
                text = file.read(1 << 16)
        found = [parse_key(word) for word in text.split() if word.count("+") > 1]
        keys += [key for key in found if key.algorithm == algorithm]
        if not any(key.algorithm == algorithm for key in found):
            raise Problem(2, f"There is no verifier key of a {'log' if algorithm == 1 else 'witness'} in {text[:100]!r}.")
    return keys


def utc(unix):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(unix, 1 << 37)))


def proven(export):
    """What holds, in plain words."""
    m, top = export.manifest, export.top
    yield f"The log {top.origin} as it was with {top.size} lines, root {top.root.hex()}, signed by its key."
    for key in export.witnesses:
        yield f"Cosigned by the witness {key.name} on {utc(top.signed[key])}."
    yield f"All {m['entries']} lines of this export stand in that log, unchanged and in their places."
    yield {
        "range": f"Complete: nothing is left out from line {m['first']} to line {m['last']}.",
        "question": "NOT proven to be complete: other lines may answer the same question.",
    }.get(m["kind"]) or f"Complete: every line of {m['kind']} {m['subject']} among the first {export.size} lines of the log."
    if m["details"] == "included":
        yield "Each detail is the one that was recorded; each absent one was erased by an entry of the log."
    yield "Not proven: that what people entered is true, and anything after the last cosignature."


def main(arguments):
    parser = argparse.ArgumentParser(description="Verify an export or a proof of the audit log, offline.")
    parser.add_argument("path", metavar="EXPORT.zip|FOLDER|PROOF.tlog-proof")
    parser.add_argument("--log-key", action="append", default=[], metavar="VKEY_OR_FILE")
    parser.add_argument("--witness-key", action="append", default=[], metavar="VKEY_OR_FILE")
    parser.add_argument("--witnesses-needed", type=int, default=1, metavar="N")
    parser.add_argument("--seen", action="append", default=[], metavar="NOTE", help="a checkpoint you kept")
    parser.add_argument("--allow-unwitnessed", action="store_true", help="believe the log alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    gc.disable()
    status, lines = verify_path(options)
    print("\n".join(lines), file=sys.stderr if status else sys.stdout)
    return status


def verify_path(options):
    """(exit status, lines to read)"""
    found, SCOPE["total"] = [], "?"
    find = lambda status, sentence: found.append((status, sentence))  # noqa: E731
    words = []
    try:
        if options.allow_unwitnessed:
            options.witnesses_needed = 0
        if not options.log_key or not (options.witness_key or options.allow_unwitnessed):
            raise Problem(10, "Missing key: give --log-key and --witness-key (or --allow-unwitnessed).")
        given = keys_from(options.log_key, 1) + keys_from(options.witness_key, 4)
        if os.path.isdir(options.path):
            start = b"PK"
        else:
            with open(options.path, "rb") as file:
                start = file.read(1 << 20)
        if start[:2] == b"PK":
            with tempfile.TemporaryDirectory() as scratch:
                export = Export(open_members(options.path, scratch, find), given, options, find)
                export.run()
            words = list(proven(export)) if not found else []
        elif start[:5] == b"c2sp." or options.path.endswith(".tlog-proof"):
            top, row = check_proof(start, given, options, find)
            words = [str(row["i"])]
        else:
            raise Problem(2, f"{options.path} is neither an export nor a proof.")
    except Problem as problem:
        find(*problem.args)
    except OSError as error:
        find(2, f"Cannot read: {error}.")
    if not found:
        return 0, ["HOLDS.", *words]
    found.sort(key=lambda one: one[0])
    lines = [f"DOES NOT HOLD: {len(found)} findings, the most serious first."]
    lines += [f"[{status}] {sentence}" for status, sentence in found[:50]]
    return found[0][0], lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
