#!/usr/bin/env python3
"""A witness: an outside memory that lets an audit log grow but never change.

One file, Python 3.9 or newer, standard library only, POSIX. Run it where the log's operator has no say.
Formats and exit statuses: docs/audit-format.md.

    witness.py init  --state DIR --name witness.example/audit    make the key, print the verifier key
    witness.py trust --state DIR VKEY [--origin ORIGIN]          a log this witness may cosign
    witness.py show  --state DIR                                 what it knows
    witness.py serve --state DIR --listen HOST:PORT              tlog-witness over HTTP
    witness.py sign  --state DIR REQUEST [--out FILE]            the same by file ("-": standard input)

In DIR: `key` (secret), `trusted.txt` (`<origin> <vkey>`; delete a line to distrust), `logs/<sha256 of
origin>` (the newest cosigned note), `evidence/` (pairs of notes that cannot both be true), `lock`. Python's
integers do not run in constant time: do not share the machine with people who may measure it.
"""

import sys

if sys.version_info < (3, 9):  # so nothing in this file may need a newer Python to be read
    sys.stderr.write("witness.py needs Python 3.9 or newer; this is %d.%d.\n" % sys.version_info[:2])
    sys.exit(2)

import argparse
import base64
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import signal
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOG, COSIGNATURE = 1, 4  # the algorithm byte of a verifier key
BODY_BYTES = 65536
EVIDENCE_FILES = 1000
NAME = r"[^\s+\x00-\x1f\x7f\ud800-\udfff]+"
ORIGIN = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+"


class Refusal(Exception):
    """Why nothing was signed: exit status, HTTP status, sentence, and the HTTP body the protocol wants."""

    def __init__(self, status: int, http: int, sentence: str, body: str = "") -> None:
        super().__init__(sentence)
        self.status, self.http, self.body = status, http, body


def bad(sentence: str) -> Refusal:
    return Refusal(22, 400, sentence)


# Ed25519, RFC 8032 section 5.1. Points are extended coordinates (X, Y, Z, T).

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
    """The same steps for every scalar: four doublings and one addition for each 4 bits, from the top."""
    row, total = [NEUTRAL], NEUTRAL
    for _ in range(15):
        row.append(_add(row[-1], point))
    for shift in range(252, -4, -4):
        for _ in range(4):
            total = _add(total, total)
        total = _add(total, row[scalar >> shift & 15])
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


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def usable(key: bytes) -> bool:
    """A canonical point of prime order: with such a key each signature has one meaning."""
    point = _decode(key)
    return point is not None and key != _encode(NEUTRAL) and _encode(_times(ORDER, point)) == _encode(NEUTRAL)


def expand(seed: bytes) -> tuple[int, bytes, bytes]:
    """(secret scalar, prefix, public key) of a 32-byte seed."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:], _encode(_times(scalar, BASE))


def sign(secret: tuple[int, bytes, bytes], message: bytes) -> bytes:
    scalar, prefix, public = secret
    r = _hash(prefix, message) % ORDER
    commitment = _encode(_times(r, BASE))
    k = _hash(commitment, public, message)
    return commitment + ((r + k * scalar) % ORDER).to_bytes(32, "little")


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """[S]B - [k]A encodes to exactly the R of the signature, with S below the group's order."""
    point, s = _decode(key), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER or point is None:
        return False
    k = _hash(signature[:32], key, message) % ORDER
    minus = (P - point[0], point[1], 1, P - point[3])
    return _encode(_add(_times(s, BASE), _times(k, minus))) == signature[:32]


# C2SP signed notes, checkpoints, verifier keys, tlog-witness requests


def unbase64(text: str) -> bytes:
    """Padded and canonical only: each value has one spelling."""
    with contextlib.suppress(ValueError):
        data = base64.b64decode(text, validate=True)
        if base64.b64encode(data).decode() == text:
            return data
    raise bad(f"This is not canonical base64: {text[:60]!r}.")


def key_id(name: str, algorithm: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + key).digest()[:4]


def vkey_of(name: str, algorithm: int, key: bytes) -> str:
    material = base64.b64encode(bytes([algorithm]) + key).decode()
    return f"{name}+{key_id(name, algorithm, key).hex()}+{material}"


