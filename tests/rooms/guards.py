"""Which routes are guarded, read from the addresses themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

from audit.guard import Guard

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def patterns(resolver: Any = None) -> Iterator[Any]:
    """Every URL pattern of the project."""
    for entry in (resolver or get_resolver()).url_patterns:
        if hasattr(entry, "url_patterns"):
            yield from patterns(entry)
        else:
            yield entry


def guards() -> dict[tuple[str, str], Guard]:
    """(route, method) -> its guard, for every method that goes through one."""
    return {
        (pattern.name, method): guard
        for pattern in patterns()
        for method, guard in _of_view(pattern.callback).items()
    }


def unguarded() -> set[tuple[str, str]]:
    """(route, method) of every method that a view takes without a guard; function views take ``*``."""
    return {
        (pattern.name, method)
        for pattern in patterns()
        for method in _taken(pattern.callback)
        if method not in _of_view(pattern.callback)
    }


def _of_view(view: Any) -> dict[str, Guard]:
    kind = _class_of(view)
    if kind is not None:
        found = {
            method: getattr(getattr(kind, method.lower(), None), "audit_guard", None) for method in METHODS
        }
        return {method: guard for method, guard in found.items() if guard is not None}
    guard = _wrapped_guard(view)
    if guard is None:
        return {}
    return dict.fromkeys(methods_named(view) & set(METHODS), guard)


def is_function(view: Any) -> bool:
    """Whether ``view`` is a guarded function."""
    return _class_of(view) is None and _wrapped_guard(view) is not None


def methods_named(view: Any) -> set[str]:
    """The methods that ``require_safe``, ``require_POST`` and their like let through to a function view."""
    while view is not None:
        names = getattr(getattr(view, "__code__", None), "co_freevars", ())
        if "request_method_list" in names:
            return set(view.__closure__[names.index("request_method_list")].cell_contents)
        view = getattr(view, "__wrapped__", None)
    return {"*"}


def _taken(view: Any) -> set[str]:
    kind = _class_of(view)
    if kind is not None:
        return {method for method in METHODS if hasattr(kind, method.lower())}
    return set() if _wrapped_guard(view) else {"*"}


def _class_of(view: Any) -> Any:
    while view is not None:
        kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
        if kind is not None:
            return kind
        view = getattr(view, "__wrapped__", None)
    return None


def _wrapped_guard(view: Any) -> Guard | None:
    while view is not None:
        guard: Guard | None = vars(view).get("audit_guard")
        if guard is not None:
            return guard
        view = getattr(view, "__wrapped__", None)
    return None
