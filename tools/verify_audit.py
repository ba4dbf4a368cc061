#!/usr/bin/env python3
"""Verify an export of the audit log, or the proof of one line: offline, trusting only the keys you bring.

One file, Python 3.9 or newer, standard library only. Formats and exit statuses: docs/audit-format.md.

    verify_audit.py EXPORT.zip|FOLDER|PROOF.tlog-proof --log-key VKEY_OR_FILE --witness-key VKEY_OR_FILE

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
import zlib
from bisect import bisect
from collections import namedtuple
from contextlib import contextmanager
from datetime import datetime, timezone
from operator import itemgetter
from types import SimpleNamespace

if sys.version_info < (3, 9):
    print("This program needs Python 3.9 or newer.", file=sys.stderr)
    sys.exit(2)
CHUNK, LINE_BYTES, SLACK_S, SHOWN = 1 << 18, 1 << 20, 300, 50  # a larger chunk leaves the processor's cache
FILES = ["lines.jsonl", "support.jsonl", "census.json", "details.jsonl", "keys.txt"]  # in their order
MANIFEST = {"also": list, "details": str, "entries": int, "files": dict, "format": str, "kind": str}
MANIFEST.update(origin=str, question=str, recipient=str, reference=str, size=int, subject=str, support=int)
OWNERS = {"raw": "system.malformed", "census": "log.census", "vkey": "log.rotate", "erased": "detail.erase"}
OWNERS["digest"] = "audit.export"  # the one verb that may have this member, and must where it was done
OWNED, SPECIAL = frozenset(OWNERS), {*OWNERS.values(), "log.halt", "log.prune"}
NOTE = re.compile("(([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]{44})\n)\n((?:\u2014 [^\\s+]+ \\S+\n){1,64})")
CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f\ufffd]")
TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z", re.A)
# Digits become 0, what may stand before a number becomes a colon: long numbers are found at memory speed.
NUMBERS = bytes(48 if 48 <= c < 58 else 58 if c in b":,[-" else 32 for c in range(256))
STRING = re.compile(r'"(?:[^"\\]|\\.)*"(:?)')
BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, StopIteration)
SCOPE: dict = {}  # what a process that reads lines must know of the export
Key = namedtuple("Key", "text name algorithm public id")  # algorithm 1: a log's key, 4: a witness's
Note = namedtuple("Note", "origin size root signed what")  # signed: {Key: UNIX seconds, 0 for a log's}
Member = namedtuple("Member", "path at bytes sha256 crc")
NONE = Member(os.devnull, 0, 0, "", 0)  # absent


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
    x = x if x & 1 == sign else P - x
    fits = len(data) == 32 and y < P and x < P and (x * x - square) % P == 0
    return (x, y, 1, x * y % P) if fits else None


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
        data = b""
    need(base64.b64encode(data).decode() == text, 22, f"{text[:60]!r} is not canonical base64.")
    return data


def parse_key(text):
    name, _, rest = text.partition("+")
    data = unbase64(rest[9:])
    ident = sha(name.encode() + b"\n" + data)[:4]
    fits = re.fullmatch(r"[^\s+]+", name) and data[:1] in (b"\1", b"\4") and rest[:9] == ident.hex() + "+"
    need(fits and usable(data[1:]), 22, f"{text[:120]!r} is not a verifier key.")
    return Key(text, name, data[0], data[1:], ident)


def keys_from(texts, algorithm):
    for text in texts:
        text = read(text, 0, 1 << 16).decode("utf-8", "replace") if os.path.exists(text) else text
        keys = [key for key in map(parse_key, filter(None, text.split("\n"))) if key.algorithm == algorithm]
        need(keys, 2, f"No key of the right kind in {text[:100]!r}.")
        yield from keys


def open_note(data, keys, what, strict):
    """A checkpoint of which what is signed holds. Unknown signatures: a Problem if strict, else ignored."""
    text = data.decode("utf-8", "replace")
    match = NOTE.fullmatch(text)
    need(match and not CONTROL.search(text), 22, f"{what} is not a signed checkpoint of three lines.")
    note = Note(match[2], int(match[3]), unbase64(match[4]), {}, what)
    for name, signature in re.findall("\u2014 (\\S+) (\\S+)\n", match[5]):
        blob = unbase64(signature)
        key = next((key for key in keys if (key.name, key.id) == (name, blob[:4])), None)
        need(key or not strict, 11, f"{what}: nobody knows the key behind the signature of {name[:80]!r}.")
        if key:
            at = blob[4:12] if key.algorithm == 4 else b""
            time = int.from_bytes(at, "big")
            message = f"cosignature/v1\ntime {time}\n{match[1]}" if at else match[1]
            fits = (at or name == note.origin) and verify(key.public, blob[4 + len(at) :], message.encode())
            need(fits, 11, f"Wrong key: {what}: the signature of {name} does not verify.")
            note.signed[key] = time
    signers = [key for key in note.signed if key.algorithm == 1]
    need(signers, 10, f"Missing key: {what} is signed by no key at hand of the log {note.origin!r}.")
    return note


def cosigned(note, given, needed):
    """Sentences: what the signatures under this note prove."""
    yield f"The log {note.origin} had {note.size} lines and the root {note.root.hex()}: its key signed that."
    have = [key for key in given if key.algorithm == 4 and key in note.signed]
    for key in have:
        yield f"The witness {key.name} cosigned it on {utc(note.signed[key])}."
    if not have:
        yield "NOT proven: that the log shows the same history to everybody. No witness cosigned."
    need(len(have) >= needed, 21, f"{len(have)} of the witnesses you trust cosigned it; needed: {needed}.")


def integer(text):
    return int(text) if len(text) < 18 and abs(int(text)) < 1 << 53 else refuse(text)


hooks: dict = {"parse_float": refuse, "parse_constant": refuse}
quick, careful = (json.JSONDecoder(**hooks, parse_int=of).scan_once for of in (int, integer))  # type: ignore
quote = json.encoder.encode_basestring
pieces = json.encoder.c_make_encoder(None, None, quote, None, ":", ",", True, False, False)  # type: ignore


def encode(value):
    return "".join(pieces(value, 0))


def parse(data, scan=careful):
    """The value of canonical JSON; raises one of BROKEN for any other."""
    text = data.decode()
    value = scan(text, 0)[0]
    fits = "".join(pieces(value, 0)) == text
    fits = fits and (text.isascii() or all(one[0].isascii() for one in STRING.finditer(text) if one[1]))
    return value if fits else refuse("form")


def seconds(t):
    return datetime.fromisoformat(t[:26] + "+00:00").timestamp()


def utc(unix):
    return f"{datetime.fromtimestamp(min(unix, 1 << 37), timezone.utc):%Y-%m-%d %H:%M:%S UTC}"


# The tree: RFC 6962, kept as tiles of 256 hashes
def node(left, right):
    return sha(b"\1" + left + right)


def perfect(data, sha256=hashlib.sha256):
    """The root over 2^k hashes of 32 bytes."""
    while len(data) > 32:
        data = b"".join([sha256(b"\1" + data[at : at + 64]).digest() for at in range(0, len(data), 64)])
    return data


def tile_path(size, level, n):
    *folders, last = (group.zfill(3) for group in f"{n:,}".split(","))
    width = (size >> 8 * level) - 256 * n
    path = "/".join([f"tile/{level}", *("x" + one for one in folders), last])
    return path + (f".p/{width}" if width < 256 else "")


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
    """RFC 6962 section 2.1.1; None if the proof has the wrong length."""
    if size <= 1 or not proof:
        return leaf if size == 1 and index == 0 and not proof else None
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        below = inclusion_root(leaf, index, split, proof[:-1])
        return below and node(below, proof[-1])
    below = inclusion_root(leaf, index - split, size - split, proof[:-1])
    return below and node(proof[-1], below)


# The container: {name: Member}
def read(path, at, size, *_):
    need(size <= 1 << 27, 2, f"A part of {path} has {size} bytes: more than an export may hold.")
    with open(path, "rb") as file:
        file.seek(at)
        return file.read(size)


def member(path, at, size):
    digest, crc = hashlib.sha256(), 0
    for start in range(at, at + size, 1 << 20):
        block = read(path, start, min(1 << 20, at + size - start))
        digest.update(block)
        crc = zlib.crc32(block, crc)
    return Member(path, at, size, digest.hexdigest(), crc)


def walk_zip(path):
    """The members of a zip of which every byte is as docs/audit-format.md says: written anew, it is equal."""
    members, central, at = {}, bytearray(), 0
    need(os.path.getsize(path) < 1 << 32, 2, f"{path} is longer than an export may be.")
    with open(path, "rb") as file:
        while file.read(4) == b"PK\3\4":
            head = file.read(26).ljust(26)
            size, length = struct.unpack("<18xIH2x", head)
            raw = file.read(length)
            one, name = member(path, at + 30 + length, size), raw.decode("utf-8", "replace")
            fields = struct.pack("<HHHHIIIHH", 0x800, 0, 0, 0x21, one.crc, size, size, length, 0)
            fits = head == b"\x14\0" + fields and name not in members and len(members) < 65535
            need(fits, 20, f"Not the zip that was written: {name[:80]!r}. Unpacked, it may say more.")
            central += b"PK\1\2\x14\0\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + raw
            members[name], at = one, one.at + size
            file.seek(at)
        count = len(members)
        central += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(central), at, 0)
        file.seek(at)
        same = file.read(len(central) + 1) == central
        need(same, 20, "Not the zip that was written: its directory. Unpacked, it may say more.")
    return members


def walk_folder(top):
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names][:65536]
    for path in paths:
        need(os.path.isfile(path), 20, f"{path!r} is not a file.")
    files = [member(path, 0, os.path.getsize(path)) for path in paths]
    return {os.path.relpath(one.path, top).replace(os.sep, "/"): one for one in files}


# Lines, in chunks, in as many processes as there are cores
def chunks(name, member):
    """Jobs of whole lines. A line longer than LINE_BYTES is cut, and then not canonical."""
    at, end = member.at, member.at + member.bytes
    with open(member.path, "rb") as file:
        while at < end:
            file.seek(at + CHUNK)
            stop = min(at + CHUNK + len(file.readline(LINE_BYTES)), end)
            yield name, member.path, at, stop - at
            at = stop


def several(word, first, last):
    return f"{word} {first}" if first == last else f"{word}s {first} to {last}"


def link(word, key, before, i, p, n):
    """Findings about line i, which calls itself number n of this actor or object, after line p."""
    last, count = before or (-1, 0)  # (index, number) of the one found before it
    p = -1 if p is None else p if type(p) is int and p >= 0 else i
    mine = SCOPE["kind"] == word and SCOPE["subject"] == key and (before or p >= SCOPE["pruned"])
    if not (last <= p < i and count < n <= p + 2 and (p == last) == (n == count + 1)):
        yield 16, f"Line {i}: number {n} of {word} {key}, after line {p}, contradicts itself or line {last}."
    elif p != last and mine:
        lost = f"{several('number', count + 1, n - 1)} of {SCOPE['total']} of {word} {key}"
        where = f"between line {last} and line {i}" if before else f"before line {i}"
        yield 17, f"Missing: {lost}, {where}; the last missing is line {p}."
    elif p != last and SCOPE["kind"] == "range" and SCOPE["first"] <= p:
        yield 17, f"Missing: number {n - 1} of {word} {key}: line {i} says it is line {p}."


def gap(before, i):
    """Findings about two neighbours in a file of lines."""
    if i <= before:
        yield 16, f"Line {i} stands after line {before}: out of its place, or there twice."
    elif SCOPE["kind"] == "range" and i > before + 1:
        lost = several("line", before + 1, i - 1)
        yield 17, f"Missing: {lost}, between line {before} and line {i}."


def late(newest, one):
    """Findings about two marks: (halts before the line, its time, its index). After a halt it counts anew."""
    (halts, t, i), (before, latest, line) = one, newest
    if halts == before and latest and seconds(t) < seconds(latest) - SLACK_S:
        yield 14, f"The log's clock ran backwards: line {i} is dated {t[:19]}, line {line} {latest[:19]}."


members_of = itemgetter("e", "i", "na", "no", "pa", "po", "t")


def check_lines(job):
    """One chunk: form, hash, links and times of its lines. Returns what the others must know of it."""
    known = {"actor": {}, "object": {}}
    part = SimpleNamespace(known=known, firsts=[], special=[], values=[], tiles={}, found=[])
    size, found, marks, newest, i, number, tile = SCOPE["size"], part.found, [], (0, "", 0), None, None, b""
    actors, objects = known.values()
    data, halts = read(*job[1:]), SCOPE["halts"]
    scan = careful if b":0000000000000000" in data.translate(NUMBERS) else quick
    *lines, rest = data.split(b"\n")
    for raw in lines + [b"no line feed"] * bool(rest):
        previous = i
        try:
            row = parse(raw, scan)
            e, i, na, no, pa, po, t = members_of(row)
            thing, verb = e["object"], e["verb"]
            who, ref = e["actor"]["id"] + "", thing["type"] + ":" + thing["id"]
            fits = type(i) is type(na) is type(no) is int and 0 <= i < size and len(row) == 7 and e["v"] == 1
            if verb in SPECIAL or not OWNED.isdisjoint(e):
                done = e["outcome"]["result"] in ("allowed", "partial")
                mine = {one for one, owner in OWNERS.items() if verb == owner and (done or one == "raw")}
                fits = fits and OWNED & set(e) == mine
                part.special += [row] * fits
            need(fits and TIME.fullmatch(t), 16, "shape")
        except (*BROKEN, Problem):
            i, words = previous, "a line is not canonical JSON, or not as lines are"
            found.append((16, f"{job[0]}, after line {previous}: {words}: {raw[-120:]!r}"))
            continue
        if verb == "log.halt":
            SCOPE["halts"] = halts = sorted({*halts, i})
        one = (bisect(halts, i), t, i)
        marks.append(one)
        if one < newest:
            found += late(newest, one)
        newest = max(newest, one)
        if previous is not None and i != previous + 1:
            found += gap(previous, i)
        if i >> 8 != number:
            number, tile = i >> 8, read(*SCOPE["tiles"].get(i >> 8, NONE))
            part.tiles[number] = perfect(tile) if len(tile) == 8192 else b""
        if sha(b"\0" + raw) != tile[32 * (i & 255) : 32 * (i & 255) + 32]:
            found.append((16, f"Line {i} was changed: its hash is not the one in the tree."))
        for word, before, key, p, n in (("actor", actors, who, pa, na), ("object", objects, ref, po, no)):
            last = before.get(key)
            if last is None:
                part.firsts.append((word, key, i, p, n))
            elif last != (p, n - 1) or type(p) is not int:
                found += link(word, key, last, i, p, n)
            before[key] = (i, n)
        if SCOPE["details"]:
            part.values += [(e[one], i) for one in ("old", "new", "detail") if one in e]
    for covers, cut, witness in SCOPE["cuts"]:
        t, i = max(((t, i) for _, t, i in marks if i < covers), default=("", 0))
        if t and seconds(t) > cut + SLACK_S:
            found.append((14, f"Line {i} is dated {t[:19]}, but {witness} cosigned it on {utc(cut)}."))
    part.marks = marks and (marks[0], marks[-1], min(marks), newest)
    part.count, part.found = len(lines) + bool(rest), sorted(found)[:SHOWN]
    return part


def in_parallel(jobs, size, processes):
    if processes < 2 or size < 16 * CHUNK:
        yield from map(check_lines, jobs)
    else:
        with multiprocessing.Pool(processes, share, (SCOPE,)) as pool:
            yield from pool.imap(check_lines, jobs)


def share(scope):
    SCOPE.update(scope)


class Export:
    """The checks of one export, in their order. ``found`` gets (exit status, sentence)."""

    def __init__(self, members, given, options, found):
        self.members, self.given, self.options, self.found = members, given, options, found
        self.special, self.values, self.tiles, self.notes, self.rotations = {}, [], {}, [], []
        self.logs, self.keys, self.m = [key for key in given if key.algorithm == 1], given, None

    @contextmanager
    def step(self, status, what):
        """What breaks a check is a finding, and the next check runs all the same."""
        try:
            yield
        except Problem as problem:
            self.found.append(problem.args)
        except BROKEN:
            self.found.append((status, f"{what} cannot be read."))

    def check(self, true, status, sentence):
        if not true:
            self.found.append((status, sentence))

    def get(self, name):
        need(name in self.members, 20, f"{name} is missing.")
        return read(*self.members[name])

    def run(self):
        """Sentences: what is proven if nothing is found."""
        top = doc = state = None
        with self.step(20, "manifest.json"):
            self.manifest()
        if not self.m:
            return
        m, details = self.m, self.m["details"] == "included"
        with self.step(22, "keys.txt"):
            text = self.get("keys.txt").decode()
            keys = [parse_key(line) for line in text.splitlines()]
            self.logs, self.keys = [key for key in keys if key.algorithm == 1], [*keys, *self.given]
            mine = set(self.logs) & set(self.given)
            self.check(mine, 10, "Missing key: none that you gave is a log key of this export.")
            fits = text == "".join(key.text + "\n" for key in sorted(keys, key=itemgetter(2)))
            need(fits, 22, "keys.txt is not in its form.")
        with self.step(22, "checkpoint.txt"):
            top = self.note("checkpoint.txt")
            self.check(top.origin == m["origin"], 20, f"The checkpoint is of another log: {top.origin!r}.")
            self.check(self.logs[-1] in top.signed, 10, "The log's newest key did not sign checkpoint.txt.")
            yield from cosigned(top, self.given, self.options.needed)
        if not top:
            return
        with self.step(22, "A rotation"):
            for k in range(1, len(self.logs)):
                self.rotations.append(self.note(f"rotations/{k}.txt"))
        for path in self.options.seen:
            with self.step(22, path):
                note = open_note(read(path, 0, 1 << 16), self.keys, path, False)
                need(note.origin == top.origin, 22, f"{path} is a note of another log: {note.origin!r}.")
                need(note.size <= top.size, 12, f"Rollback: {path} shows {note.size} lines, not {top.size}.")
                self.notes.append(note)
        cuts = [(note.size, at, key.name) for note in self.notes for key, at in note.signed.items() if at]
        SCOPE.update(size=top.size, subject=m["subject"], first=m["first"], cuts=cuts)
        SCOPE.update(kind="", details=False, total="?", pruned=0, halts=[], tiles={})
        for name, tile in self.members.items():
            match = re.fullmatch(r"tile/0/([x0-9/]{3,15})(\.p/[0-9]+)?", name)
            if match and tile.bytes <= 8192:
                SCOPE["tiles"][int(re.sub("[x/]", "", match[1]))] = tile[:3]
        with self.step(16, "support.jsonl"):
            self.lines("support.jsonl", m["support"])
        with self.step(18, "census.json"):
            doc = self.read_census() if m["kind"] in ("actor", "object") else None
        SCOPE.update(kind=m["kind"], details=details)
        with self.step(16, "lines.jsonl"):
            state = self.lines("lines.jsonl", m["entries"])
        SCOPE.update(kind="", details=False)
        with self.step(20, "seal.jsonl"):
            self.lines("seal.jsonl", 1)
            row, sealed = parse(self.get("seal.jsonl")[:-1]), self.members["manifest.json"].sha256
            fits = row["e"]["digest"] == sealed and row["i"] >= m["size"]
            self.check(fits, 20, "manifest.json is not the one that seal.jsonl, the log's own line, names.")
        with self.step(17, "A line of a rotation"):
            self.rotated(top)
        with self.step(15, "A tile"):
            self.tree(top)
        yield f"The {m['entries']} lines of this export are in that log, unchanged, each in its place."
        if m["kind"] == "question":
            yield "NOT proven: that these are all. Other lines may answer the same question."
        if m["kind"] == "range":
            yield f"They are all from line {m['first']} to line {m['last']}."
        with self.step(18, "The census"):
            if doc and state:
                yield self.census(doc, state)
        with self.step(19, "details.jsonl"):
            if details:
                yield self.check_details()

    def manifest(self):
        m = parse(self.get("manifest.json"))
        ends = dict.fromkeys(("first", "last"), int if m["entries"] else type(None))
        fits = {name: type(value) for name, value in m.items()} == {**MANIFEST, **ends}
        numbers = [m["entries"], m["size"], m["support"], m["first"] or 0, m["last"] or 0, *m["also"]]
        fits = fits and all(type(n) is int and n >= 0 for n in numbers)
        fits = fits and m["kind"] in ("range", "actor", "object", "question")
        need(fits and m["format"] == "csoc-audit-export/1", 20, "manifest.json is not as manifests are.")
        self.m, rest = m, {"manifest.json", "seal.jsonl", "checkpoint.txt"}
        for name in sorted({*m["files"], *(one for one in self.members if one[:5] != "tile/")} - rest):
            have = self.members.get(name, NONE)
            same = m["files"].get(name) == {"bytes": have.bytes, "sha256": have.sha256} and have != NONE
            self.check(same, 20, f"{name} is not the file that was sealed, or is missing.")

    def note(self, name):
        self.notes.append(open_note(self.get(name), self.keys, name, True))
        return self.notes[-1]

    def lines(self, name, sealed):
        """{"actor": {id: (last index, number)}, "object": likewise}"""
        member, count, ends, newest = self.members.get(name, NONE), 0, (), (0, "", 0)
        state = {"actor": {}, "object": {}}
        for part in in_parallel(chunks(name, member), member.bytes, self.options.jobs):
            for word, key, i, p, n in part.firsts:
                part.found += link(word, key, state[word].get(key), i, p, n)
            for word in state:
                state[word].update(part.known[word])
            for row in part.special:
                i, verb, subject = row["i"], row["e"]["verb"], row["e"]["object"]["id"]
                self.special[i] = row
                if verb == "log.halt":
                    SCOPE["halts"] = sorted({*SCOPE["halts"], i})
                match = verb == "log.prune" and re.fullmatch("partition:([0-9]{1,9})", subject)
                if match and row["e"]["outcome"]["result"] == "allowed" and int(match[1]) + 1 << 20 <= i:
                    SCOPE["pruned"] = max(SCOPE["pruned"], int(match[1]) + 1 << 20)
            if part.marks:
                first, last, low, high = ((bisect(SCOPE["halts"], i), t, i) for _, t, i in part.marks)
                part.found += [*gap(ends[1], first[2]), *late(newest, low)] if ends else []
                ends, newest = (ends[0] if ends else first[2], last[2]), max(newest, high)
            self.found += part.found
            self.values += part.values
            self.tiles.update(part.tiles)
            count += part.count
        for end, i in zip(("first", "last"), ends or (None, None)):
            fits = i == self.m[end] or name != "lines.jsonl"
            self.check(fits, 17, f"Missing: the {end} line asked for, {self.m[end]}; {name} has {i}.")
        self.check(count == sealed, 20, f"{name} has {count} lines; {sealed} were sealed.")
        return state

    def rotated(self, top):
        """Each newer key is named by a line that the rotation's checkpoint covers, and no earlier one."""
        count = sum(name.startswith("rotations/") for name in self.members)
        self.check(count == len(self.logs) - 1, 10, "Missing key: not each newer log key has its rotation.")
        named = {row["e"]["vkey"]: i for i, row in self.special.items() if "vkey" in row["e"]}
        named = {text: i for text, i in named.items() if text.startswith(top.origin + "+")}
        known, before = set(named) <= {key.text for key in self.logs}, 0
        self.check(known, 10, "Missing key: a log.rotate line names another.")
        for old, new, note in zip(self.logs, self.logs[1:], self.rotations):
            signed = note.origin == top.origin and {old, new} <= set(note.signed)
            self.check(signed, 11, f"{note.what} is not signed by both the old key and the new one.")
            fits = before <= named.get(new.text, -1) < note.size
            self.check(fits, 17, f"Missing: the log.rotate line for {new.text}, below line {note.size}.")
            before = note.size

    def tree(self, top):
        """The tiles hold together, give the root of each note, and are all that is needed for that."""
        size, roots = top.size, [top.size, *(note.size for note in self.rotations), *self.m["also"]]
        asked = [(0, n) for n in self.tiles] + [one[:2] for s in roots if s <= size for one in edge(s)]
        needed = climb(size, asked)
        order = ["README.txt", "manifest.json", *FILES, *(note.what for note in self.rotations)]
        order = dict.fromkeys([*order, "verify_audit.py", "seal.jsonl", "checkpoint.txt", *needed.values()])
        for name in sorted({*self.members, *needed.values()}):
            self.check(name in self.members, 15, f"{name} is missing.")
            self.check(name in order, 20, f"{name} is no part of the proof.")
        ordered = [*self.members] == [name for name in order if name in self.members]
        self.check(ordered or self.options.folder, 20, "The members of the zip are not in their order.")

        def hashes(level, n):
            tile, width = self.members.get(needed.get((level, n)), NONE), (size >> 8 * level) - 256 * n
            fits = tile.bytes == 32 * min(256, width)
            need(fits, 15, f"{tile_path(size, level, n)} is missing or has a wrong length.")
            return read(*tile)

        for (level, n), name in needed.items():
            with self.step(15, name):
                if n < size >> 8 * level + 8:
                    below = (level == 0 and self.tiles.get(n)) or perfect(hashes(level, n))
                    same = below == hashes(level + 1, n >> 8)[32 * (n & 255) :][:32]
                    self.check(same, 15, f"{name} is damaged, or the tile above it: their hashes differ.")
        for note in self.notes:
            if note is not top and any(status == 15 for status, _ in self.found):
                return  # damaged tiles say nothing about history
            shown = all(one[:2] in needed for one in edge(note.size))
            need(shown, 15, f"{note.what}: this export cannot show the root at size {note.size}; others can.")
            status, words = (15, "damaged") if note is top else (13, "Fork: another history")
            same = tree_root(note.size, hashes) == note.root
            self.check(same, status, f"The tiles do not give the root of {note.what}: {words}.")

    def read_census(self):
        doc = parse(self.get("census.json"))
        SCOPE["total"] = parse(doc["leaf"].encode())[3]
        return doc

    def census(self, doc, state):
        at, position, leaves, text = (doc[name] for name in ("census", "position", "leaves", "leaf"))
        (kind, subject, last, count), said = parse(text.encode()), self.special[at]["e"]["census"]
        root = inclusion_root(sha(b"\0" + text.encode()), position, leaves, list(map(unbase64, doc["proof"])))
        fits = root is not None and said["root"] == root.hex() and said["actors"] + said["objects"] == leaves
        fits = fits and [kind, subject] == [self.m["kind"], self.m["subject"]] and len(doc) == 5
        need(fits and last < said["size"] <= at, 18, f"census.json does not hold in the census of line {at}.")
        i, number = state[kind].get(subject, (-1, 0))
        words = f"numbers {number + 1} to {count} of {count} of {kind} {subject}, after line {i}"
        self.check(number >= count, 17, f"Missing: {words}; the last missing is line {last}.")
        fits = number < count or (i, number) == (last, count)
        self.check(
            fits, 18, f"The census counts {count} up to line {last}; here are {number} up to line {i}."
        )
        self.check({*state[kind]} <= {subject}, 16, f"Lines of others stand among those of {subject}.")
        words = (
            f"They are all of {kind} {subject} among the first {said['size']} lines, if the census in line"
        )
        return f"{words} {at} counts right: who checks the whole log checks that."

    def check_details(self):
        here, before = set(), ""
        for line in self.get("details.jsonl").split(b"\n")[:-1]:
            row = parse(line)
            salt, one = unbase64(row["salt"]), row["commitment"]
            right = hmac.new(salt, encode(row["value"]).encode(), hashlib.sha256).hexdigest()
            fits = len(row) == 3 and len(salt) == 32 and one == right > before
            self.check(fits, 19, f"The detail {one} was changed, or is not in its place.")
            here.add(one)
            before = one
        erased = {one for row in self.special.values() for one in row["e"].get("erased", ())}
        wanted = dict(reversed(self.values))
        for one in sorted(here - set(wanted)):
            self.check(False, 19, f"The detail {one} belongs to no line.")
        for one in sorted(set(wanted) - here - erased):
            words = f"the detail {one} of line {wanted[one]}; no line says that it was erased"
            self.check(False, 19, f"Missing: {words}.")
        return "Each detail is what was recorded then; of each absent one a line says that it was erased."


