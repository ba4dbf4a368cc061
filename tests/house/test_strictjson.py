"""Strict JSON: what is taken, and what no reader of ours may meet."""

from typing import Any

import pytest

from csoc.lib import strictjson
from csoc.lib.errors import BadJson


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, -2.5, null, true, "x"]}', {"a": [1, -2.5, None, True, "x"]}),
        (b'["[[[[[[", "}}}"]', ["[[[[[[", "}}}"]),
        (rb'["\"[[[[[["]', ['"[[[[[[']),
        ('["\u00e9"]'.encode(), ["\u00e9"]),
        (rb'["\u00e9"]', ["\u00e9"]),
        (b" 7 ", 7),
    ],
)
def test_what_is_json_is_read(raw: bytes, value: Any) -> None:
    assert strictjson.loads(raw, max_depth=2) == value


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        rb'{"a": 1, "\u0061": 2}',
        b'{"b": {"a": 1, "a": 2}}',
        b'["\x7f"]',
        b'{"\x7f": 1}',
        rb'["\u0007"]',
        rb'{"\u0007": 1}',
        b'["\x01"]',
        '["\u0085"]'.encode(),
        rb'["\ud800"]',
        b'["\xff"]',
        b"[1e999]",
        b"[NaN]",
        b"[-Infinity]",
        b"[123456789012345678901]",
        b"\xef\xbb\xbf[]",
        b"",
        b'"',
        b'"\\',
        b"[}",
        b"]",
        b"[1] [2]",
        rb'["\"]',
    ],
)
def test_what_is_not_is_refused(raw: bytes) -> None:
    with pytest.raises(BadJson):
        strictjson.loads(raw)


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"\\"a":', b"}]")])
def test_depth_is_counted_to_the_level(pair: tuple[bytes, bytes]) -> None:
    each = pair[1].count(b"]") + pair[1].count(b"}")
    raw = pair[0] * 6 + b"1" + pair[1] * 6
    strictjson.loads(raw, max_depth=6 * each)
    with pytest.raises(BadJson, match="deeper than"):
        strictjson.loads(raw, max_depth=6 * each - 1)