def parse_vkey(text: str) -> tuple[str, bytes, bytes]:
    """(name, key id, public key) of a log's verifier key."""
    name, _, rest = text.partition("+")
    data = unbase64(rest.partition("+")[2])
    if not re.fullmatch(NAME, name) or len(data) != 33 or data[0] != LOG:
        raise bad(f"This is not the verifier key of a log: {text[:120]!r}.")
    if text != vkey_of(name, LOG, data[1:]):
        raise bad(f"The id in this verifier key does not belong to its name and key: {text[:120]!r}.")
    return name, key_id(name, LOG, data[1:]), data[1:]


def fingerprint(vkey: str) -> str:
    """What two people read to each other: the first 128 bits of SHA-256 over the text, in eight groups."""
    digest = hashlib.sha256(vkey.encode()).hexdigest()
    return " ".join(digest[start : start + 4] for start in range(0, 32, 4))


class Note:
    """A checkpoint: `text`, `origin`, `size`, `root`, `signatures` [(name, key id, signature, line)]."""

    def __init__(self, data: str) -> None:
        self.text, gap, tail = data.rpartition("\n\n")
        self.text, lines = self.text + "\n", tail.split("\n")
        if (
            re.search(r"[\x00-\x09\x0b-\x1f\x7f]", data)
            or not gap
            or lines.pop()
            or not 1 <= len(lines) <= 64
        ):
            raise bad(
                "A note is a text, an empty line and 1 to 64 signature lines, without control characters."
            )
        fields = self.text.split("\n")
        if len(fields) != 4 or not fields[0] or not re.fullmatch("0|[1-9][0-9]{0,17}", fields[1]):
            raise bad("A checkpoint has three lines: origin, size, root.")
        self.origin, self.size, self.root = fields[0], int(fields[1]), unbase64(fields[2])
        if len(self.root) != 32:
            raise bad("The checkpoint's root is not 32 bytes.")
        self.signatures = [self._signature(line) for line in lines]

    @staticmethod
    def _signature(line: str) -> tuple[str, bytes, bytes, str]:
        match = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        data = unbase64(match.group(2)) if match else b""
        if match is None or len(data) < 5:
            raise bad(f"This is not a signature line: {line[:80]!r}.")
        return match.group(1), data[:4], data[4:], line + "\n"


