"""Rule 2: what changes state takes a keyword-only ``actor`` and leaves an entry; nobody else writes one."""

from __future__ import annotations

import ast

from tests.rooms.source import calls, functions, modules, services, strings

#: Functions of services without an actor of their own, each with the reason.
WITHOUT_ACTOR = {
    "end_with_alert": "domain event: runs in the closing person's act, as whom it records",
    "end_with_hand_back": "domain event of hand_back_alert",
    "end_with_deployment": "domain event of deactivate_deployment",
    "end_with_right": "domain event of set_roles, leave_staff, close_sign_in and reset_second_factor",
    "end_with_sign_in": "domain event of signing out",
    "end_with_key": "domain event of revoke_key",
    "delete_detail_of": "called by the purge, whose run is the entry",
    "delete_removed_entries": "called by the purge, whose run is the entry",
    "oldest_detail": "reads, for the purge's watchdog",
    "decoded_key": "turns text into bytes",
    "decoded": "turns text into bytes",
    "acting": "names the actor of what runs inside",
}
#: Modules beside services that write entries, each with the reason.
WRITERS = {
    "alerts/fastpath.py": "the one statement of intake, for receive_alert and receive_alerts",
    "alerts/refusals.py": "entries of counted refusals and owed entries",
    "alerts/handoff/sending.py": "what became of a hand-off, by the receiver's answer",
    "alerts/handing_out.py": "a trailer fetches a list: committed before its first line leaves",
    "alerts/staging.py": "a person stages an alert in a demonstration",
    "trailers/reports.py": "how a command ended, as its trailer says",
    "deployments/parts/ending.py": "how a deployment ends and a consent is taken back, for several services",
    "deployments/parts/switching.py": "a renewal takes over, for the authorisation",
    "accounts/rights.py": "roles given and taken, for the services of people and of their sign-ins",
    "accounts/cast.py": "the demonstration's people set up their factor",
    "accounts/adapter.py": "what django-allauth does for us",
    "audit/guard.py": "views",
    "audit/census.py": "the log's own census",
}
ENTRY = {"audit.record", "audit.commit", "commit", "record", "rights.record_roles", "end", "take_back"}


def public() -> list[tuple[str, ast.FunctionDef, ast.Module]]:
    return [
        (path, node, tree)
        for path, tree in services().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def test_there_are_services() -> None:
    assert len(public()) > 40


def test_every_service_is_keyword_only_with_an_actor() -> None:
    wrong = [
        f"{path}: {node.name}"
        for path, node, _tree in public()
        if node.name not in WITHOUT_ACTOR
        and (
            "actor" not in {arg.arg for arg in node.args.kwonlyargs}
            or node.args.args
            or node.args.posonlyargs
        )
    ]
    assert wrong == []
    assert set(WITHOUT_ACTOR) <= {node.name for _path, node, _tree in public()}, "the list is out of date"


def reaches_entry(name: str, tree: ast.Module, seen: frozenset[str] = frozenset()) -> bool:
    """Whether the function, or one of the same module that it calls, writes an entry."""
    bodies = [node for node in functions(tree) if node.name == name]
    called = {call for body in bodies for call in calls(body)}
    if called & ENTRY:
        return True
    inside = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} & called
    return any(reaches_entry(other, tree, seen | {name}) for other in inside - seen)


def test_every_service_leaves_an_entry() -> None:
    silent = [
        f"{path}: {node.name}"
        for path, node, tree in public()
        if node.name not in WITHOUT_ACTOR and not reaches_entry(node.name, tree)
    ]
    assert silent == []


def test_only_named_modules_write_entries() -> None:
    writers = {
        path
        for path, tree in modules().items()
        if calls(tree) & {"audit.record", "audit.commit", "audit.body"}
        or (path.startswith("audit/") and "commit" in calls(tree))
    }
    strangers = writers - set(services()) - set(WRITERS)
    assert strangers == set()


def test_services_never_see_a_request_and_never_call_each_other() -> None:
    names = {node.name for _path, node, _tree in public()} - set(WITHOUT_ACTOR)
    for path, node, _tree in public():
        if not path.startswith("accounts/services/signing_in"):
            arguments = {arg.annotation and ast.unparse(arg.annotation) for arg in node.args.kwonlyargs}
            assert not arguments & {"HttpRequest", "Request"}, f"{path}: {node.name}"
        called = {call.removeprefix("services.") for call in calls(node)}
        assert not called & names, f"{path}: {node.name} calls {called & names}"


def test_the_inbox_is_written_in_two_places_and_bodies_are_made_in_three() -> None:
    """``audit.body`` is for a statement that inserts by itself: intake, an erasure, the publisher's role."""
    inserts = {
        p for p, tree in modules().items() if any("INTO audit_inbox" in text for text in strings(tree))
    }
    assert inserts == {"audit/record.py", "alerts/fastpath.py"}
    makers = {path for path, tree in modules().items() if calls(tree) & {"body", "audit.body"}}
    assert makers == {"alerts/fastpath.py", "audit/erasure.py", "audit/publisher.py"}


def test_a_media_token_exists_only_beside_an_entry() -> None:
    for path, tree in modules().items():
        for node in functions(tree):
            if "MediaToken.objects.create" in calls(node):
                assert "audit.media_token" in calls(node), f"{path}: {node.name}"
