"""`GET /api/v1/hotlist/`: the list that the trailer compares with, whole or as what is new, signed.

What is signed is put together here anew from the lines that came (docs/hotlists.md has the form).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.signing import unb64url
from tests.contract.conformance.kit import Kit, check, refused, verdict

HOTLIST = "/api/v1/hotlist/"
HEAD = {"list_id", "from", "to", "issued_at", "valid_to", "adds", "dels", "sha256_full", "kid", "sig"}
ADD = {"op", "e", "k", "j", "c", "p", "to"}
#: More than a list of any service counts.
FAR = 1_000_000


def taken(answer: httpx.Response) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the first line and the others of an answer that is a list. Errors: AssertionError."""
    assert answer.status_code == 200, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"].startswith("application/jsonl"), answer.headers
    head, *lines = [json.loads(line) for line in answer.text.splitlines()]
    return head, lines


def signed_state(head: dict[str, Any], lines: list[dict[str, Any]]) -> bytes:
    """Return the canonical full state of a whole list: what `sha256_full` and `sig` are over."""
    categories: dict[str, dict[str, Any]] = {}
    for name in sorted({line["c"] for line in lines}):
        rows = sorted((line for line in lines if line["c"] == name), key=lambda line: str(line["e"]).encode())
        entries = [canonical({key: row[key] for key in ADD - {"op"}}) + b"\n" for row in rows]
        digest = hashlib.sha256(b"".join(entries)).hexdigest()
        categories[name] = {"entries": len(entries), "sha256": digest}
    return canonical(
        {
            "schema": "csrp.hotlist/1", "list_id": head["list_id"], "version": head["to"],
            "issued_at": head["issued_at"], "valid_to": head["valid_to"], "categories": categories,
        }
    )  # fmt: skip


def canonical(value: dict[str, Any]) -> bytes:
    """Return RFC 8785, for texts without surprises and whole numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@check("l.lines", "l.head", "l.least", "g.time", needs="listed")
def a_list_is_lines_under_a_head_that_counts_them(kit: Kit) -> None:
    """JSON lines: a first one with the agreed members, then entries of six values and nothing beside."""
    head, lines = taken(kit.get(HOTLIST))
    assert set(head) == HEAD, sorted(head)
    assert head["from"] is None, "who says nothing of a version gets the whole list"
    assert (head["adds"], head["dels"]) == (len(lines), 0)
    assert head["issued_at"].endswith("Z") and head["valid_to"].endswith("Z")
    assert len({line["e"] for line in lines}) == len(lines), "an entry stands twice"
    for line in lines:
        assert set(line) == ADD and line["op"] == "add", "an entry says more or less than it may"
        assert line["to"].endswith("Z") and (line["p"] is None or isinstance(line["p"], int))
    on = kit.listed
    assert on is not None
    if head["list_id"] == on.list_id:
        assert on.entry_id in {line["e"] for line in lines}, "the listed entry is not on the trailer's list"


@check("l.signed", needs="listed")
def the_digest_is_of_what_came(kit: Kit) -> None:
    """`sha256_full` is of the canonical state of exactly these lines."""
    head, lines = taken(kit.get(HOTLIST))
    assert hashlib.sha256(signed_state(head, lines)).hexdigest() == head["sha256_full"]


@check("l.signed", needs="console-key")
def the_head_is_signed_by_the_consoles_key(kit: Kit) -> None:
    """Ed25519 over the same state, by a key of the enrolment; over another version it does not hold."""
    head, lines = taken(kit.get(HOTLIST))
    assert head["kid"] in kit.console_keys, f"signed by {head['kid']}, which is not among the console's keys"
    key = Ed25519PublicKey.from_public_bytes(kit.console_keys[head["kid"]])
    signature = unb64url(head["sig"])
    key.verify(signature, signed_state(head, lines))
    for change in ({"to": head["to"] + 1}, {"valid_to": "2099-01-01T00:00:00.000Z"}):
        try:
            key.verify(signature, signed_state(head | change, lines))
        except InvalidSignature:
            continue
        raise AssertionError(f"the signature holds over another {sorted(change)}")


@check("l.etag", needs="listed")
def a_list_that_is_known_is_not_sent_again(kit: Kit) -> None:
    """304 without a body for its ETag, among others and in its weak form, with a version and without."""
    first = kit.get(HOTLIST)
    etag, version = first.headers["etag"], taken(first)[0]["to"]
    for known in (etag, f'"x", {etag}', f"W/{etag}"):
        for query in ("", f"?since={version}"):
            answer = kit.get(HOTLIST + query, If_None_Match=known)
            assert (answer.status_code, answer.content) == (304, b""), (known, query)
    taken(kit.get(HOTLIST, If_None_Match='"x"'))


@check("l.since", needs="listed")
def what_is_new_since_a_version(kit: Kit) -> None:
    """Since the current one: nothing, by the same digest. Since one that never was: the whole list."""
    whole, lines = taken(kit.get(HOTLIST))
    head, new = taken(kit.get(f"{HOTLIST}?since={whole['to']}"))
    assert (head["from"], head["to"], head["adds"], head["dels"], new) == (whole["to"], whole["to"], 0, 0, [])
    assert head["sha256_full"] == whole["sha256_full"]
    for never in (whole["to"] + FAR, 0):
        head, again = taken(kit.get(f"{HOTLIST}?since={never}"))
        assert head["from"] is None and len(again) == len(lines), f"a difference from version {never}"
    for wrong in ("x", "-1", "1.5", "", "9" * 30):
        refused(kit.get(f"{HOTLIST}?since={wrong}"), 422, "schema")


@check("l.door", "d.apart", needs="listed")
def only_a_signature_opens_the_list(kit: Kit) -> None:
    """Nothing, a session, another request's signature, a spent one: not a line leaves."""
    cookie = {"Cookie": "sessionid=0123456789abcdefghijklmnopqrstuv; csrftoken=x"}
    elsewhere = kit.headers(f"{HOTLIST}?since=1", method="GET")
    once = kit.headers(HOTLIST, method="GET")
    taken(kit.http.get(HOTLIST, headers=once))
    for headers, code in (
        ({}, "bad-signature"), (cookie, "bad-signature"), (elsewhere, "bad-signature"),
        (once, "replayed-nonce"),
    ):  # fmt: skip
        answer = kit.http.get(HOTLIST, headers=headers)
        assert verdict(answer) == (401, code) and '"op"' not in answer.text
    refused(kit.http.post(HOTLIST, content=b""), 405, "method-not-allowed")
