"""Rule 11: one vocabulary. ``docs/events.md`` and the code name the same verbs, events and messages."""

from __future__ import annotations

import ast
import re

from audit.verbs import VERBS
from tests.rooms.source import ROOT, modules, strings

ROW = re.compile(r"^\| `([^`]+)`", re.MULTILINE)


def section(title: str) -> set[str]:
    """The names of one section of the document."""
    parts = re.split(r"^## ", (ROOT / "docs" / "events.md").read_text("utf-8"), flags=re.MULTILINE)
    [part] = [part for part in parts if part.startswith(title)]
    return set(ROW.findall(part))


def first_arguments(*callers: str) -> set[str]:
    """The string literals that these functions are called with first."""
    return {
        node.args[0].value
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in callers
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def pushed(group: str) -> set[str]:
    """The types of the messages pushed to a group, read where the push is written."""
    return {
        value.value
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("push_on_commit", "realtime.push"))
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == group
        and isinstance(node.args[1], ast.Dict)
        for key, value in zip(node.args[1].keys, node.args[1].values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant)
    }


def test_the_verbs_are_the_documented_ones() -> None:
    assert section("Audit verbs") == set(VERBS)


#: Modules that name verbs only to read them: questions, flags, sentences, events of the same name.
READERS = {
    "alerts/timeline.py", "audit/bare.py", "audit/entry.py", "audit/exports/building.py",
    "audit/exports/details.py", "audit/exports/reading.py", "audit/reviewing/flags.py", "audit/sentences.py",
    "audit/verbs.py", "csoc/lib/events.py", "live/apps.py", "trailers/commands.py",
}  # fmt: skip


def documented() -> dict[str, set[str]]:
    """verb -> the modules that write it, as the document says; none for a reserved one."""
    text = (ROOT / "docs" / "events.md").read_text("utf-8").split("## Erasable detail")[0]
    rows = re.findall(r"^\| `([^`]+)` \| .*? \| (.*?) \|$", text, re.MULTILINE)
    return {verb: set(re.findall(r"`([a-z_/]+\.py)`", written)) for verb, written in rows}


def naming() -> dict[str, set[str]]:
    """verb -> the modules of the project that name it and do not only read."""
    ours = modules() | {
        str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
        for path in (ROOT / "csoc").rglob("*.py")
    }
    found: dict[str, set[str]] = {verb: set() for verb in VERBS}
    for path, tree in ours.items():
        for verb in strings(tree) & set(VERBS) if path not in READERS else ():
            found[verb].add(path)
    return found


def test_every_verb_is_written_where_the_document_says_or_reserved() -> None:
    found = naming()
    for verb, written in documented().items():
        assert written <= found[verb], f"{verb}: the document names a module that does not write it"
        assert bool(written) == bool(found[verb]), f"{verb}: written by {found[verb] or 'nobody'}"


def test_what_is_recorded_is_a_verb() -> None:
    written = first_arguments(
        "audit.record", "audit.commit", "audit.guard", "guard", "record", "commit", "body", "_event"
    )
    assert written and written <= set(VERBS)


def test_the_domain_events_are_the_documented_ones() -> None:
    emitted, heard = first_arguments("events.emit"), first_arguments("events.on")
    assert heard <= emitted
    assert section("Domain events") == emitted


def test_the_pushes_are_the_documented_ones() -> None:
    for group in ("live", "trailers"):
        documented, found = section(f"Push messages, group `{group}`"), pushed(group)
        assert found <= documented, group
        assert found, group
