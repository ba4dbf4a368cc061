"""Which tables hold sealed rows. The apps that own them say so at start; the vault knows no app."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Purgeable(NamedTuple):
    """One table: its name for the entry, how to delete, and its oldest epoch if it can tell."""

    name: str
    delete_rows: Callable[[datetime], int]
    oldest: Callable[[], datetime | None] | None


_registered: dict[str, Purgeable] = {}


def register_purgeable(
    name: str,
    delete_rows: Callable[[datetime], int],
    oldest: Callable[[], datetime | None] | None = None,
) -> None:
    """Register a table in ``AppConfig.ready``; registering it again replaces it.

    delete_rows: called with an epoch inside the purge's transaction; deletes every row whose epoch is
    **that one or older** (``epoch__lte``) and returns how many. "Or older" is what makes a crash
    between the keys and the rows harmless. Their keys are already destroyed.
    oldest: returns the oldest epoch still in the table, for the watchdog.
    """
    _registered[name] = Purgeable(name, delete_rows, oldest)


def purgeables() -> list[Purgeable]:
    """Return what is registered, by name."""
    return [_registered[name] for name in sorted(_registered)]
