"""Reading our own source: every module of the apps, parsed once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "audit", "vault", "trailers", "deployments", "alerts", "live")
DOORS = (
    "views", "api", "access", "consumers", "tasks", "device_api", "media_api", "demo", "signin", "doors",
    "list_api", "list_pages",
)  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """``alerts/api.py`` -> its tree, without migrations."""
    paths = [
        path for app in APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts
    ]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


def functions(tree: ast.AST) -> list[Function]:
    """Every function and method below ``tree``."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def calls(tree: ast.AST) -> set[str]:
    """What is called below ``tree``: ``audit.record``, ``_end``."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def strings(tree: ast.AST) -> set[str]:
    """Every string below ``tree``."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def is_door(path: str) -> bool:
    """Whether this module is a door by its name."""
    return Path(path).stem in DOORS or "/management/commands/" in path


def services() -> dict[str, ast.Module]:
    """The modules of every app that change state because somebody asked."""
    return {
        path: tree
        for path, tree in modules().items()
        if "/services" in path and not path.endswith("__init__.py")
    }
