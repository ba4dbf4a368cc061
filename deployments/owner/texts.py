"""The sentences of the owner's page: data files, one a language, all of one version.

They are not gettext's: what an owner agreed to must be found again years later, word for word, under its
language and version.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from deployments.models import Language

FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. ``said`` maps a key such as ``given.title`` to its sentence."""

    language: str
    version: str
    months: tuple[str, ...]
    said: Mapping[str, str]

    def say(self, key: str, **values: Any) -> str:
        """Return a sentence as plain text. Errors: KeyError for an unknown key or a missing value."""
        return self.said[key].format_map(values)

    def markup(self, key: str, bold: str = "", **values: Any) -> SafeString:
        """Return it for a page: values escaped, those named in ``bold`` in bold."""
        shown = {
            name: mark_safe(f"<b>{conditional_escape(value)}</b>") if name in bold.split() else value
            for name, value in values.items()
        }
        return (
            format_html(self.said[key], **shown) if shown else SafeString(conditional_escape(self.said[key]))
        )

    def moment(self, at: datetime) -> str:
        """Return the local day and time, as it stands inside a sentence."""
        return self._when("format.moment", at)

    def stamp(self, at: datetime) -> str:
        """Return the local day and time, standing alone."""
        return self._when("format.stamp", at)

    def exact(self, at: datetime) -> str:
        """Return the local time to the second."""
        return self.say("format.exact", **_clock(_local(at)))

    def day(self, at: datetime) -> str:
        """Return the local day alone."""
        local = _local(at)
        return f"{self._day(local)} {self.months[local.month - 1]} {local.year}"

    def number(self, value: int) -> str:
        """Return a whole number with its thousands apart."""
        return f"{value:,}".replace(",", self.said["format.thousands"])

    def _when(self, key: str, at: datetime) -> str:
        local = _local(at)
        time = self.say("format.time", **_clock(local))
        return self.say(
            key, day=self._day(local), month=self.months[local.month - 1], year=local.year, time=time
        )

    def _day(self, local: datetime) -> str:
        return self.said["format.first_day"] if local.day == 1 else str(local.day)


@cache
def of(language: str) -> Texts:
    """Return the texts of a language of ``models.Language``. Errors: KeyError, OSError at the first use."""
    raw = tomllib.loads((FOLDER / f"{Language(language).value}.toml").read_text("utf-8"))
    months = tuple(raw["format"].pop("months"))
    return Texts(language, raw.pop("version"), months, dict(_flat(raw)))


def known(language: str) -> bool:
    """Whether there are texts in this language."""
    return language in Language.values


def _flat(tree: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        else:
            found.append((f"{before}{key}", value.strip() if value.strip() else value))
    return found


def _local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))


def _clock(local: datetime) -> dict[str, str]:
    return {"hour": f"{local:%H}", "minute": f"{local:%M}", "second": f"{local:%S}"}
