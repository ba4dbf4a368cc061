"""Strict JSON for everything that comes from outside.

Python's parser takes duplicate keys, NaN, lone surrogates and any depth; the contract takes none of
them. The depth is measured on the bytes before parsing, so that deep nesting costs nothing.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from csoc.lib.errors import BadJson

# Possessive, and an unfinished string ends with the body: otherwise a body of `"\\"\\"\\"…` would be scanned
# anew from each of its quotes, which takes hours for a megabyte.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_BRACKETS = b"{}[]"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_ONE_KIND = bytes.maketrans(b"[]", b"{}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def _is_plain(raw: bytes) -> bool:
    """Whether no text of it can hold what ``_clean`` looks for: the parser refuses bare controls itself."""
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _check_depth(raw: bytes, max_depth: int) -> None:
    """Errors: BadJson for more than ``max_depth`` levels of brackets outside strings.

    What is left of brackets loses its innermost pairs in each pass, so a body of that depth ends up empty.
    """
    outside = _STRINGS.sub(b"", raw) if b"\\" in raw else b"".join(raw.split(b'"')[::2])
    left = outside.translate(_ONE_KIND, _OTHERS)
    for _level in range(max_depth):
        left = left.replace(b"{}", b"")
    if left:
        raise BadJson(f"it nests deeper than {max_depth} levels, or its brackets do not match")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("a key stands twice")
    return found


def _unique_clean_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _unique_keys(pairs)
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


def _decoder(hook: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=hook, parse_constant=_non_finite, parse_float=_float, parse_int=_int
    )


_PLAIN = _decoder(_unique_keys)
_ANY = _decoder(_unique_clean_keys)


def loads(raw: bytes, *, max_depth: int = 5) -> Any:
    """Parse ``raw``.

    Errors: BadJson (400) for bad UTF-8, depth over ``max_depth``, duplicate keys, control characters,
    lone surrogates, non-finite or oversized numbers, or anything that is not JSON.
    """
    _check_depth(raw, max_depth)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("it is not UTF-8") from None
    plain = _is_plain(raw)
    try:
        value = (_PLAIN if plain else _ANY).decode(text)
    except (ValueError, RecursionError):
        raise BadJson("it does not parse") from None
    if not plain:
        _check_texts(value)
    return value
