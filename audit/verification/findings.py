"""What verifying may find, each with its code, its exit status and a sentence (docs/audit-format.md)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

#: Code -> exit status of the tools. The smallest is the most serious.
STATUS = {
    "missing-key": 10,
    "wrong-key": 11,
    "rollback": 12,
    "fork": 13,
    "clock": 14,
    "node": 15,
    "line": 16,
    "missing": 17,
    "census": 18,
    "detail": 19,
    "witness": 21,
    "note": 22,
}
#: So many of one kind are told in full; the rest are counted.
TOLD = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold. ``index``: the line it is about, None when it is about the whole log."""

    code: str
    index: int | None
    sentence: str

    @property
    def status(self) -> int:
        """Return the exit status that this finding alone would give."""
        return STATUS[self.code]

    def as_json(self) -> dict[str, Any]:
        """Return it as kept in audit_verification."""
        return asdict(self)


@dataclass(slots=True)
class Report:
    """What one verification looked at, and what it found.

    ``size`` and ``root``: the log as verified to. ``since``: the first line looked at. The rest counts.
    """

    size: int = 0
    root: bytes = b""
    since: int = 0
    lines: int = 0
    checkpoints: int = 0
    cosignatures: int = 0
    censuses: int = 0
    #: Cosignatures by keys that the list of witnesses does not name: not judged.
    strangers: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Return the exit status: 0, or that of the most serious finding."""
        return worst(self.findings)


def worst(findings: Iterable[Finding]) -> int:
    """Return the exit status that decides among ``findings``; 0 when there are none."""
    return min((finding.status for finding in findings), default=0)


def told(findings: Iterable[Finding]) -> list[Finding]:
    """Return them most serious first, each once, and no more than ``TOLD`` of one code."""
    chosen: list[Finding] = []
    for code in STATUS:
        same = sorted({f for f in findings if f.code == code}, key=lambda f: (f.index is None, f.index or 0))
        chosen += same[:TOLD]
    return chosen