def check_proof(data, given, needed):
    """A tlog-proof with its line in `extra`."""
    head, _, note = data.partition(b"\n\n")
    match = re.fullmatch(rb"c2sp.org/tlog-proof@v1\nextra (\S+)\nindex (\d+)((?:\n\S+)*)", head)
    need(match, 22, "This is not a tlog-proof that holds its line.")
    top = open_note(note, given, "The proof's checkpoint", False)
    raw, proof = unbase64(match[1].decode()), [unbase64(one) for one in match[3].decode().split()]
    row = parse(raw)
    i, at, root = row["i"], seconds(row["t"]), inclusion_root(sha(b"\0" + raw), row["i"], top.size, proof)
    fits = str(i).encode() == match[2] and root == top.root
    need(fits, 16, "The line is not the one in the tree of the checkpoint.")
    words = list(cosigned(top, given, needed))
    for key, cut in top.signed.items():
        fits = key.algorithm == 1 or at <= cut + SLACK_S
        need(fits, 14, f"Line {i} is dated {utc(at)}; {key.name} cosigned it on {utc(cut)}.")
    who, verb = row["e"]["actor"]["id"], row["e"]["verb"]
    return [*words, f"Line {i} is in the log: {who} did {verb} at {row['t']}.", raw.decode()]


