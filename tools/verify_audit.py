#!/usr/bin/env python3
"""Verify an export of the audit log, or the proof of one line: offline, trusting only the keys you bring.

One file, Python 3.9 or newer, standard library only. Formats and exit statuses: docs/audit-format.md.

    verify_audit.py EXPORT.zip|FOLDER --log-key VKEY_OR_FILE --witness-key VKEY_OR_FILE [--seen NOTE]
    verify_audit.py PROOF.tlog-proof  --log-key VKEY_OR_FILE --witness-key VKEY_OR_FILE

Have the keys, and better this file too, from somebody else than the sender of the export.
"""

import argparse
import base64
import gc
import hashlib
import hmac
import json
import multiprocessing
import os
import re
import struct
import sys
import time
import zlib
from bisect import bisect_left
from collections import namedtuple
from datetime import datetime, timezone
from operator import itemgetter
from types import SimpleNamespace

CHUNK, LINE_BYTES, SLACK_S, SHOWN = 1 << 18, 1 << 20, 300, 50  # a larger chunk leaves the processor's cache
MEMBERS = "README.txt manifest.json lines.jsonl support.jsonl census.json details.jsonl keys.txt rotations"
MEMBER_ORDER = [*MEMBERS.split(), "verify_audit.py", "seal.jsonl", "checkpoint.txt"]
TEXTS = "kind origin question recipient reference subject"
MANIFEST = f"also details entries files first format last size support {TEXTS}".split()
OWNERS = {"raw": "system.malformed", "census": "log.census", "vkey": "log.rotate", "erased": "detail.erase"}
OWNERS["digest"] = "audit.export"  # the one verb that may have this member, and must
OWNED, SPECIAL = frozenset(OWNERS), {*OWNERS.values(), "log.halt", "log.prune"}
TIMES = re.compile(r"(?:\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z\n)*", re.A)
FOREIGN_KEY = re.compile(r'[^\x00-\x7f](?:[^"\\]|\\.)*":')
# Digits become 0, what may stand before a number becomes a colon: long numbers are found at memory speed.
NUMBERS = bytes(48 if 48 <= c < 58 else 58 if c in b":,[-" else 32 for c in range(256))
SCOPE: dict = {}  # what a process that reads lines must know of the export
NONE = (os.devnull, 0, 0)
Key = namedtuple("Key", "text name algorithm public id")  # algorithm 1: a log's key, 4: a witness's
Note = namedtuple("Note", "origin size root signed what")  # signed: {Key: UNIX seconds, 0 for a log's}


class Problem(Exception):
    """(exit status, sentence)"""


def need(true, status, sentence):
    if not true:
        raise Problem(status, sentence)


def refuse(text):
    raise ValueError(text)


def sha(data):
    return hashlib.sha256(data).digest()


# Ed25519 verification, RFC 8032 section 5.1, in extended coordinates (X, Y, Z, T)

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    total = (0, 1, 1, 0)
    for bit in f"{scalar:b}":
        total = _add(total, total)
        total = _add(total, point) if bit == "1" else total
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


def usable(public):
    """A canonical point of prime order: with such a key each signature has one meaning."""
    point = _decode(public)
    return bool(point) and point[:2] != (0, 1) and _encode(_times(ORDER, point)) == _encode((0, 1, 1, 0))


def verify(public, signature, message):
    """[S]B - [k]A encodes to exactly the R of the signature, with S below the group's order."""
    point, s = _decode(public), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER or point is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus = _times(k, (P - point[0], point[1], 1, P - point[3]))
    return _encode(_add(_times(s, BASE), minus)) == signature[:32]


# Verifier keys, signed notes, canonical JSON


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    need(
        data is not None and base64.b64encode(data).decode() == text,
        22,
        f"{text[:60]!r} is not canonical base64.",
    )
    return data


def parse_key(text):
    name, _, rest = text.partition("+")
    data = unbase64(rest[9:])
    ident = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    fits = re.fullmatch(r"[^\s+]+", name) and data[:1] in (b"\1", b"\4") and rest[:9] == ident.hex() + "+"
    need(fits and usable(data[1:]), 22, f"{text[:120]!r} is not a verifier key.")
    return Key(text, name, data[0], data[1:], ident)


