"""One slice of the log, checked against the tree, the signed checkpoints and the census lines in it.

The slice begins with the stored peaks before it; those are checked in slices of their own. Everything
that is completed inside it (nodes, checkpoints) is computed from its lines and compared.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit.notes import Checkpoint, VerifierKey
from audit.tree import Frontier, peaks_of
from audit.verification import census
from audit.verification.details import Details, Erased, entry_of
from audit.verification.findings import Finding, Report
from audit.verification.lines import Lines, Row
from audit.verification.signatures import Keyring, judge_cosignature, judge_note

#: Lines read at once: some 4 MB, and a tenth of a second of work.
CHUNK = 4_096
NODE = "SELECT hash FROM audit_node WHERE level = %s AND n = %s"
LEAF = "SELECT leaf FROM audit_log WHERE idx = %s"
NODES = "SELECT n, hash FROM audit_node WHERE level = %s AND n >= %s AND n < %s"
CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint WHERE size > %s AND size <= %s ORDER BY size"
BEFORE = "SELECT coalesce(max(size), 0) FROM audit_checkpoint WHERE size <= %s"
COSIGNED = """
SELECT c.size, k.root, c.line FROM audit_cosignature c LEFT JOIN audit_checkpoint k USING (size)
WHERE c.size > %s AND c.size <= %s ORDER BY c.size
"""
CENSUSES = """
SELECT idx, line FROM audit_log
WHERE verb = 'log.census' AND outcome = 'allowed' AND idx >= %s AND idx < %s ORDER BY idx
"""


class Broken(RuntimeError):
    """A slice cannot even begin. Carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