def printable(word):
    """What stands in an export may not speak to the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in word)


def examine(options, found):
    """The sentences of what is proven; findings go to `found`."""
    enough = options.log_key and (options.witness_key or not options.needed)
    need(enough, 10, "Missing key: give --log-key and --witness-key (or --allow-unwitnessed).")
    given = [*keys_from(options.log_key, 1), *keys_from(options.witness_key, 4)]
    options.folder = os.path.isdir(options.path)
    need(options.folder or os.path.isfile(options.path), 2, f"{options.path} is no file and no folder.")
    start = b"PK" if options.folder else read(options.path, 0, 1 << 20)
    if start[:2] != b"PK":
        proof = start.startswith(b"c2sp.org/") or options.path.endswith(".tlog-proof")
        need(proof, 2, f"{options.path} is neither an export nor a proof.")
        return check_proof(start, given, options.needed)
    members = walk_folder(options.path) if options.folder else walk_zip(options.path)
    words = list(Export(members, given, options, found).run())
    return found or words


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
        need(
            options.needed >= 0 and options.jobs > 0,
            2,
            "--witnesses-needed and --jobs are numbers above 0.",
        )
        words = examine(options, found)
    except Problem as problem:
        found.append(problem.args)
    except BROKEN as error:
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
    print("\n".join(map(printable, words)), file=sys.stderr if status else sys.stdout, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