def open_note(data, keys, what, strict):
    """Parse a checkpoint and verify what is signed. Unknown signatures: a Problem if strict, else ignored."""
    body, gap, tail = data.decode("utf-8", "replace").rpartition("\n\n")
    match = re.fullmatch("([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]{44})", body)
    fits = gap and match and tail[-1:] == "\n" and not re.search("[\0-\x09\x0b-\x1f\x7f\ufffd]", body + tail)
    need(fits and tail.count("\n") <= 64, 22, f"{what} is not a signed checkpoint of three lines.")
    note = Note(match[1], int(match[2]), unbase64(match[3]), {}, what)
    for line in tail[:-1].split("\n"):
        parts = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        need(parts, 22, f"{what}: {line[:60]!r} is not a signature line.")
        blob, at, message = unbase64(parts[2]), b"", f"{body}\n".encode()
        key = next((key for key in keys if (key.name, key.id) == (parts[1], blob[:4])), None)
        need(
            key or not strict, 11, f"{what}: nobody knows the key behind the signature of {parts[1][:80]!r}."
        )
        if key is None:
            continue
        if key.algorithm == 4:
            at = blob[4:12]
            message = f"cosignature/v1\ntime {int.from_bytes(at, 'big')}\n".encode() + message
        fits = (key.algorithm == 4 or key.name == note.origin) and verify(
            key.public, blob[4 + len(at) :], message
        )
        need(fits, 11, f"Wrong key: {what}: the signature of {key.name} does not verify.")
        note.signed[key] = int.from_bytes(at, "big")
    signers = [key for key in note.signed if key.algorithm == 1]
    need(signers, 10, f"Missing key: {what} is signed by no key at hand of the log {note.origin!r}.")
    return note


quote = json.encoder.encode_basestring
pieces = json.encoder.c_make_encoder(None, None, quote, None, ":", ",", True, False, False)  # type: ignore


def encode(value):
    return "".join(pieces(value, 0))


def integer(text):
    return int(text) if len(text) < 18 and abs(int(text)) < 1 << 53 else refuse(text)


def parse(data):
    """The value of canonical JSON. Raises ValueError or RecursionError."""
    value = json.loads(data.decode(), parse_float=refuse, parse_constant=refuse, parse_int=integer)
    return (
        value if encode(value).encode() == data and not FOREIGN_KEY.search(data.decode()) else refuse("form")
    )


# The tree: RFC 6962, kept as tiles of 256 hashes


def node(left, right):
    return sha(b"\1" + left + right)


def perfect(data, sha256=hashlib.sha256):
    """The root over 2^k hashes of 32 bytes."""
    while len(data) > 32:
        data = b"".join([sha256(b"\1" + data[at : at + 64]).digest() for at in range(0, len(data), 64)])
    return data


def tile_path(size, level, n):
    groups, width = re.findall("...", f"{n:0{-(-len(str(n)) // 3) * 3}}"), (size >> 8 * level) - 256 * n
    folders = "".join(f"x{one}/" for one in groups[:-1])
    return f"tile/{level}/{folders}{groups[-1]}" + (f".p/{width}" if width < 256 else "")


def edge(size):
    """(level, n, width) of the tiles that hold the peaks of a tree of this size, from the top."""
    return [(up, size >> 8 * up + 8, size >> 8 * up & 255) for up in range(7, -1, -1) if size >> 8 * up & 255]


def tree_root(size, hashes):
    root = b""
    for level, n, at in reversed(edge(size)):
        for width in (1 << bit for bit in range(8) if at >> bit & 1):
            at -= width
            peak = perfect(hashes(level, n)[32 * at : 32 * (at + width)])
            root = node(peak, root) if root else peak
    return root or sha(b"")


def climb(size, tiles):
    """{(level, n): path} of these tiles and of all above them, in their order."""
    found = {}
    for level, n in tiles:
        while (level, n) not in found:
            found[level, n] = tile_path(size, level, n)
            if n < size >> 8 * level + 8:
                level, n = level + 1, n >> 8
    return dict(sorted(found.items()))


def inclusion_root(leaf, index, size, proof):
    """RFC 6962 section 2.1.1, from the leaf up; None if the proof has the wrong length."""
    last = size - 1
    for one in proof:
        if not last:
            return None
        if index & 1 or index == last:
            leaf = node(one, leaf)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, one)
        index, last = index >> 1, last >> 1
    return None if last else leaf


# The container: {name: (path, offset, bytes)}


def read(member, limit=1 << 27):
    path, offset, length = member
    need(length <= limit, 2, f"A part of {path} has {length} bytes: more than an export may hold.")
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def blocks(member):
    path, at, length = member
    return (read((path, k, min(1 << 20, at + length - k))) for k in range(at, at + length, 1 << 20))


