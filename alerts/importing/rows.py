"""The rows of a list: bytes in, checked lines for COPY out, in memory that does not grow with the file.

A row at fault is named by its line and a code. What stood in it is never repeated: not in an answer, not in
a log. The header is named by column, and only when it is one: a file without a header begins with a plate.
"""

import codecs
import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.utils.translation import gettext as _

from alerts.importing.manifest import Manifest, broken
from alerts.models import CATEGORIES
from alerts.plates import plate_key
from csoc.lib import clock
from csoc.lib.errors import Refused

COLUMNS = ("plate", "jurisdiction", "category", "reference", "valid_from", "valid_to", "action", "priority")
#: Words that make a column one about a person, wherever they stand in its name.
PERSONAL = frozenset(
    {
        "name", "surname", "forename", "firstname", "lastname", "alias", "person", "owner", "driver",
        "holder", "dob", "birth", "birthdate", "birthday", "age", "sex", "gender", "race", "ethnicity",
        "address", "street", "postcode", "postal", "city", "phone", "telephone", "mobile", "email", "mail",
        "licence", "license", "sin", "photo", "image", "note", "notes", "comment", "comments", "remark",
        "remarks", "description", "reason", "narrative",
    }
)  # fmt: skip
MAX_LINE_CHARS = 4096
MAX_FILE_BYTES = 400_000_000
#: So many rows at fault are named; the others are counted.
NAMED_FAULTS = 100
_BLOCK_ROWS = 20_000

_PLATE = re.compile(r"[A-Z0-9]{2,8}\Z")
_JURISDICTION = re.compile(r"([A-Z]{2}-[A-Z0-9]{1,3}|unknown)\Z")
_REFERENCE = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}\Z")
_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}\Z")
_PRIORITY = re.compile(r"[1-9]\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z)?\Z", re.ASCII)
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z _-]{0,31}\Z")
_KNOWN = frozenset(CATEGORIES)


class Faults:
    """Rows that cannot stand, by line and code."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[dict[str, int | str]] = []

    def add(self, line: int, code: str) -> None:
        """Note one."""
        self.count += 1
        if self.count <= NAMED_FAULTS:
            self.named.append({"line": line, "code": code})

    def refusal(self) -> Refused:
        """Return Refused ``rows-broken`` (422) with ``lines`` and ``faults``, how many there are in all."""
        first = ", ".join(f"{row['line']} ({row['code']})" for row in self.named[:5])
        more = self.count - min(self.count, 5)
        sentence = _("Rows at fault, by line: %(first)s.") % {"first": first}
        if more:
            sentence = _("Rows at fault, by line: %(first)s, and %(more)d more.") % {
                "first": first, "more": more,
            }  # fmt: skip
        return broken("rows-broken", sentence, lines=self.named, faults=self.count)


class Reader:
    """Reads one file against its manifest. ``blocks`` first; then ``judge``, which raises what was wrong.

    Nothing is raised while rows go to the database: a COPY that breaks off makes PostgreSQL log the row.
    """

    def __init__(self, told: Manifest, source: Iterable[bytes]) -> None:
        self._told = told
        self._source = source
        self._sha256 = hashlib.sha256()
        self._bytes = 0
        self._refusal: Refused | None = None
        self.faults = Faults()
        self.rows = 0

    def blocks(self) -> Iterator[bytes]:
        """Yield COPY text of the good rows until the first fault; the columns of ``table.COLUMNS``."""
        try:
            yield from self._blocks()
        except Refused as refusal:
            self._refusal = refusal
        except csv.Error:
            self._refusal = broken("not-csv", _("The file is not CSV: a quotation mark is not closed."))
        except UnicodeDecodeError:
            self._refusal = broken("not-utf8", _("The file is not UTF-8. Save it as CSV, UTF-8."))

    def judge(self) -> None:
        """Errors: Refused 413 or 422 if the file is not what the manifest says, or a row cannot stand."""
        if self._refusal is not None:
            raise self._refusal
        if self._sha256.hexdigest() != self._told.sha256:
            raise broken("digest-wrong", _("The file is not the one of the manifest: its SHA-256 differs."))
        if self.rows != self._told.rows:
            told = {"rows": self.rows, "told": self._told.rows}
            sentence = _("The file has %(rows)d rows, its manifest says %(told)d.") % told
            raise broken("rows-wrong", sentence, rows=self.rows, told=self._told.rows)
        if self.faults.count:
            raise self.faults.refusal()

    def _chunks(self) -> Iterator[bytes]:
        for chunk in self._source:
            self._bytes += len(chunk)
            if self._bytes > MAX_FILE_BYTES:
                raise broken("too-large", _("The file is larger than any list may be."), 413)
            self._sha256.update(chunk)
            if b"\x00" in chunk:
                raise broken("nul", _("The file holds NUL bytes: it is not CSV in UTF-8."))
            yield chunk

    def _lines(self) -> Iterator[str]:
        """Yield lines with their ends; one that never ends is refused before it fills the memory."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        rest = ""
        for chunk in self._chunks():
            *whole, rest = (rest + decoder.decode(chunk)).split("\n")
            for line in whole:
                if len(line) > MAX_LINE_CHARS:
                    raise _too_long()
                yield line + "\n"
            if len(rest) > MAX_LINE_CHARS:
                raise _too_long()
        rest += decoder.decode(b"", final=True)
        if rest:
            yield rest

    def _blocks(self) -> Iterator[bytes]:
        reader = csv.reader(self._lines(), strict=True)
        order = _header(next(reader, []))
        row_of = _RowCheck(self._told)
        block: list[str] = []
        before, faults = reader.line_num, self.faults
        straight = order == list(range(len(COLUMNS)))
        for cells in reader:
            line, before = before + 1, reader.line_num
            self.rows += 1
            if len(cells) != len(COLUMNS):
                faults.add(line, "columns")
                continue
            text, code = row_of(cells if straight else [cells[at] for at in order])
            if code:
                faults.add(line, code)
            elif not faults.count:
                block.append(f"{line}\t{text}")
                if len(block) == _BLOCK_ROWS:
                    yield "".join(block).encode()
                    block.clear()
        if block and not faults.count:
            yield "".join(block).encode()


