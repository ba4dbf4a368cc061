"""What the agent does about each answer of the console: the contract's table, and nothing else."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Act(enum.Enum):
    """The five things an agent can do about an answer."""

    DONE = "done"
    DROP = "drop"
    RESIGN = "re-sign"
    STOP = "stop"
    KEEP = "keep"


@dataclass(frozen=True)
class Verdict:
    """An act, plus whether the device has a fault to report and whether its plate list must be fetched."""

    act: Act
    fault: bool = False
    fetch_hotlist: bool = False


BY_CODE = {
    "bad-signature": Verdict(Act.RESIGN),
    "replayed-nonce": Verdict(Act.RESIGN),
    "clock-skew": Verdict(Act.RESIGN),
    "key-revoked": Verdict(Act.STOP),
    "not-deployed": Verdict(Act.STOP),
    "wrong-trailer": Verdict(Act.STOP, fault=True),
    "not-on-hotlist": Verdict(Act.DROP, fetch_hotlist=True),
    "hotlist-version-stale": Verdict(Act.DROP, fetch_hotlist=True),
    "slow-down": Verdict(Act.KEEP),
    "unavailable": Verdict(Act.KEEP),
}
BY_STATUS = {
    400: Verdict(Act.DROP),
    401: Verdict(Act.RESIGN),
    409: Verdict(Act.DROP),
    410: Verdict(Act.DROP),
    413: Verdict(Act.DROP),
    415: Verdict(Act.DROP),
    422: Verdict(Act.DROP, fault=True),
}


def judge(status: int, code: str | None) -> Verdict:
    """Return what to do; an answer the contract does not name (404, 405, 5xx) keeps the alert, for it may
    be a detour."""
    if 200 <= status < 300:
        return Verdict(Act.DONE)
    if code in BY_CODE and status < 500:
        return BY_CODE[code]
    return BY_STATUS.get(status, Verdict(Act.KEEP))


def code_of(problem_type: object) -> str | None:
    """Return ``not-deployed`` for ``/problems/not-deployed`` (also behind a host name), else None."""
    if not isinstance(problem_type, str) or "/problems/" not in problem_type:
        return None
    return problem_type.rsplit("/problems/", 1)[1] or None