def walk_zip(path):
    """The members of a zip of which every byte is as docs/audit-format.md says; ValueError for any other."""
    members, central, at, end = {}, [], 0, os.path.getsize(path)
    with open(path, "rb") as file:
        while file.read(4) == b"PK\3\4":
            head = file.read(26).ljust(26)
            size, length = struct.unpack("<18xIH2x", head)
            name, crc, member = file.read(length), 0, (path, at + 30 + length, size)
            if name.decode() in members or member[1] + size > end or len(members) == 65535:
                refuse(f"the header of {name[:80]!r}")
            for block in blocks(member):
                crc = zlib.crc32(block, crc)
            fields = struct.pack("<HHHHIIIHH", 0x800, 0, 0, 0x21, crc, size, size, length, 0)
            if head != b"\x14\0" + fields:
                refuse(f"the header of {name[:80]!r}, or its content")
            central.append(b"PK\1\2\x14\0\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + name)
            members[name.decode()], at = member, member[1] + size
            file.seek(at)
        rest, count = b"".join(central), len(members)
        rest += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(rest), at, 0)
        file.seek(at)
        return members if file.read(len(rest) + 1) == rest else refuse("its directory")


def walk_folder(top):
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names][:65536]
    return {os.path.relpath(one, top).replace(os.sep, "/"): (one, 0, os.path.getsize(one)) for one in paths}


# Lines, in chunks, in as many processes as there are cores


def chunks(member):
    """(path, start, stop) of whole lines."""
    path, at, length = member
    end = at + length
    with open(path, "rb") as file:
        while at < end:
            file.seek(min(at + CHUNK, end) - 1)
            rest = file.readline(LINE_BYTES)
            stop = min(file.tell(), end)
            need(
                rest[-1:] == b"\n" or stop == end, 16, f"A line in {path} is longer than {LINE_BYTES} bytes."
            )
            yield path, at, stop
            at = stop


def rows_of(data):
    """Parsed lines; None for each that is not canonical JSON, or has no line feed."""
    try:
        text = data.decode()
        odd_keys = not text.isascii() and FOREIGN_KEY.search(text)
        if b":0000000000000000" not in data.translate(NUMBERS) and not odd_keys:
            array = f"[{text[:-1].replace(chr(10), ',')}]"
            rows = json.loads(array, parse_float=refuse, parse_constant=refuse)
            # No encoded value holds a line feed: texts that are equal are equal line by line.
            if "\n".join(["".join(pieces(row, 0)) for row in rows]) + "\n" == text:
                return rows
    except (ValueError, RecursionError):
        pass
    *lines, rest = data.split(b"\n")
    rows = []
    for line in lines:
        try:
            rows.append(parse(line))
        except (ValueError, RecursionError):
            rows.append(None)
    return rows + [None] * bool(rest)


def link(word, key, before, i, p, n):
    """Findings about line i, which calls itself number n of this actor or object, after line p."""
    last, count = before or (None, 0)
    fits = p is None if n == 1 else type(p) is int and 0 <= p < i and 1 < n <= p + 2
    if fits and before:  # (index, number) of the one found before it
        fits = n > count and p is not None and p >= last and (p == last) == (n == count + 1)
    if not fits:
        yield 16, f"Line {i}: number {n} of {word} {key}, after line {p}, contradicts itself or line {last}."
    elif p != last and SCOPE["kind"] == word and SCOPE["subject"] == key and (before or p >= SCOPE["pruned"]):
        where = f"between line {last} and line {i}" if before else f"before line {i}"
        lost = f"number {n - 1}" if n == count + 2 else f"numbers {count + 1} to {n - 1}"
        yield (
            17,
            f"Missing: {lost} of {SCOPE['total']} of {word} {key}, {where}; the last missing is line {p}.",
        )
    elif p != last and SCOPE["kind"] == "range" and SCOPE["first"] <= p:
        yield 17, f"Missing: number {n - 1} of {word} {key}: line {i} says it is line {p}."


def gap(before, i):
    """Findings about two neighbours in a file of lines."""
    if i <= before:
        yield 16, f"Line {i} stands after line {before}: out of its place, or there twice."
    elif SCOPE["kind"] == "range" and i > before + 1:
        lost = f"line {i - 1}" if i == before + 2 else f"lines {before + 1} to {i - 1}"
        yield 17, f"Missing: {lost}, between line {before} and line {i}."


def seconds(t):
    try:
        return datetime.fromisoformat(t[:26]).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0


def crossed(a, b):
    """People let the log go on after a halt, perhaps because of its clock: from there it counts anew."""
    return any(a < halt <= b for halt in SCOPE["halts"])


def late(before, after):
    lag = seconds(before[0]) - seconds(after[0]) if after[0] < before[0] else 0
    if lag > SLACK_S and not crossed(before[1], after[1]):
        words = f"line {after[1]} is dated {after[0][:19]}, line {before[1]} {before[0][:19]}"
        yield 14, f"The log's clock ran backwards: {words}."


