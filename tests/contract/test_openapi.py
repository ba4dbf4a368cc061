"""schemathesis over our OpenAPI document, as a signed trailer and as every role: what we say is what we do.

Each operation is asked with values that fit its schema and with values that do not. A finding that is no
fault stands in ``EXPLAINED`` with its reason; any other fails.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from tests.contract.place import Place
from tests.rooms.test_walk import ROLES

SCHEMA = "/api/v1/schema/"
#: Examples an operation and kind of data; the trailer's own routes are asked more.
DEVICE_EXAMPLES = 12
ROLE_EXAMPLES = 1
#: The rules of the contract that JSON Schema cannot say: a value of the right shape may still be refused.
RULES = (
    "whether a value is allowed depends on more than its shape: the key that signed, the deployment in force,"
    " the list, the clock, the listed words (trailer-api: order of checks); 422 with a code says which"
)

Finding = tuple[str, str, int]
#: (failure, operation, status) -> why it is none; "" stands for any operation, 0 for any status.
EXPLAINED: dict[Finding, str] = {
    ("RejectedPositiveData", "", 422): RULES,
    (
        "RejectedPositiveData",
        "",
        415,
    ): "a request without any body names no media type, and is refused for that",
    ("AcceptedNegativeData", "POST /api/v1/alerts/bulk/", 200): (
        "each alert of an array is judged by itself (trailer-api): the answer is 200 with a 422 in its row"
    ),
    ("RejectedPositiveData", "", 400): (
        "JSON Schema cannot say what strict JSON leaves out: control characters in texts and keys, numbers"
        " that no double holds, nesting over five levels (bad-json)"
    ),
}


@pytest.fixture(scope="module")
def document(standing_place: Place) -> dict[str, Any]:
    """The document as anybody gets it who is signed in."""
    answer = standing_place.person("supervisor").get(SCHEMA)
    assert answer.status_code == 200
    loaded = yaml.safe_load(answer.text)
    assert isinstance(loaded, dict)
    return loaded


def operations(document: dict[str, Any], *, device: bool) -> Iterator[Any]:
    """The trailers' operations (signed, and the enrolment before any key), or everybody else's.

    The tests sign and sign in by themselves, over whatever schemathesis would invent for that: so it gets
    the document without security. That an unsigned or signed-out request is refused is tested elsewhere.
    """
    bare = copy.deepcopy(document)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            of_device = {"trailerSignature": []} in operation.get("security", []) or path.endswith(
                "/enrolment/"
            )
            bare["paths"][path][method].pop("security", None)
            said = operation.get("requestBody", {}).get("content", {"application/json": {}})
            # A clip or a crop is made, not generated: test_media.py sends them.
            if of_device is not device or "application/json" not in said:
                del bare["paths"][path][method]
    bare["components"].pop("securitySchemes")
    for result in schemathesis.openapi.from_dict(bare).get_all_operations():
        yield result.ok()


Send = Callable[[requests.PreparedRequest], requests.PreparedRequest]


class Asker:
    """Sends cases as somebody, and collects what schemathesis finds."""

    def __init__(self, place: Place, sign: Send) -> None:
        self.place = place
        self.sign = sign
        self.session = requests.Session()
        self.session.trust_env = False
        self.findings: dict[Finding, str] = {}
        self.statuses: Counter[int] = Counter()
        self.slowest_s = 0.0

    def ask(self, case: Any) -> None:
        said = case.as_transport_kwargs(base_url=self.place.url)
        said.pop("timeout", None)
        prepared = self.session.prepare_request(requests.Request(**said))
        begun = time.monotonic()
        answer = self.session.send(self.sign(prepared), allow_redirects=False, timeout=30)
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._note(case, failure, answer)
        except Failure as failure:
            self._note(case, failure, answer)

    def _note(self, case: Any, failure: BaseException, answer: requests.Response) -> None:
        where = f"{case.operation.method.upper()} {case.operation.path}"
        finding = (type(failure).__name__, where, answer.status_code)
        said = " ".join(str(getattr(failure, "message", failure)).split())[:300]
        self.findings.setdefault(finding, f"{said} | {answer.text[:300]}")

    def unexplained(self) -> str:
        """One line for each finding that has no explanation: "" when there is none."""
        lines = []
        for (name, where, status), said in self.findings.items():
            keys = [(name, where, status), (name, where, 0), (name, "", status), (name, "", 0)]
            if not any(key in EXPLAINED for key in keys):
                lines.append(f"{name} at {where}: {status}: {said}")
        return "\n".join(lines)


def walk(asker: Asker, operation: Any, examples: int, **fixed: Any) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        strategy = operation.as_strategy(generation_mode=mode, **fixed)

        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=strategy)
        def ask(case: Any) -> None:
            asker.ask(case)

        # A request that carries nothing cannot be wrong: there is nothing to negate.
        with contextlib.suppress(Unsatisfiable):
            ask()


def test_as_a_signed_trailer(place: Place, document: dict[str, Any]) -> None:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if request.path_url.startswith("/api/v1/enrolment/"):
            return request
        body = request.body.encode() if isinstance(request.body, str) else request.body
        has_body = request.method in ("POST", "PUT", "PATCH")
        device = place.stranger if request.path_url == "/api/v1/keys/" else place.device
        signed = device.signer.headers(
            str(request.method), str(request.url), body=(body or b"") if has_body else None,
            created=int(time.time()), content_type=str(request.headers.get("Content-Type", "")),
        )  # fmt: skip
        request.headers.update(signed)
        return request

    asker = Asker(place, sign)
    asked = 0
    for operation in operations(document, device=True):
        asked += 1
        walk(asker, operation, DEVICE_EXAMPLES)
    assert asked >= 5
    assert not asker.unexplained(), asker.unexplained()
    assert asker.slowest_s < 2
    assert {200, 422} <= set(asker.statuses)


@pytest.mark.parametrize("role", ROLES)
def test_as_a_role(place: Place, document: dict[str, Any], role: str) -> None:
    person = place.person(role)
    alert = place.acknowledged()

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(person.token | {"Cookie": person.cookie, "Referer": place.url})
        return request

    asker = Asker(place, sign)
    for operation in operations(document, device=False):
        fixed = {"path_parameters": {"alert_id": alert}} if "{alert_id}" in operation.path else {}
        walk(asker, operation, ROLE_EXAMPLES, **fixed)
    assert not asker.unexplained(), asker.unexplained()
    assert asker.slowest_s < 2


def test_no_two_structs_share_a_name() -> None:
    """Of two structs with one name the document would know one, and lie about the other."""
    import msgspec

    seen: dict[str, str] = {}
    waiting = list(msgspec.Struct.__subclasses__())
    while waiting:
        struct = waiting.pop()
        waiting += struct.__subclasses__()
        if struct.__name__.endswith(("Wire", "Body")):
            assert seen.setdefault(struct.__name__, struct.__module__) == struct.__module__, struct.__name__


def test_every_explanation_says_why() -> None:
    assert all(len(reason.split()) > 5 for reason in EXPLAINED.values())


def test_the_document_names_every_device_route(document: dict[str, Any]) -> None:
    paths = set(document["paths"])
    assert {
        "/api/v1/alerts/", "/api/v1/alerts/bulk/", "/api/v1/desired/", "/api/v1/keys/", "/api/v1/enrolment/",
    } <= paths  # fmt: skip
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "4XX" in operation["responses"], f"{method} {path} says nothing of its refusals"
