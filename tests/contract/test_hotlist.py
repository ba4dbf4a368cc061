"""The trailer's download and the upload in pieces, over HTTP against a real console."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.hotlist import PlateList
from agent.signing import unb64url
from bench.driving import until
from tests.alerts.lists import file_of, manifest_of, pieces, row, rows
from tests.contract.place import Device, Place, own_place, resident, verdict


@pytest.fixture(scope="module")
def standing_place(
    servers: Any, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Place]:
    """A console of its own: these tests replace the list that other tests' hits stand on."""
    with own_place(servers, tmp_path_factory.mktemp("lists"), django_db_blocker) as made:
        yield made


LIST = "/api/v1/hotlist/"
UPLOADS = "/api/v1/hotlists/uploads/"
MARKER = "ZZMARK8"


def fetch(device: Device, query: str = "", **headers: str) -> Any:
    path = f"{LIST}{query}"
    signed = device.headers(path, None, method="GET")
    return device.place.http.get(path, headers={**signed, **headers})


def lines_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/jsonl", answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def bring(place: Place, version: int, lines: list[str], list_id: str = "mto-on") -> None:
    from tests.alerts.lists import bring as bring_in

    with place.inside():
        bring_in(place.scene.users["supervisor"], file_of(lines), list_id=list_id, version=version)


def version_now(place: Place) -> int:
    return int(place.sql("SELECT version FROM alerts_hotlist WHERE list_id = 'mto-on'")[0][0])


def holder(place: Place, folder: Path) -> PlateList:
    from trailers import consolekey

    [key] = consolekey.public_keys()
    return PlateList(folder, place.scene.trailer.name, {key["kid"]: unb64url(key["public_key"])})


def test_whole_difference_and_nothing_new_as_a_trailer_takes_them(place: Place, tmp_path: Path) -> None:
    base = [row(f"ZZDEM0{n}", reference=f"D-{n}") for n in range(1, 7)]
    extra = row("ZZEXTO1", reference="X-1", category="extortion_investigation")
    first = version_now(place) + 1
    bring(place, first, [*base, extra])
    held = holder(place, tmp_path)
    answer = fetch(place.device)
    head, *entries = lines_of(answer)
    assert (head["list_id"], head["from"], head["to"], head["adds"]) == ("mto-on", None, first, 6)
    assert set(entries[0]) == {"op", "e", "k", "j", "c", "p", "to"}
    assert "ZZEXTO1" not in answer.text and "X-1" not in answer.text and "D-1" not in answer.text
    held.take(iter(answer.text.splitlines()), answer.headers["etag"])
    again = fetch(place.device, f"?since={first}", **{"If-None-Match": held.etag or ""})
    assert again.status_code == 304 and again.content == b""

    bring(place, first + 3, [*base[1:], row("ZZNEW07", reference="N-1"), extra])
    answer = fetch(place.device, f"?since={first}", **{"If-None-Match": held.etag or ""})
    head = lines_of(answer)[0]
    assert (head["from"], head["to"], head["adds"], head["dels"]) == (first, first + 3, 1, 1)
    held.take(iter(answer.text.splitlines()), answer.headers["etag"])
    whole = lines_of(fetch(place.device))
    assert whole[0]["sha256_full"] == head["sha256_full"] and len(held) == whole[0]["adds"] == 6
    for since in ("1", str(first + 99), ""):
        query = f"?since={since}" if since else ""
        assert lines_of(fetch(place.device, query))[0]["from"] is None
    assert place.entries("hotlist.download")[-1]["outcome"]["n"] == 6


def test_what_was_published_over_two_days_ago_comes_whole(place: Place, clock: Any) -> None:
    base = [row(f"ZZAGE0{n}", reference=f"A-{n}") for n in range(6)]
    first = version_now(place) + 1
    bring(place, first, base)
    fetch(place.device)
    bring(place, first + 1, base[1:])
    assert lines_of(fetch(place.device, f"?since={first}"))[0]["from"] == first
    clock.shift(46.1 * 3600)
    assert lines_of(fetch(place.device, f"?since={first}"))[0]["from"] is None


def test_a_slow_reader_waits_outside_the_memory_and_a_trailer_has_one_download(place: Place) -> None:
    """Over 23 MB for a reader that reads nothing: it makes a page, and what the kernel takes."""
    assert fetch(place.device).status_code == 200
    hotlist, version = place.sql("SELECT id, version FROM alerts_hotlist WHERE list_id = 'mto-on'")[0]
    place.sql(
        "INSERT INTO alerts_hotlistentry (hotlist_id, entry_id, plate, jurisdiction, category, reference, "
        "action, valid_to, added_in, touched_in) SELECT %s, 'zz-' || n, 'ZZ' || n, 'CA-ON', "
        "'stolen_vehicle', 'R', '', now() + interval '1 day', %s, %s "
        "FROM generate_series(100000, 299999) AS n",
        [hotlist, version, version],
    )
    try:
        before = resident(place)
        told = place.device.headers(LIST, None, method="GET") | {"Host": place.authority}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        with contextlib.closing(socket.socket()) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            line.connect(("127.0.0.1", place.port))
            line.sendall(f"GET {LIST} HTTP/1.1\r\n{lines}\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 200")
            answers = [fetch(place.device) for _again in range(60)]
            assert {verdict(answer) for answer in answers} == {(429, "slow-down")}
            assert answers[0].headers["retry-after"]
            assert resident(place) - before < 12_000_000
        until(lambda: fetch(place.device).status_code == 200, 10, "the place, when the reader is gone")
        whole = fetch(place.device)
        assert len(whole.content) > 23_000_000, "and after a download that came to its end"
    finally:
        place.sql("DELETE FROM alerts_hotlistentry WHERE entry_id LIKE 'zz-%%'")