members_of = itemgetter("e", "i", "na", "no", "pa", "po", "t")


def check_lines(job):
    """One chunk: form, hash, links and times of its lines. Returns what the others must know of it."""
    path, start, stop, name = job
    data, size, details = read((path, start, stop - start)), SCOPE["size"], SCOPE["details"]
    rows, index, leaves, times, newest, i = rows_of(data), [], [], [], ("", -1), None
    actors, objects, firsts, found, special, values = {}, {}, [], [], [], []
    for row, raw in zip(rows, data.split(b"\n")):
        before = i
        try:
            e, i, na, no, pa, po, t = members_of(row)
            thing, verb = e["object"], e["verb"]
            who, ref = e["actor"]["id"] + "", thing["type"] + ":" + thing["id"]
            if not type(i) is type(na) is type(no) is int or not 0 <= i < size:
                raise TypeError
            if len(row) != 7 or e["v"] != 1:
                raise TypeError
            if verb in SPECIAL or not OWNED.isdisjoint(e):
                if any((member in e) != (verb == owner) for member, owner in OWNERS.items()):
                    raise TypeError
                special.append(row)
                SCOPE["halts"] += [i] * (verb == "log.halt")
            times.append(t + "\n")
        except (KeyError, TypeError):
            i, words = before, "is not canonical JSON" if row is None else "is not as lines are"
            found.append((16, f"{name}, after line {before}: a line {words}: {raw[-120:]!r}"))
            continue
        if before is not None and i != before + 1:
            found += gap(before, i)
        index.append(i)
        leaves.append(sha(b"\0" + raw))
        for known, word, key, p, n in ((actors, "actor", who, pa, na), (objects, "object", ref, po, no)):
            last = known.get(key)
            if last is None:
                firsts.append((word, key, i, p, n))
            elif last[0] != p or last[1] + 1 != n or p < 2:  # true and false equal 1 and 0: look closer
                found += link(word, key, last, i, p, n)
            known[key] = (i, n)
        if t < newest[0] and not crossed(newest[1], i):
            found += late(newest, (t, i))
        else:
            newest = (t, i)
        if details:
            values += [(e[member], i) for member in ("old", "new", "detail") if member in e]
    odd = [] if TIMES.fullmatch("".join(times)) else zip(index, times)
    found += [(16, f"Line {i}: {t!r} is not a time.") for i, t in odd if not TIMES.fullmatch(t)]
    for covers, at, witness in SCOPE["cuts"]:
        t, i = max(zip(times[: bisect_left(index, covers)], index), default=("", 0))
        if seconds(t) > at + SLACK_S:
            found.append((14, f"Line {i} is dated {t[:19]}, but {witness} cosigned it on {utc(at)}."))
    part = SimpleNamespace(count=len(rows), span=index[:1] + index[-1:], newest=newest, firsts=firsts)
    part.lasts, part.special, part.values = {"actor": actors, "object": objects}, special, values
    part.oldest, part.tiles = min(zip(times, index), default=newest), dict(in_tiles(index, leaves, found))
    part.found = sorted(found)[:SHOWN]
    return part


def in_tiles(index, leaves, found):
    """(n, root) of the tiles that these leaves stand in; a leaf that does not is a finding."""
    at = 0
    while at < len(index):
        n = index[at] >> 8
        tile = read(SCOPE["tiles"].get(n, NONE), 8192)
        stop = bisect_left(index, n + 1 << 8, at + 1)
        for i, leaf in zip(index[at:stop], leaves[at:stop]):
            if tile[32 * (i & 255) :][:32] != leaf:
                found.append((16, f"Line {i} was changed: its hash is not the one in the tree."))
        yield n, perfect(tile) if len(tile) == 8192 else b""
        at = stop


def in_parallel(jobs, size, processes):
    if processes < 2 or size < 16 * CHUNK:
        yield from map(check_lines, jobs)
    else:
        with multiprocessing.Pool(processes, share, (SCOPE,)) as pool:
            yield from pool.imap(check_lines, jobs)


def share(scope):
    SCOPE.update(scope)


def cosigned(note, given, needed):
    """(the witnesses among the given keys that cosigned, "" or what is amiss)"""
    have = [key for key in given if key.algorithm == 4 and key in note.signed]
    words = f"{len(have)} of the witnesses you trust cosigned {note.what}; needed: {needed}."
    return have, words if len(have) < needed else ""


