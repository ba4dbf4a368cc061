"""Doors parse, call one service and present; policies read; nobody forces; files stay small."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.rooms.source import ROOT, calls, functions, is_door, modules

MOST_LINES = 15
TRANSACTIONS = {"transaction.atomic", "atomic"}
#: Doors that open a transaction around several services or django-allauth's view, which knows none.
AROUND_ALLAUTH = {
    "accounts/signin.py",
    "accounts/demo.py",
    "accounts/management/commands/create_administrator.py",
}
#: DRF's own parameter: devices get JSON, and players a file, whatever they accept.
FORCED_BY_DRF = {"trailers/doors.py", "alerts/media_api.py"}
#: Doors of more lines, each with the reason it was let through.
LONGER = {
    "accounts/demo.py: open_session": "the demonstration's own sign-in, which no service may know",
    "accounts/management/commands/create_administrator.py: handle": "asks questions at a terminal",
    "live/media_api.py: media_through": "hands bytes on; there is no service behind it",
    "alerts/views.py: board": "one dictionary for the page's script",
    "trailers/consumers.py: connect": "a handshake in steps that each may end it",
    "trailers/consumers.py: _hello": "as connect",
}
#: Reads the machine's own clock on purpose.
OWN_CLOCK = {"vault/keystore.py", "vault/recordkeys.py", "live/gateway/sessions.py"}
WRITES = re.compile(r"\.(save|create|bulk_create|bulk_update|update|delete|get_or_create|update_or_create)$")


def test_doors_open_no_transaction_write_no_entry_and_push_nothing() -> None:
    wrong = []
    for path, tree in modules().items():
        if is_door(path) and path not in AROUND_ALLAUTH:
            found = calls(tree) & (
                TRANSACTIONS | {"audit.record", "audit.commit", "realtime.push_on_commit", "realtime.push"}
            )
            wrong += [f"{path}: {call}" for call in found]
    assert wrong == []


def test_doors_are_thin() -> None:
    longer = {
        f"{path}: {node.name}"
        for path, tree in modules().items()
        if is_door(path)
        for node in functions(tree)
        if (node.end_lineno or node.lineno) - node.body[0].lineno + 1 > MOST_LINES
    }
    assert longer <= set(LONGER), "a door grew: move what it decides or does to its service"


def test_policies_and_selectors_only_read() -> None:
    wrong = [
        f"{path}: {call}"
        for path, tree in modules().items()
        if Path(path).stem in ("policies", "selectors")
        for call in calls(tree)
        if WRITES.search(call) and not call.startswith(("hashlib", "digest"))
    ]
    assert wrong == []


def test_nothing_is_forced() -> None:
    wrong = [
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "force" and isinstance(node.value, ast.Constant)
    ]
    assert set(wrong) <= FORCED_BY_DRF


def test_no_signals_thread_locals_generic_keys_or_sql_time_of_ours() -> None:
    for path, tree in modules().items():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & {"GenericForeignKey", "post_save", "pre_save", "post_delete"}, path
        assert "threading.local" not in calls(tree), path
        assert path in OWN_CLOCK or "datetime.now" not in calls(tree), (
            f"{path}: time comes from csoc.lib.clock"
        )


def test_files_have_one_subject() -> None:
    long = [path for path in modules() if len((ROOT / path).read_text("utf-8").splitlines()) > 420]
    assert long == []
    assert [path for path in modules() if Path(path).name in ("utils.py", "helpers.py", "common.py")] == []