class Slice:
    """Lines ``since`` to ``until`` - 1. Iterate to check it; yields the lines checked after each chunk."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        since: int,
        until: int,
        *,
        ring: Keyring,
        witnesses: Sequence[VerifierKey],
        erased: Erased,
        censuses_from: int = 0,
    ) -> None:
        self.connection = connection
        self.since, self.until = since, until
        self.report = Report(size=until, since=since)
        self._ring, self._witnesses = ring, witnesses
        self._details = Details(connection, erased)
        self._lines = Lines(connection, since, self._details)
        self._tree = Frontier(since, stored_peaks(connection, since))
        self._censuses = self._due_censuses(max(since, censuses_from))

    def __iter__(self) -> Iterator[int]:
        """Check chunk after chunk. Errors: Broken."""
        start = self.since
        while start < self.until:
            end = min(start + CHUNK, self.until)
            yield self._chunk(start, end)
            start = end

    @property
    def findings(self) -> list[Finding]:
        """Return what was found so far."""
        return [*self.report.findings, *self._lines.findings]

    def _chunk(self, start: int, end: int) -> int:
        rows = self._lines.read(self.connection, start, end)
        known = len(self._lines.findings)
        stored = self._stored_nodes(start, end)
        signed = {size: (bytes(root), note) for size, root, note in self._rows(CHECKPOINTS, start, end)}
        wrong: list[tuple[int, int]] = []
        roots: dict[int, bytes] = {}
        for row in rows:
            self._step(row, stored, wrong)
            if self._tree.size in signed:
                roots[self._tree.size] = self._tree.root()
        self._lines.end(end)
        self._judge_nodes(wrong)
        if self._tree.size != end:
            # Lines are missing, and named: from here on the stored tree is all there is to go by.
            self._tree = Frontier(end, stored_peaks(self.connection, end))
        damaged = bool(wrong) or len(self._lines.findings) > known
        self._judge_checkpoints(start, signed, roots, damaged)
        self._judge_cosignatures(start, end)
        self.report.findings += self._details.settle()
        self.report.lines += len(rows)
        self.report.root = self._tree.root()
        return len(rows)

    def _step(self, row: Row, stored: dict[tuple[int, int], bytes], wrong: list[tuple[int, int]]) -> None:
        """Check a line, grow the tree by it and compare the nodes it completes."""
        while self._censuses and self._censuses[0][1] <= row.idx:
            self._judge_census(*self._censuses.pop(0))
        hashed = self._lines.check(row)
        if row.idx != self._tree.size:
            return
        for level, n, value in self._tree.append(hashed):
            if stored.get((level, n)) != value:
                wrong.append((level, n))

    def _stored_nodes(self, start: int, end: int) -> dict[tuple[int, int], bytes]:
        """Return the stored nodes that lines ``start`` to ``end`` - 1 complete."""
        found: dict[tuple[int, int], bytes] = {}
        for level in range(1, end.bit_length()):
            for n, value in self._rows(NODES, level, start >> level, end >> level):
                found[level, n] = bytes(value)
        return found

    def _judge_nodes(self, wrong: list[tuple[int, int]]) -> None:
        """Tell of the lowest wrong nodes; those above them are wrong because of them."""
        told: set[tuple[int, int]] = set()
        for level, n in sorted(wrong):
            below = {(lower, m) for lower, m in told if m >> (level - lower) == n}
            told.add((level, n))
            if below:
                continue
            words = {"first": n << level, "last": (n + 1 << level) - 1}
            sentence = _("The stored tree does not follow from entries %(first)s to %(last)s.")
            code = "line" if level == 1 else "node"
            self.report.findings.append(Finding(code, words["last"], sentence % words))

    def _judge_checkpoints(
        self, start: int, signed: dict[int, tuple[bytes, str]], roots: dict[int, bytes], damaged: bool
    ) -> None:
        """Check each signature, and the root: a wrong one says something new only where no line is wrong."""
        previous = self._rows(BEFORE, start)[0][0] if signed else 0
        for size, (root, note) in signed.items():
            self.report.checkpoints += 1
            found = judge_note(note, size, root, self._ring, previous)
            previous = size
            if found:
                self.report.findings.append(found)
            elif roots.get(size) != root and not damaged:
                damaged = True
                sentence = _("At %(size)s entries the log was signed with another history than it has now.")
                self.report.findings.append(Finding("fork", size - 1, sentence % {"size": size}))

    def _judge_cosignatures(self, start: int, end: int) -> None:
        for size, root, line in self._rows(COSIGNED, start, end):
            key = self._ring.at(size)
            if root is None or key is None:
                sentence = _("A cosignature at %(size)s entries belongs to no checkpoint.") % {"size": size}
                self.report.findings.append(Finding("note", size - 1, sentence))
                continue
            checkpoint = Checkpoint(key.key.name, size, bytes(root))
            known, found = judge_cosignature(checkpoint, line, self._witnesses)
            self.report.cosignatures += known
            self.report.strangers += not known
            if found:
                self.report.findings.append(found)

    def _due_censuses(self, start: int) -> list[tuple[int, int, dict[str, Any]]]:
        """Return (index of its line, size it counts, what it says) of each census from ``start`` on, by size.

        One that counts more lines than there were before it, or says nothing that can be read, is false.
        """
        due: list[tuple[int, int, dict[str, Any]]] = []
        for idx, line in self._rows(CENSUSES, start, self.until):
            told = entry_of(line).get("census")
            size = told.get("size") if isinstance(told, dict) else None
            if isinstance(told, dict) and type(size) is int and 0 <= size <= idx:
                due.append((idx, size, told))
            else:
                sentence = _("The census in entry %(idx)s does not say which entries before it were counted.")
                self.report.findings.append(Finding("census", idx, sentence % {"idx": idx}))
        return sorted(due, key=lambda one: one[1])

    def _judge_census(self, idx: int, size: int, told: dict[str, Any]) -> None:
        """Count again. From the chains in memory where they are whole and stand just there, else by query."""
        self.report.censuses += 1
        actors: census.Counts = self._lines.actors.last
        objects: census.Counts = self._lines.objects.last
        complete = self._lines.actors.complete and self._lines.objects.complete
        if not complete or self._lines.expected != size:
            actors = census.counts(self.connection, "actor", size)
            objects = census.counts(self.connection, "object", size)
        counted = {"actors": len(actors), "objects": len(objects), "size": size}
        if told != counted | {"root": census.root(actors, objects).hex()}:
            sentence = _("The census in entry %(idx)s does not hold for the first %(size)s entries.")
            self.report.findings.append(Finding("census", idx, sentence % {"idx": idx, "size": size}))

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values).fetchall()


def stored_peaks(connection: psycopg.Connection[Any], size: int) -> list[bytes]:
    """Return the stored full nodes that cover the first ``size`` lines. Errors: Broken."""
    found = []
    for level, n in peaks_of(size):
        query, values = (NODE, [level, n]) if level else (LEAF, [n])
        row = connection.execute(query, values).fetchone()
        if row is None:
            words = {"first": n << level, "last": (n + 1 << level) - 1}
            sentence = _("The tree's node over entries %(first)s to %(last)s is missing.") % words
            raise Broken(Finding("node", words["last"], sentence))
        found.append(bytes(row[0]))
    return found