class Export:
    """The checks of one export, in their order. ``found`` gets (exit status, sentence)."""

    def __init__(self, members, given, options, found):
        self.members, self.given, self.options, self.found = members, given, options, found
        self.special, self.values, self.tiles, self.notes, self.witnesses = {}, [], {}, [], []
        self.whole = 0

    def check(self, true, status, sentence):
        if not true:
            self.found.append((status, sentence))

    def step(self, status, words, function, *arguments):
        """What breaks a check is a finding, and the next check runs all the same."""
        try:
            return function(*arguments)
        except Problem as problem:
            self.found.append(problem.args)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.found.append((status, words))

    def get(self, name):
        need(name in self.members, 20, f"{name} is missing.")
        return read(self.members[name])

    def run(self):
        m = self.m = self.step(20, "manifest.json cannot be read.", self.manifest)
        if m is None:
            return
        self.step(20, "manifest.json lists its files wrongly.", self.files)
        self.logs = [key for key in self.given if key.algorithm == 1]
        self.keys = self.step(22, "keys.txt cannot be read.", self.read_keys) or self.given
        self.top = self.step(22, "checkpoint.txt cannot be read.", self.checkpoint)
        if self.top is None:
            return
        self.step(22, "A rotation cannot be read.", self.rotations)
        self.step(22, "A note given with --seen cannot be read.", self.seen)
        cuts = [(note.size, at, key.name) for note in self.notes for key, at in note.signed.items() if at]
        SCOPE.update(kind="", subject=m["subject"], first=m["first"], details=m["details"] == "included")
        SCOPE.update(size=self.top.size, cuts=cuts, total="?", pruned=0, halts=[], tiles={})
        for name in self.members:
            match = re.fullmatch(r"tile/0/([x0-9/]{3,15})(\.p/[0-9]+)?", name)
            SCOPE["tiles"].update({int(re.sub("[x/]", "", match[1])): self.members[name]} if match else {})
        self.step(16, "support.jsonl cannot be read.", self.lines, "support.jsonl", m["support"])
        whole = m["kind"] in ("actor", "object")
        doc = self.step(18, "census.json cannot be read.", self.read_census) if whole else None
        SCOPE["kind"] = m["kind"]
        state = self.step(16, "lines.jsonl cannot be read.", self.lines, "lines.jsonl", m["entries"])
        SCOPE["kind"] = ""
        self.step(20, "seal.jsonl is not the entry of this export.", self.seal)
        self.step(17, "The rotations cannot be read.", self.rotated)
        self.step(15, "The tiles cannot be read.", self.tree)
        if doc and state:
            self.step(18, "The census does not hold.", self.census, state, doc)
        if SCOPE["details"]:
            self.step(19, "details.jsonl cannot be read.", self.check_details)

    def manifest(self):
        m = parse(self.get("manifest.json"))
        numbers = [m["entries"], m["size"], m["support"], *m["also"]]
        numbers += [m["first"], m["last"]] if m["entries"] else []
        fits = sorted(m) == sorted(MANIFEST) and m["format"] == "csoc-audit-export/1"
        fits = fits and m["kind"] in ("range", "actor", "object", "question")
        fits = fits and all(type(n) is int and n >= 0 for n in numbers)
        return m if fits and all(isinstance(m[k], str) for k in TEXTS.split()) else refuse("shape")

    def files(self):
        listed, names = self.m["files"], [name for name in self.members if not name.startswith("tile/")]
        order = sorted(names, key=lambda name: (MEMBER_ORDER.index(name.split("/")[0]), len(name), name))
        self.check(
            names == order or self.options.folder, 20, "The members of the zip are not in their order."
        )
        for name in sorted({*listed, *names} - {"manifest.json", "seal.jsonl", "checkpoint.txt"}):
            digest = hashlib.sha256()
            for block in blocks(self.members.get(name, NONE)):
                digest.update(block)
            have = {"bytes": self.members.get(name, NONE)[2], "sha256": digest.hexdigest()}
            fits = name in self.members and have == listed.get(name)
            self.check(fits, 20, f"{name} is not the file that was sealed, or is missing.")

    def read_keys(self):
        text = self.get("keys.txt").decode()
        keys = [parse_key(line) for line in text.splitlines()]
        self.logs = [key for key in keys if key.algorithm == 1]
        if text != "".join(key.text + "\n" for key in sorted(keys, key=itemgetter(2))):
            refuse("form")
        mine = set(self.logs) & set(self.given)
        self.check(mine, 10, "Missing key: none that you gave is a log key of this export.")
        return [*dict.fromkeys(keys + self.given)]

    def checkpoint(self):
        top = open_note(self.get("checkpoint.txt"), self.keys, "checkpoint.txt", True)
        self.check(top.origin == self.m["origin"], 20, f"The checkpoint is of another log: {top.origin!r}.")
        self.check(self.logs[-1] in top.signed, 10, "The log's newest key did not sign checkpoint.txt.")
        self.witnesses, words = cosigned(top, self.given, self.options.needed)
        self.check(not words, 21, words)
        self.notes.append(top)
        return top

    def rotations(self):
        count = sum(name.startswith("rotations/") for name in self.members)
        self.check(count == len(self.logs) - 1, 10, "Missing key: not each newer log key has its rotation.")
        for k, pair in enumerate(zip(self.logs, self.logs[1:]), 1):
            note = open_note(self.get(f"rotations/{k}.txt"), self.keys, f"rotations/{k}.txt", True)
            signed = note.origin == self.top.origin and set(pair) <= set(note.signed)
            self.check(signed, 11, f"rotations/{k}.txt is not signed by both the old key and the new one.")
            self.notes.append(note)

    def seen(self):
        for path in self.options.seen:
            note = open_note(read((path, 0, os.path.getsize(path)), 1 << 16), self.keys, path, False)
            need(note.origin == self.top.origin, 22, f"{path} is a note of another log: {note.origin!r}.")
            words = f"Rollback: {path} shows {note.size} lines; this log has {self.top.size}."
            self.check(note.size <= self.top.size, 12, words)
            self.notes += [note] if note.size <= self.top.size else []

    def lines(self, name, sealed):
        member, count, span, newest = self.members.get(name, NONE), 0, [], ("", -1)
        state = {"actor": {}, "object": {}}
        for part in in_parallel(((*one, name) for one in chunks(member)), member[2], self.options.jobs):
            for word, key, i, p, n in part.firsts:
                part.found += link(word, key, state[word].get(key), i, p, n)
            for word in state:
                state[word].update(part.lasts[word])
            for row in part.special:
                self.special[row["i"]] = row
                SCOPE["halts"] += [row["i"]] * (row["e"]["verb"] == "log.halt")
                if row["e"]["verb"] == "log.prune":
                    horizon = int(row["e"]["object"]["id"].split(":")[-1]) + 1 << 20
                    SCOPE["pruned"] = max(SCOPE["pruned"], horizon if horizon <= row["i"] else 0)
            if span and part.span:
                part.found += [*gap(span[1], part.span[0]), *late(newest, part.oldest)]
            if part.newest >= newest or crossed(newest[1], part.newest[1]):
                newest = part.newest
            span, count = (span or part.span)[:1] + (part.span or span)[1:], count + part.count
            self.found += part.found
            self.values += part.values if name == "lines.jsonl" else []
            self.tiles.update(part.tiles)
        if name == "lines.jsonl" and sealed:
            for end, i in (("first", span[:1]), ("last", span[1:])):
                words = f"Missing: the {end} line asked for, {self.m[end]}; lines.jsonl has {span}."
                self.check(i == [self.m[end]], 17, words)
        self.check(count == sealed, 20, f"{name} has {count} lines; {sealed} were sealed.")
        return state

    def tree(self):
        size, names = self.top.size, [name for name in self.members if name.startswith("tile/")]
        roots = [note.size for note in self.notes if note.what.startswith("rotations/")]
        roots += [size, *self.m["also"]]
        asked = [(0, n) for n in self.tiles] + [one[:2] for s in roots if s <= size for one in edge(s)]
        needed = climb(size, asked)
        for name in sorted(set(names) ^ set(needed.values())):
            words, status = ("is no part of the proof", 20) if name in self.members else ("is missing", 15)
            self.check(False, status, f"{name} {words}.")
        ordered = names == [path for path in needed.values() if path in names] or set(names) - {
            *needed.values()
        }
        self.check(ordered or self.options.folder, 20, "The tiles are not in their order.")

        def hashes(level, n):
            member, width = self.members.get(needed.get((level, n)), NONE), (size >> 8 * level) - 256 * n
            words = f"{tile_path(size, level, n)} is missing or has a wrong length."
            need(member[2] == 32 * min(256, width), 15, words)
            return read(member)

        def compare(level, n):
            below = (level == 0 and self.tiles.get(n)) or perfect(hashes(level, n))
            words = f"{needed[level, n]} is damaged, or the tile above it: their hashes differ."
            self.check(below == hashes(level + 1, n >> 8)[32 * (n & 255) :][:32], 15, words)

        for level, n in needed:
            if n < size >> 8 * level + 8:
                self.step(15, "", compare, level, n)
        for note in self.notes:
            if note is not self.top and any(status == 15 for status, _ in self.found):
                return  # damaged tiles say nothing about history
            shown = all(one[:2] in needed for one in edge(note.size))
            words = (
                f"{note.what}: this export cannot show the root at size {note.size}; ask for one that can."
            )
            need(shown, 15, words)
            status, words = (15, "damaged") if note is self.top else (13, "Fork: another history")
            same = tree_root(note.size, hashes) == note.root
            self.check(same, status, f"The tiles do not give the root of {note.what}: {words}.")

    def rotated(self):
        """Each newer key is named by a line that the rotation's checkpoint covers, and no earlier one."""
        named = {row["e"]["vkey"]: i for i, row in self.special.items() if row["e"]["verb"] == "log.rotate"}
        named = {text: i for text, i in named.items() if text.startswith(self.top.origin + "+")}
        before, notes = 0, [note for note in self.notes if note.what.startswith("rotations/")]
        for key, note in zip(self.logs[1:], notes):
            fits = before <= named.get(key.text, -1) < note.size
            self.check(fits, 17, f"Missing: the log.rotate line for {key.text}, below line {note.size}.")
            before = note.size
        known = set(named) <= {key.text for key in self.logs}
        self.check(known, 10, "Missing key: a log.rotate line names another.")

    def seal(self):
        known = set(self.special)
        self.lines("seal.jsonl", 1)
        row = next((row for i, row in self.special.items() if i not in known), {"i": -1, "e": {}})
        sealed = row["e"].get("digest") == hashlib.sha256(self.get("manifest.json")).hexdigest()
        words = "manifest.json is not the one that seal.jsonl, the log's own entry of this export, names."
        self.check(sealed and row["i"] >= self.m["size"], 20, words)

    def read_census(self):
        doc = parse(self.get("census.json"))
        SCOPE["total"] = parse(doc["leaf"].encode())[3]
        return doc

    def census(self, state, doc):
        position, proof, leaves, census = doc["position"], doc["proof"], doc["leaves"], doc["census"]
        kind, subject, last, count = parse(doc["leaf"].encode())
        leaf, said = sha(b"\0" + doc["leaf"].encode()), self.special[census]["e"]["census"]
        root = inclusion_root(leaf, position, leaves, [unbase64(one) for one in proof]) or b""
        fits = [kind, subject] == [self.m["kind"], self.m["subject"]] and said["root"] == root.hex()
        fits = fits and said["actors"] + said["objects"] == leaves and len(doc) == 5
        fits = fits and last < said["size"] <= census
        need(fits, 18, f"census.json does not hold in the census of line {census}.")
        index, number = state[kind].get(subject, (-1, 0))
        words = f"numbers {number + 1} to {count} of {count} of {kind} {subject}, after line {index}"
        self.check(number >= count, 17, f"Missing: {words}; the last missing is line {last}.")
        words = f"The census counts {count} up to line {last}; this export has {number} up to line {index}."
        self.check(number < count or (index, number) == (last, count), 18, words)
        self.check(set(state[kind]) <= {subject}, 16, f"Lines of others stand among those of {subject}.")
        self.whole = said["size"]

    def check_details(self):
        here, before = set(), ""
        for line in self.get("details.jsonl").split(b"\n")[:-1]:
            row = parse(line)
            right = hmac.new(unbase64(row["salt"]), encode(row["value"]).encode(), hashlib.sha256).hexdigest()
            fits = len(row) == 3 and len(unbase64(row["salt"])) == 32 and row["commitment"] == right > before
            self.check(fits, 19, f"The detail {row['commitment']} was changed, or is not in its place.")
            before = row["commitment"]
            here.add(before)
        erased = {one for row in self.special.values() for one in row["e"].get("erased", ())}
        wanted = dict(reversed(self.values))
        for one in sorted(here - set(wanted)):
            self.check(False, 19, f"The detail {one} belongs to no line.")
        for one in sorted(set(wanted) - here - erased):
            words = f"the detail {one} of line {wanted[one]}"
            self.check(False, 19, f"Missing: {words}; no line says that it was erased.")

    def verdict(self):
        m, top, kind = self.m, self.top, self.m["kind"]
        yield from standing(top, self.witnesses)
        yield f"The {m['entries']} lines of this export are in that log, unchanged, each in its place."
        yield {
            "question": "NOT proven: that these are all. Other lines may answer the same question.",
            "range": f"They are all from line {m['first']} to line {m['last']}.",
        }.get(kind, f"They are all of {kind} {m['subject']} among the first {self.whole} lines.")
        if SCOPE["details"]:
            yield "Each detail is what was recorded then; of each absent one a line says that it was erased."


