"""One Chromium and one console for all browser tests; each test begins with an empty queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.driving import Person, Speaker
from tests.browser.desk import SWITCHES, Desk, GatewayDoor, chromium
from tests.browser.staff import staff
from tests.running import RunningConsole


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """Note a duration in milliseconds; all of them are printed at the end of the run."""
    told = request.node.user_properties
    return lambda what, took_ms: told.append(("measured", f"{what}: {took_ms:.0f} ms"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the tests measured, in whichever process they ran."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, line in report.user_properties if report.when == "call" else ():
            if name == "measured":
                terminalreporter.write_line(f"measured  {line}")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The browser that `console.py test` found, and no talk of its own to other hosts."""
    return {"executable_path": chromium(), "args": SWITCHES}


@pytest.fixture(scope="session")
def supervisor(console: RunningConsole) -> Iterator[Person]:
    """Dana Okafor over HTTP, without a screen."""
    person = Person(console.info, "supervisor")
    yield person
    person.http.close()


@pytest.fixture(scope="session")
def speaker(console: RunningConsole) -> Speaker:
    """A deployed trailer that says what a test wants."""
    return Speaker(console.info)


@pytest.fixture
def gateway(console: RunningConsole) -> Iterator[GatewayDoor]:
    """The media gateway behind the console."""
    door = GatewayDoor(console)
    yield door
    door.close()


@pytest.fixture
def empty(supervisor: Person) -> None:
    """Nothing is open when the test begins."""
    for alert in supervisor.get("/api/v1/live/snapshot/").json()["alerts"]:
        version = alert["version"]
        if alert["state"] == "unacknowledged":
            version = supervisor.acknowledge(alert["id"], version).json()["version"]
        assert supervisor.close(alert["id"], version).status_code == 200


@pytest.fixture
def simulate(supervisor: Person, empty: None) -> Callable[..., str]:
    """Make a simulated trailer raise a real signed alert; returns its id."""

    def raise_one(trailer: str, kind: str = "gunshot", **more: Any) -> str:
        answer = supervisor.post("/demo/simulate/", {"trailer": trailer, "kind": kind, **more})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    return raise_one


@pytest.fixture
def stands(console: RunningConsole, supervisor: Person) -> Iterator[str]:
    """What trailer 8 stands under, to be ended; afterwards it stands again, for the other tests."""
    rows = supervisor.get("/api/v1/deployments/").json()
    yield next(row["id"] for row in rows if row["trailer"] == "TRL-0008" and row["state"] == "active")
    staff(console, "deciders", "stand", 8)


@pytest.fixture
def desk(browser: Browser, console: RunningConsole, empty: None) -> Iterator[Callable[..., Desk]]:
    """Sit somebody down at a new screen; every screen is judged at the end."""
    desks: list[Desk] = []

    def sit(**more: Any) -> Desk:
        desks.append(Desk(browser, console, **more))
        return desks[-1]

    yield sit
    for one in desks:
        one.leave()