def test_who_gets_no_list(place: Place) -> None:
    assert verdict(fetch(place.device, "?since=x")) == (422, "schema")
    for name in ("nobody", "%00", "mto-on%00", "%ED%A0%80", "MTO-ON", "a", "x" * 500):
        assert verdict(fetch(place.device, f"?list={name}")) == (404, "not-found"), name
    for since in ("9e99", "9" * 31, "-1", "%00"):
        assert verdict(fetch(place.device, f"?since={since}")) == (422, "schema"), since
    assert verdict(place.http.get(LIST)) == (401, "bad-signature")


def put(browser: Any, upload: str, number: int, raw: bytes, digest: bytes | None = None) -> Any:
    told = base64.b64encode(hashlib.sha256(raw if digest is None else digest).digest()).decode()
    headers = browser.token | {
        "Content-Digest": f"sha-256=:{told}:", "Content-Type": "application/octet-stream",
    }  # fmt: skip
    return browser.http.put(f"{UPLOADS}{upload}/{number}/", content=raw, headers=headers)


def test_a_list_comes_in_pieces_and_goes_on_where_it_stopped(place: Place) -> None:
    omar, file = place.person("supervisor"), file_of(rows(300))
    told = json.loads(manifest_of(file, list_id="pieces-on"))
    began = omar.post(UPLOADS, told)
    assert began.status_code == 201, began.text
    upload = began.json()["upload"]
    cut = pieces(file, 9000)
    assert put(omar, upload, 0, cut[0]).json()["next"] == 1
    assert verdict(put(omar, upload, 1, cut[1], digest=b"other")) == (400, "bad-digest")
    assert verdict(place.person("technician").get(f"{UPLOADS}{upload}/")) == (403, "not-permitted")
    going_on = omar.get(f"{UPLOADS}{upload}/").json()["next"]
    for number, raw in enumerate(cut[going_on:], going_on):
        assert put(omar, upload, number, raw).status_code == 200
    assert omar.post(f"{UPLOADS}{upload}/finish/").json()["state"] == "published"
    page = omar.get("/hotlists/").text
    assert "pieces-on" in page and "ZZ00001" not in page


def test_nothing_of_a_refused_upload_is_anywhere(place: Place) -> None:
    omar, file = place.person("supervisor"), file_of([row(MARKER), row(MARKER, category="x")])
    upload = omar.post(UPLOADS, json.loads(manifest_of(file, list_id="gone-on"))).json()["upload"]
    assert put(omar, upload, 0, file).status_code == 200
    answer = omar.post(f"{UPLOADS}{upload}/finish/")
    assert verdict(answer) == (422, "rows-broken")
    assert answer.json()["lines"] == [{"line": 3, "code": "category"}] and MARKER not in answer.text
    form = {"manifest": ("m.json", manifest_of(file, list_id="gone-on")), "file": ("l.csv", file)}
    shown = omar.http.post("/hotlists/import/", files=form, headers=omar.token)
    assert shown.status_code == 422 and "category" in shown.text and MARKER not in shown.text
    assert place.found(MARKER) == []


def test_a_second_person_lets_a_shrunk_list_through_on_the_page(place: Place) -> None:
    omar, noor = place.person("supervisor"), place.person("supervisor-2")
    bring(place, 1, rows(20), "shrink-on")
    file = file_of(rows(3))
    told = json.loads(manifest_of(file, list_id="shrink-on", version=2))
    upload = omar.post(UPLOADS, told).json()["upload"]
    put(omar, upload, 0, file)
    assert omar.post(f"{UPLOADS}{upload}/finish/").status_code == 202
    page = f"/hotlists/uploads/{upload}/"
    assert "another supervisor decides" in omar.get(page).text
    shown = noor.get(page).text
    assert "85 %" in shown and 'value="20"' in shown
    form = {"before": "20"}
    own = omar.http.post(f"{page}approve/", data=form, headers=omar.token)
    assert own.status_code == 403
    assert noor.http.post(f"{page}approve/", data=form, headers=noor.token).status_code == 302
    assert place.sql("SELECT version FROM alerts_hotlist WHERE list_id = 'shrink-on'") == [(2,)]
    assert noor.http.post(f"{page}approve/", data=form, headers=noor.token).status_code == 409