def standing(top, witnesses):
    yield f"The log {top.origin} had {top.size} lines and the root {top.root.hex()}: its key signed that."
    for key in witnesses:
        yield f"The witness {key.name} cosigned it on {utc(top.signed[key])}."
    if not witnesses:
        yield "NOT proven: that the log shows the same history to everybody. No witness cosigned."


def check_proof(data, given, options, found):
    """A tlog-proof with its line in `extra`."""
    head, _, note = data.partition(b"\n\n")
    match = re.fullmatch(rb"c2sp.org/tlog-proof@v1\nextra (\S+)\nindex (\d+)((?:\n\S+)*)", head)
    need(match, 22, "This is not a tlog-proof that holds its line.")
    top = open_note(note, given, "The proof's checkpoint", False)
    raw, proof = unbase64(match[1].decode()), [unbase64(one) for one in match[3].decode().split()]
    row = parse(raw)
    leaf = sha(b"\0" + raw)
    fits = str(row["i"]).encode() == match[2] and inclusion_root(leaf, row["i"], top.size, proof) == top.root
    need(fits, 16, "The line is not the one in the tree of the checkpoint.")
    witnesses, words = cosigned(top, given, options.needed)
    need(not words, 21, words)
    for key in witnesses:
        words = f"Line {row['i']} is dated {row['t'][:19]}; {key.name} cosigned it on {utc(top.signed[key])}."
        need(seconds(row["t"]) <= top.signed[key] + SLACK_S, 14, words)
    yield from standing(top, witnesses)
    yield f"Line {row['i']} is in the log: {row['e']['actor']['id']} did {row['e']['verb']} at {row['t']}."
    yield raw.decode()


