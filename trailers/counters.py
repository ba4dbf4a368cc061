"""Counters of what is refused before anybody is known. Badly signed requests cost a number, never a row."""

from prometheus_client import Counter

_REFUSED = Counter(
    "csoc_device_signatures_refused_total",
    "Device requests refused at the signature, by problem code",
    ["code"],
)


def count_refused(code: str) -> None:
    """Add one refusal of `code`."""
    _REFUSED.labels(code).inc()


def refused(code: str) -> float:
    """Return how many refusals of `code` this process has counted."""
    return float(_REFUSED.labels(code)._value.get())
