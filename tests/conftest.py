"""The real servers under every test: one embedded PostgreSQL and Valkey for the whole run.

The first pytest process starts the servers and migrates one template database as csoc_owner. Each
xdist worker gets its own clone and its own Valkey database, and connects as csoc_app like the console
does. Nothing is ever flushed: the audit triggers refuse TRUNCATE.
"""

import itertools
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.plugin import blocking_manager_key

from csoc.embedded import ServerError
from tests.running import RunningConsole
from tests.servers import TestServers

os.environ["CSOC_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "csoc.settings"
os.environ.setdefault("CSOC_SECRET_KEY", secrets.token_hex(32))
os.environ.setdefault("CSOC_LOG_LEVEL", "WARNING")
# Every clone has its own small pool; 200 connections serve them all.
os.environ.setdefault("CSOC_POOL_MAX", "12")

_counter = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Servers first: Django reads its settings (and so the database's address) after this."""
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    try:
        servers = TestServers.attach() if worker != "main" else TestServers.start()
    except ServerError as error:
        pytest.exit(str(error), returncode=3)
    config.stash[_SERVERS] = servers
    if worker == "main" and getattr(config.option, "numprocesses", None):
        # This process only hands out tests. Its workers inherit its environment, and must not find Django's
        # settings there: they would be read before the worker's own database is known.
        del os.environ["DJANGO_SETTINGS_MODULE"]
    else:
        _prepare_worker(servers, worker)


def _prepare_worker(servers: TestServers, worker: str) -> None:
    """Give this process its database, Valkey number and data directory, then start Django on them."""
    database = f"t_{worker}"
    servers.home = database
    servers.clone(database)
    data = Path(tempfile.mkdtemp(prefix=f"csoc-{worker}-", dir=servers.scratch))
    (data / "static").mkdir()
    os.environ["CSOC_DATABASE_URL"] = servers.url("csoc_app", database)
    os.environ["CSOC_REDIS_URL"] = servers.redis_url(
        int(worker.removeprefix("gw")) if worker != "main" else 0
    )
    os.environ["CSOC_DATA_DIR"] = str(data)
    import django

    django.setup()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the servers stops them."""
    servers = config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.stop()


_SERVERS: pytest.StashKey[TestServers] = pytest.StashKey()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that may use the database may use both of its aliases."""
    for item in items:
        for marker in item.iter_markers("django_db"):
            kwargs: Any = marker.kwargs
            kwargs.setdefault("databases", ["default", "audit"])


@pytest.fixture(autouse=True)
def _entries_count_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside ``django_db`` nothing ever commits: there a guard counts an entry where it is written."""
    rolled_back = "db" in request.fixturenames or request.node.get_closest_marker("django_db")
    if not rolled_back or "own_database" in request.fixturenames:
        return
    from audit import context

    real = context.wrote
    monkeypatch.setattr(context, "wrote", lambda verb, _on_commit: real(verb, lambda count: count()))


@pytest.fixture(autouse=True)
def _no_count_comes_due(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are counted in memory and written every ten seconds: not by a test that has no database."""
    database = {"db", "own_database"} & set(request.fixturenames)
    if not database and not request.node.get_closest_marker("django_db"):
        from trailers import counters

        monkeypatch.setattr(counters, "FLUSH_EVERY_S", float("inf"))


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> TestServers:
    """The embedded servers: ``url(role, database)``, ``clone``, ``drop_database``, ``redis_url``."""
    return request.config.stash[_SERVERS]


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database is made before Django starts; there is nothing for Django to make or flush."""


def _close_everything() -> None:
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()


def _point_at(database: str) -> None:
    """Make both aliases, in every thread, use ``database`` from the next connection on."""
    from django.db import connections

    if connections.settings["default"]["NAME"] == database:
        return
    _close_everything()
    for alias in ("default", "audit"):
        connections.settings[alias]["NAME"] = database
        connections[alias].settings_dict["NAME"] = database


def _scene_template(servers: TestServers, blocker: Any) -> str:
    """Build the scene of `tests/scene.py` once in this process, committed, in a database to copy."""
    from django.db import connections, transaction

    from tests.scene import standing

    before = str(connections.settings["default"]["NAME"])
    name = f"{servers.home}_scene"
    if name not in _scenes:
        servers.clone(name)
        with blocker.unblock():
            _point_at(name)
            try:
                with transaction.atomic():
                    standing(Path(os.environ["CSOC_DATA_DIR"]))
            finally:
                _point_at(before)
        servers.clone(f"{name}_used", template=name)
        _scenes.add(name)
    return name


_scenes: set[str] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose the database before any fixture opens a transaction in it."""
    from django.db import connections

    servers, now = item.config.stash[_SERVERS], connections.settings["default"]["NAME"]
    if "scene_template" in item.fixturenames and "own_database" not in item.fixturenames:
        _point_at(f"{_scene_template(servers, item.config.stash[blocking_manager_key])}_used")
    elif now == f"{servers.home}_scene_used":
        _point_at(servers.home)


@pytest.fixture(scope="session")
def scene_template(servers: TestServers, django_db_blocker: Any) -> str:
    """Ask for it, and `standing()` finds its scene made: 20 ms instead of a second.

    Inside ``django_db`` the test runs in a copy that is rolled back to the scene; ``own_database`` copies it.
    """
    return _scene_template(servers, django_db_blocker)


@pytest.fixture
def own_database(
    request: pytest.FixtureRequest, servers: TestServers, django_db_blocker: Any
) -> Iterator[str]:
    """A fresh migrated database for a test that really commits; yields its name, dropped afterwards.

    Do not combine with ``django_db``. ``os.environ["CSOC_DATABASE_URL"]`` follows, for subprocesses.
    """
    from django.db import connections

    before = str(connections.settings["default"]["NAME"])
    before_url = os.environ["CSOC_DATABASE_URL"]
    name = f"{before}_{os.getpid()}_{next(_counter)}"
    with_scene = "scene_template" in request.fixturenames
    servers.clone(name, request.getfixturevalue("scene_template") if with_scene else None)
    os.environ["CSOC_DATABASE_URL"] = servers.url("csoc_app", name)
    with django_db_blocker.unblock():
        _point_at(name)
        try:
            yield name
        finally:
            _point_at(before)
            os.environ["CSOC_DATABASE_URL"] = before_url
            servers.drop_database(name)


@pytest.fixture
def clock() -> Iterator[Any]:
    """``csoc.lib.clock`` with a clean offset before and after: ``clock.shift(seconds)`` moves all of us."""
    from csoc.lib import clock as module

    module.shift(0)
    yield module
    module.shift(0)


@pytest.fixture
def data_dir() -> Path:
    """This worker's CSOC_DATA_DIR."""
    return Path(os.environ["CSOC_DATA_DIR"])


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """One real console with quiet trailers for a whole session: ``.url``, ``.info`` (run.json), ``.data``."""
    with RunningConsole(tmp_path_factory.mktemp("console") / "data") as running:
        yield running