def utc(unix):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(unix, 1 << 37)))


def keys_from(texts, algorithm):
    for text in texts:
        if os.path.exists(text):
            text = read((text, 0, os.path.getsize(text)), 1 << 16).decode("utf-8", "replace")
        keys = [parse_key(line) for line in text.split("\n") if line]
        fits = any(key.algorithm == algorithm for key in keys)
        need(fits, 2, f"No key of the right kind in {text[:100]!r}.")
        yield from (key for key in keys if key.algorithm == algorithm)


def examine(options, found):
    """The sentences of what is proven; findings go to `found`."""
    need(options.log_key, 10, "Missing key: --log-key is needed.")
    words = "Missing key: give --witness-key (or --allow-unwitnessed)."
    need(options.witness_key or not options.needed, 10, words)
    given = [*keys_from(options.log_key, 1), *keys_from(options.witness_key, 4)]
    options.folder = os.path.isdir(options.path)
    start = b"PK" if options.folder else read((options.path, 0, 1 << 20), 1 << 20)
    if start[:2] != b"PK":
        kind = start.startswith(b"c2sp.org/") or options.path.endswith(".tlog-proof")
        need(kind, 2, f"{options.path} is neither an export nor a proof.")
        return list(check_proof(start, given, options, found))
    try:
        members = walk_folder(options.path) if options.folder else walk_zip(options.path)
    except ValueError as error:
        raise Problem(20, f"Not the zip that was written: {error}. Unpacked, it may say more.") from None
    export = Export(members, given, options, found)
    export.run()
    return found or list(export.verdict())


