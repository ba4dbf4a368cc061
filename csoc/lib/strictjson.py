"""Strict JSON for everything that comes from outside.

Python's parser takes duplicate keys, NaN, lone surrogates and any depth; the contract takes none of
them. The depth is measured on the bytes before parsing, so that deep nesting costs nothing.
"""

import json
import re
from typing import Any, NoReturn

from csoc.lib.errors import BadJson

# Possessive, and an unfinished string ends with the body: otherwise a body of `"\\"\\"\\"…` would be scanned
# anew from each of its quotes, which takes hours for a megabyte.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_OTHERS = re.compile(rb"[^][{}]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def _depth(raw: bytes) -> int:
    """Return the greatest nesting of brackets outside strings."""
    deepest = depth = 0
    for byte in _OTHERS.sub(b"", _STRINGS.sub(b"", raw)):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("a key stands twice")
    for key in found:
        _clean(key)
    return found


def _clean(text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    if _CONTROL.search(text):
        raise BadJson("a text holds a control character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadJson("a text holds half a surrogate pair") from None


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        _clean(value)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            _check_texts(item)


def _non_finite(name: str) -> NoReturn:
    raise BadJson(f"{name} is not a number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadJson("a number is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20:
        raise BadJson("a number is too large")
    return int(text)


def loads(raw: bytes, *, max_depth: int = 5) -> Any:
    """Parse ``raw``.

    Errors: BadJson (400) for bad UTF-8, depth over ``max_depth``, duplicate keys, control characters,
    lone surrogates, non-finite or oversized numbers, or anything that is not JSON.
    """
    if _depth(raw) > max_depth:
        raise BadJson(f"it nests deeper than {max_depth} levels")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("it is not UTF-8") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_non_finite, parse_float=_float, parse_int=_int
        )
    except (ValueError, RecursionError):
        raise BadJson("it does not parse") from None
    _check_texts(value)
    return value
