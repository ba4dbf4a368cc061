"""The refusal list: words and values that may not reach the console under any name.

A person's body, voice or device, continuous media, and anything that points to media elsewhere.
Whole words of snake or camel case count, so that ``age`` does not hit ``image``.
"""

import re
from collections.abc import Iterable, KeysView
from itertools import pairwise, repeat
from typing import Any

from csoc.lib.errors import Refused

WORDS = frozenset(
    [
        "face",
        "facial",
        "biometric",
        "embedding",
        "descriptor",
        "template",
        "gait",
        "iris",
        "person",
        "pedestrian",
        "gender",
        "age",
        "ethnic",
        "race",
        "emotion",
        "voice",
        "speech",
        "transcript",
        "speaker_id",
        "scream",
        "distress",
        "keyword",
        "imei",
        "imsi",
        "mac",
        "bluetooth",
        "wifi_probe",
        "video",
        "stream_url",
        "rtsp",
        "recording",
        "segment",
        "playlist",
        "continuous",
        "scene",
        "overview",
        "vehicle_signature",
    ]
)
# One word, or two in a row.
_PHRASES = frozenset(tuple(word.split("_")) for word in WORDS)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# One character before "://" is enough; a scheme of any length would be scanned anew from each of its letters.
_URL = re.compile(r"[a-z0-9+.-]://|\bwww\.", re.IGNORECASE)
_DATA = re.compile(r"\bdata:", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]{121,}")
#: Keys that were judged harmless, so that the same shapes are not judged again; so many, and no longer ones.
_harmless: set[str] = set()
_MOST_KEYS = 4096
_LONGEST_KEY = 40


def _words_of(key: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in _PARTS.findall(key))


def is_forbidden_key(key: str) -> bool:
    """True if ``key`` holds a listed word (or run of words) as whole words; a plural counts too."""
    words = _words_of(key)
    return any(
        not _PHRASES.isdisjoint((word,) for word in form) or not _PHRASES.isdisjoint(pairwise(form))
        for form in (words, tuple(word.removesuffix("s") for word in words))
    )


def _check_keys(keys: KeysView[str]) -> None:
    if keys <= _harmless:
        return
    for key in keys:
        if is_forbidden_key(key):
            raise refused("forbidden-field")
        if len(_harmless) >= _MOST_KEYS:
            _harmless.clear()
        if len(key) <= _LONGEST_KEY:
            _harmless.add(key)


def _is_forbidden_text(text: str) -> bool:
    # Most texts have none of what the patterns begin with, and looking for that is cheap.
    lowered = text.lower()
    if len(text) <= 120 and "://" not in lowered and "www." not in lowered and "data:" not in lowered:
        return False
    return bool(_URL.search(text) or _DATA.search(text) or _BASE64.search(text))


def _walk(value: dict[str, Any] | list[Any], key: str = "") -> None:
    """``key``: the name that a list stands under."""
    items: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        _check_keys(value.keys())
        items = value.items()
    else:
        items = zip(repeat(key), value)
    for name, item in items:
        if isinstance(item, str):
            if name != "sha256" and _is_forbidden_text(item):
                raise refused("forbidden-field")
        elif isinstance(item, (dict, list)):
            _walk(item, name)


def refused(code: str) -> Refused:
    """The 422 of a body that holds what is listed; it names nothing of the body."""
    return Refused(code, "The body holds what a trailer may never send. Nothing of it was kept.", 422)


def check_words(value: Any) -> None:
    """Walk a parsed body. Errors: Refused 422 ``forbidden-field``, which names nothing of the body."""
    _walk([value])