def _too_long() -> Refused:
    return broken("line-too-long", _("A line of the file is longer than any row may be."))


class _RowCheck:
    """Checks one row's cells, in the order of ``COLUMNS``; what repeats from row to row is judged once."""

    def __init__(self, told: Manifest) -> None:
        self._what: Callable[[str, str, str, str], tuple[str, str]] = lru_cache(4096)(_what)
        self._from: Callable[[str], datetime | None] = lru_cache(65_536)(_first_moment)
        self._to: Callable[[str], tuple[datetime, str] | None] = lru_cache(65_536)(_last_moment)
        self._issued_at = told.issued_at

    def __call__(self, cells: list[str]) -> tuple[str, str]:
        """Return (COPY text after the line number, "") or ("", code of the fault)."""
        plate, jurisdiction, category, reference, since, until, action, priority = cells
        if not _PLATE.match(plate):
            plate = plate_key(plate) or "" if plate.isprintable() and len(plate) <= 24 else ""
            if not plate:
                return "", "plate"
        what, code = self._what(jurisdiction, category, action, priority)
        if code:
            return "", code
        if not _REFERENCE.match(reference):
            return "", "reference"
        first, last = self._from(since), self._to(until)
        if first is None:
            return "", "valid-from"
        if last is None:
            return "", "valid-to"
        if last[0] <= first:
            return "", "dates"
        if first > self._issued_at:
            return "", "not-yet-valid"
        if last[0] <= self._issued_at:
            return "", "expired"
        return f"{plate}\t{reference}\t{what}\t{last[1]}\n", ""


def _what(jurisdiction: str, category: str, action: str, priority: str) -> tuple[str, str]:
    if not _JURISDICTION.match(jurisdiction):
        return "", "jurisdiction"
    if category not in _KNOWN:
        return "", "category"
    if action and not _ACTION.match(action):
        return "", "action"
    if priority and not _PRIORITY.match(priority):
        return "", "priority"
    return f"{jurisdiction}\t{category}\t{action}\t{priority or chr(92) + 'N'}", ""


def _first_moment(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 time in UTC, or the first one of a date; None if it is neither."""
    if not _MOMENT.match(text):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=UTC)
    except ValueError:
        return None


def _last_moment(text: str) -> tuple[datetime, str] | None:
    """The same for an end, with its text for COPY: a date alone lasts to its end."""
    moment = _first_moment(text)
    if moment is None:
        return None
    try:
        until = moment if "T" in text else moment + timedelta(days=1)
    except OverflowError:
        return None
    return until, str(clock.wire(until))


def _header(cells: list[str]) -> list[int]:
    """Return where each of ``COLUMNS`` stands. Errors: Refused 422, naming a column that may not be there."""
    names = [cell.strip() for cell in cells]
    known = [name for name in names if name in COLUMNS]
    if len(known) < len(COLUMNS) // 2:
        sentence = _("The first line has to be %(columns)s.") % {"columns": ",".join(COLUMNS)}
        raise broken("no-header", sentence)
    for at, name in enumerate(names, 1):
        if name not in COLUMNS:
            raise _stranger(at, name)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise broken("column-missing", _("The column “%(name)s” is missing.") % {"name": missing[0]})
    if len(known) > len(COLUMNS):
        twice = next(name for name in COLUMNS if known.count(name) > 1)
        raise broken("column-twice", _("The column “%(name)s” stands there twice.") % {"name": twice})
    return [names.index(name) for name in COLUMNS]


def _stranger(at: int, name: str) -> Refused:
    """Name the column if it reads like a column's name, else by its number."""
    shown = f"“{name}”" if _COLUMN_NAME.match(name) else str(at)
    words = {word.lower() for word in re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", name) if word}
    if words & PERSONAL:
        sentence = _("The column %(column)s is about a person: a list holds plates, and nobody's data.")
        return broken("column-personal", sentence % {"column": shown}, column=shown.strip("“”"))
    sentence = _("The column %(column)s is unknown. A list has exactly: %(columns)s.")
    told = {"column": shown, "columns": ", ".join(COLUMNS)}
    return broken("column-unknown", sentence % told, column=shown.strip("“”"))