def parse_request(body: bytes) -> tuple[int, list[bytes], Note]:
    """(old size, consistency proof, note) of an add-checkpoint body."""
    try:
        head, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise bad("The request is not UTF-8 text.") from None
    old, *proof = head.split("\n")
    if not gap or not re.fullmatch("old (0|[1-9][0-9]{0,17})", old) or len(proof) > 63:
        raise bad("A request begins with `old <size>`, at most 63 hashes and an empty line.")
    hashes = [unbase64(line) for line in proof]
    if any(len(one) != 32 for one in hashes):
        raise bad("A hash of the consistency proof is not 32 bytes.")
    return int(old[4:]), hashes, Note(note)


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 section 2.1.2: the tree of `old` leaves is how the tree of `new` began. 0 < old <= new."""
    if old == new:
        return not proof and old_root == new_root
    inner, last = old - 1, new - 1
    while inner & 1:
        inner, last = inner >> 1, last >> 1
    rest = list(proof) if inner else [old_root, *proof]
    if not rest:
        return False
    first = second = rest.pop(0)
    for one in rest:
        if not last:
            return False
        if inner & 1 or inner == last:
            first, second = _node(one, first), _node(one, second)
            while inner and not inner & 1:
                inner, last = inner >> 1, last >> 1
        else:
            second = _node(second, one)
        inner, last = inner >> 1, last >> 1
    return not last and first == old_root and second == new_root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


# The witness and its state


def write(path: Path, data: str, mode: int = 0o644) -> None:
    """A crash leaves the old file or the new one, and the new one is on disk before this returns."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(data)
        file.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)
    os.replace(name, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def damaged(path: Path, why: str) -> Refusal:
    """This witness's own fault, whoever asked."""
    return Refusal(22, 500, f"The witness's own file {path} cannot be used: {why} Nothing was signed.")


def stored(path: Path) -> str:
    """A file of the state folder, "" if there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise damaged(path, "it is not UTF-8 text.") from None


class Witness:
    """One state folder. Every process and thread that signs from it takes the same lock."""

    def __init__(self, state: Path) -> None:
        self.state = state
        try:
            key = stored(state / "key")
        except OSError:
            key = ""
        if not key:
            raise Refusal(10, 500, f"Missing key: {state} holds no readable key. `init` makes one.")
        match = re.fullmatch(f"({NAME})\n([0-9a-f]{{64}})\n", key)
        if not match:
            raise damaged(state / "key", "it needs a name and a seed of 64 hexadecimal digits, a line each.")
        self.name, self.secret = match.group(1), expand(bytes.fromhex(match.group(2)))
        self.key_id = key_id(self.name, COSIGNATURE, self.secret[2])
        self.vkey = vkey_of(self.name, COSIGNATURE, self.secret[2])

    @classmethod
    def create(cls, state: Path, name: str) -> "Witness":
        if not re.fullmatch(NAME, name):
            raise Refusal(2, 400, "A name is UTF-8 text, not empty, without spaces and plus signs.")
        if (state / "key").exists():
            raise Refusal(
                2, 400, f"{state} has a key already. A new key is a new witness: take another folder."
            )
        for folder in ("logs", "evidence"):
            (state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        write(state / "key", f"{name}\n{secrets.token_hex(32)}\n", 0o600)
        return cls(state)

    @contextlib.contextmanager
    def locked(self):
        with open(self.state / "lock", "a") as file:  # a descriptor of its own: it holds against threads, too
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def trusted(self) -> list[tuple[str, str]]:
        """(origin, vkey), read afresh each time so that `trust` works while `serve` runs."""
        path, pairs = self.state / "trusted.txt", []
        for number, line in enumerate(stored(path).split("\n"), 1):
            origin, _, vkey = line.rstrip().rpartition(" ")
            if not line.strip():
                continue
            try:
                parse_vkey(vkey)
            except Refusal:
                origin = ""
            if not origin:
                raise damaged(path, f"line {number} is not `<origin> <verifier key of a log>`.")
            pairs.append((origin, vkey))
        return pairs

    def trust(self, vkey: str, origin: str) -> str:
        if origin and not re.fullmatch(ORIGIN, origin):
            raise Refusal(2, 400, "An origin is one line of UTF-8 text without control characters.")
        name, _, key = parse_vkey(vkey)
        if not usable(key):
            raise bad("The key is not a point of prime order.")
        with self.locked():
            pairs = dict.fromkeys([*self.trusted(), (origin or name, vkey)])
            write(self.state / "trusted.txt", "".join(f"{one} {key}\n" for one, key in pairs))
        return origin or name

    def path(self, origin: str) -> Path:
        return self.state / "logs" / hashlib.sha256(origin.encode()).hexdigest()

    def newest(self, path: Path) -> "tuple[Note, str] | None":
        """The note cosigned last for one log, and its text; None if there is none."""
        text = stored(path)
        if not text and not path.exists():
            return None
        try:
            return Note(text), text
        except Refusal as refusal:
            raise damaged(path, str(refusal)) from None

    def last_time(self) -> int:
        """When this witness last cosigned anything, UNIX seconds; 0 for never."""
        found = [self.newest(path) for path in (self.state / "logs").glob("[0-9a-f]*")]
        notes = [one[0] for one in found if one]
        mine = [one[2] for note in notes for one in note.signatures if one[:2] == (self.name, self.key_id)]
        return max((int.from_bytes(signature[:8], "big") for signature in mine), default=0)

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign a checkpoint that continues what was cosigned before; returns the cosignature line.

        The note is on disk before its cosignature leaves. A crash in between costs the caller one 409 and a
        repeated request; two histories are never cosigned.
        """
        old, proof, note = parse_request(body)
        lines = self._signed_by_log(note)
        with self.locked():
            path = self.path(note.origin)
            known = self.newest(path)
            self._continues(old, proof, note, known[0] if known else None)
            now, last = int(time.time()), self.last_time()
            if now < last:
                words = f"it shows {now}, but the last cosignature is dated {last} (UNIX seconds)"
                raise Refusal(14, 503, f"This witness's clock runs backwards: {words}. Nothing was signed.")
            message = f"cosignature/v1\ntime {now}\n{note.text}".encode()
            data = self.key_id + now.to_bytes(8, "big") + sign(self.secret, message)
            line = f"\u2014 {self.name} {base64.b64encode(data).decode()}\n"
            write(path, f"{note.text}\n{lines}{line}")
        return line

    def _signed_by_log(self, note: Note) -> str:
        """The lines of keys trusted for this origin; one that does not verify refuses the whole note."""
        keys = [parse_vkey(vkey) for origin, vkey in self.trusted() if origin == note.origin]
        if not keys:
            raise Refusal(10, 404, f"Missing key: no key is trusted here for the log {note.origin!r}.")
        known, lines = {(name, ident): key for name, ident, key in keys}, ""
        for name, ident, signature, line in note.signatures:
            if (name, ident) in known:
                if not verify(known[name, ident], signature, note.text.encode()):
                    raise Refusal(
                        11, 403, f"Wrong key: the signature of {name}+{ident.hex()} does not verify."
                    )
                lines += line
        if not lines:
            raise Refusal(10, 403, f"Missing key: no key trusted here for {note.origin!r} signed this note.")
        return lines

    def _continues(self, old: int, proof: list[bytes], note: Note, known: "Note | None") -> None:
        size, log = known.size if known else 0, note.origin
        if old > note.size:
            raise bad(f"The request starts at size {old}, above its own checkpoint of {note.size}.")
        # tlog-witness: whatever else is wrong, an old size that is not ours is answered 409 with ours.
        http, body = (422, "") if old == size else (409, f"{size}\n")
        if known and note.size == size and note.root != known.root:
            self._keep(known, note, "The log signed both, at one size: a fork.")
            raise Refusal(13, http, f"Fork: {log!r} signed two different roots at size {size}.", body)
        if note.size < size:
            words = f"{log!r} had {size} lines, this checkpoint has {note.size}"
            raise Refusal(12, http, f"Rollback: {words}.", body)
        if old != size:
            raise Refusal(2, http, f"The size cosigned last is {size}: ask again from there.", body)
        if (note.size == 0 and note.root != hashlib.sha256().digest()) or (old == 0 and proof):
            raise Refusal(22, 422, "Size 0 has the root of the empty tree, and a start at 0 has no proof.")
        if known and old and not consistent(old, note.size, known.root, note.root, proof):
            self._keep(known, note, "The second came without a valid proof that it continues the first.")
            raise Refusal(
                13, 422, f"Fork: nothing proves that size {note.size} continues size {size} of {log!r}."
            )

    def _keep(self, known: Note, note: Note, words: str) -> None:
        """Both notes, for people. Named by content, so that repeating a request does not fill the disk."""
        folder, both = self.state / "evidence", []
        path = (
            folder / f"{note.size}-{hashlib.sha256((known.text + note.text).encode()).hexdigest()[:16]}.txt"
        )
        for title, one in (("Cosigned here before", known), ("Refused", note)):
            both += [f"\n--- {title}:\n", one.text, "\n", *(signature[3] for signature in one.signatures)]
        if not path.exists() and len(list(folder.iterdir())) < EVIDENCE_FILES:
            write(path, time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + words + "\n" + "".join(both))

    def show(self) -> str:
        lines = [f"This witness: {self.vkey}", f"Fingerprint: {fingerprint(self.vkey)}"]
        for origin, vkey in self.trusted():
            known = self.newest(self.path(origin))
            size = f"size {known[0].size}" if known else "nothing yet"
            lines.append(f"Log {origin}: cosigned {size}; trusted key {vkey}")
        return "\n".join(
            [*lines, f"Evidence of misbehaviour: {len(list((self.state / 'evidence').iterdir()))}"]
        )


# Doors: HTTP and files

PLAIN = "text/plain; charset=utf-8"


class Door(BaseHTTPRequestHandler):
    """POST /add-checkpoint, GET /<sha256 of origin>/checkpoint. Bodies are capped, slow clients cut off."""

    protocol_version, timeout = "HTTP/1.1", 30
    witness: Witness
    slots = threading.BoundedSemaphore(64)
    said: set = set()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > BODY_BYTES:
            self.close_connection = True
            return self._answer(413, f"The body needs a Content-Length of at most {BODY_BYTES}.\n")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the body ended early")
        if self.path != "/add-checkpoint":
            return self._answer(404, "POST goes to /add-checkpoint.\n")
        answer = self._asked(lambda: self.witness.add_checkpoint(body))
        if answer[0] == 200:
            self.said.clear()
        return self._answer(*answer)

    def do_GET(self) -> None:
        match = re.fullmatch("/([0-9a-f]{64})/checkpoint", self.path)
        path = self.witness.state / "logs" / match.group(1) if match else None
        if path is None or not path.exists():
            return self._answer(404, "Nothing was cosigned under this address.\n")
        return self._answer(*self._asked(lambda: (self.witness.newest(path) or (None, ""))[1]))

    def _asked(self, act):
        """(HTTP status, body, its kind). What is wrong with this witness itself is said on stderr once."""
        try:
            with self.slots:
                return 200, act(), PLAIN
        except Refusal as refusal:
            said = refusal
        except OSError as error:
            said = Refusal(2, 500, f"This witness cannot read or write its own folder: {error}.")
        if said.http != 500 or str(said) not in self.said:
            self.log_error("refused %d (status %d): %s", said.http, said.status, str(said))
        if said.http == 500:
            self.said.add(str(said))
        return said.http, said.body or f"{said}\n", "text/x.tlog.size" if said.body else PLAIN

    def _answer(self, code: int, body: str, kind: str = PLAIN) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def handle_error(self, request, client_address) -> None:
        """One line, mostly about somebody who left before the answer."""
        error = sys.exc_info()[1]
        what = "the client left" if isinstance(error, ConnectionError) else "not answered"
        print(f"{client_address[0]}: {what} ({error!r})", file=sys.stderr, flush=True)


def serve(witness: Witness, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise Refusal(2, 400, f"--listen takes HOST:PORT with a port up to 65535, not {listen!r}.")
    try:
        server = Server((host or "127.0.0.1", int(port)), type("Door", (Door,), {"witness": witness}))
    except (OSError, UnicodeError) as error:
        raise Refusal(2, 400, f"Cannot listen on {listen!r}: {error}.") from None
    print(f"Witness {witness.name} listens on http://{host}:{server.server_port}\n{witness.vkey}", flush=True)
    # Stopping amid a request is like a crash: the note was renamed into place, or it was not.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.2)


def sign_file(witness: Witness, request: str, out: "str | None") -> None:
    with sys.stdin.buffer if request == "-" else open(request, "rb") as source:
        body = source.read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise bad(f"The request is longer than {BODY_BYTES} bytes.")
    line = witness.add_checkpoint(body)
    if out:
        write(Path(out), line)
    sys.stdout.buffer.write(
        f"Cosigned by {witness.name}. Send back {out!r}.\n".encode() if out else line.encode()
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="witness.py", description="An outside memory for an audit log.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("init", "trust", "show", "serve", "sign"):
        commands.add_parser(name).add_argument("--state", required=True, type=Path, metavar="DIR")
    commands.choices["init"].add_argument("--name", required=True, help="like a web address, without spaces")
    commands.choices["trust"].add_argument("vkey")
    commands.choices["trust"].add_argument("--origin", default="", help="default: the key's name")
    commands.choices["serve"].add_argument("--listen", required=True, metavar="HOST:PORT")
    commands.choices["sign"].add_argument("request")
    commands.choices["sign"].add_argument("--out", metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        make = options.command == "init"
        witness = Witness.create(options.state, options.name) if make else Witness(options.state)
        if make:
            print(witness.vkey, flush=True)
            print(f"Fingerprint: {fingerprint(witness.vkey)}", file=sys.stderr)  # stdout is the key alone
        elif options.command == "trust":
            print(f"Trusted for the log {witness.trust(options.vkey, options.origin)!r}.")
            print(f"Fingerprint of its key: {fingerprint(options.vkey)}")
        elif options.command == "show":
            print(witness.show())
        elif options.command == "serve":
            serve(witness, options.listen)
        else:
            sign_file(witness, options.request, options.out)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.status
    except (OSError, UnicodeError) as error:
        print(f"Could not read or write: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