def run(arguments):
    """(exit status, sentences)"""
    parser = argparse.ArgumentParser(description="Verify an export or a proof of the audit log, offline.")
    parser.add_argument("path", metavar="EXPORT.zip|FOLDER|PROOF.tlog-proof")
    for name, what in (("--log-key", "VKEY_OR_FILE"), ("--witness-key", "VKEY_OR_FILE"), ("--seen", "NOTE")):
        parser.add_argument(name, action="append", default=[], metavar=what)
    parser.add_argument("--witnesses-needed", dest="needed", type=int, default=1, metavar="N")
    parser.add_argument("--allow-unwitnessed", dest="needed", action="store_const", const=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options, found = parser.parse_args(arguments), []
    try:
        words = examine(options, found)
    except Problem as problem:
        found.append(problem.args)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found.append((22, f"{options.path} cannot be read as what it seems to be ({type(error).__name__})."))
    except OSError as error:
        found.append((2, f"Cannot read: {error}."))
    if not found:
        return 0, ["IT HOLDS.", *words, "Not proven by any log: that what people entered is true."]
    found.sort(key=itemgetter(0))
    words = [f"[{status}] {sentence}" for status, sentence in found[:SHOWN]]
    return found[0][0], [f"IT DOES NOT HOLD. Findings: {len(found)}; the most serious first.", *words]


def main():
    gc.disable()  # lines make many small objects and no cycles
    status, words = run(sys.argv[1:])
    print("\n".join(words), file=sys.stderr if status else sys.stdout, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
