"""Clips and crops: each row of the contract, over HTTP and really signed, and what people get of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from agent import plates, sounds
from agent.media import Media, clip, crop
from bench.driving import until
from tests.alerts import crafted
from tests.contract.place import ALERTS, Device, Place, code, resident, verdict

MARKER = b"MARKER-OF-A-CLIP-9Z"
TYPES = {"clip": "audio/wav", "crop": "image/jpeg"}
MINUTE = 60


def shots(seed: int = 1, rounds: int = 2) -> Media:
    return clip(sounds.shots(seed, rounds, 400), 16_000)


def picture(seed: int = 1, plate: str = "ZZDEM01") -> Media:
    return crop(plates.crop(seed, plate), plates.WIDTH, plates.HEIGHT)


def announced(place: Place, media: Media, **changes: Any) -> dict[str, Any]:
    """An alert that announces it; ``changes`` replace members of the notice."""
    body = place.gunshot() if media.kind == "clip" else place.hit()
    body[body["kind"]][media.kind] = media.notice() | changes
    return body


def put(
    place: Place, alert: str, media: Media, *, device: Device | None = None, data: bytes | None = None,
    media_type: str = "", headers: dict[str, str] | None = None,
) -> httpx.Response:  # fmt: skip
    path = f"{ALERTS}{alert}/{media.kind}"
    raw = media.data if data is None else data
    signed = (device or place.device).headers(path, raw, "PUT", content_type=media_type or TYPES[media.kind])
    return place.http.put(path, content=raw, headers=signed | (headers or {}))


def posted(place: Place, media: Media, **changes: Any) -> str:
    return str(place.accepted(announced(place, media, **changes))["id"])


def taken(place: Place, alert: str) -> None:
    answer = place.person("dispatcher").post(f"{ALERTS}{alert}/acknowledge/", {"version": 1})
    assert answer.status_code == 200, answer.text


def detail(place: Place, alert: str, role: str = "dispatcher") -> dict[str, Any]:
    answer = place.person(role).get(f"{ALERTS}{alert}/detail/")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# --- the answer to the alert ---------------------------------------------------------------------


@pytest.mark.parametrize("media", [shots(), picture()], ids=["clip", "crop"])
def test_an_alert_that_announces_is_told_where_and_until_when(place: Place, media: Media) -> None:
    body = announced(place, media)
    first = place.device.post(body)
    upload = first.json()["upload"]
    assert upload[media.kind] == f"/api/v1/alerts/{body['id']}/{media.kind}"
    assert upload["until"] > first.json()["received_at"] and upload["until"].endswith("Z")
    assert set(upload) == {media.kind, "until"}
    assert put(place, body["id"], media).status_code == 201
    again = place.device.post(body)
    assert (again.status_code, again.content) == (200, first.content)


def test_an_alert_that_announces_nothing_has_nowhere_to_put_it(place: Place) -> None:
    said = place.accepted()
    assert said["upload"] is None
    assert verdict(put(place, said["id"], shots())) == (404, "not-found")


def test_past_its_hours_key_an_alert_takes_no_upload(place: Place, clock: Any) -> None:
    body = announced(place, shots())
    clock.shift(48 * 3600 - 20)
    assert place.accepted(body)["upload"] is None
    assert verdict(put(place, body["id"], shots())) == (410, "too-old")


# --- the rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", [shots(3), picture(3)], ids=["clip", "crop"])
def test_kept_once_repeated_and_never_replaced(place: Place, media: Media) -> None:
    alert = posted(place, media)
    assert [put(place, alert, media).status_code for _ in range(3)] == [201, 200, 200]
    other = shots(4) if media.kind == "clip" else picture(4)
    assert verdict(put(place, alert, other)) == (409, "id-conflict")
    assert place.sql("SELECT count(*) FROM alerts_alertmedia WHERE alert_id = %s", [alert]) == [(1,)]
    [entry] = place.entries(f"{media.kind}.receive", alert)
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == ("trailer", place.scene.trailer.name)


@pytest.mark.parametrize("media", [shots(5), picture(5)], ids=["clip", "crop"])
def test_it_must_be_the_announced_bytes(place: Place, media: Media) -> None:
    for changes in ({"sha256": "0" * 64}, {"bytes": len(media.data) + 2}):
        alert = posted(place, media, **changes)
        assert verdict(put(place, alert, media)) == (409, "id-conflict"), changes
        assert place.sql("SELECT 1 FROM alerts_alertmedia WHERE alert_id = %s", [alert]) == []


def test_the_other_kind_was_not_announced(place: Place) -> None:
    assert verdict(put(place, posted(place, shots()), picture())) == (404, "not-found")
    assert verdict(put(place, posted(place, picture()), shots())) == (404, "not-found")


@pytest.mark.parametrize("media", [shots(6), picture(6)], ids=["clip", "crop"])
def test_fifteen_minutes_and_not_more(place: Place, clock: Any, media: Media) -> None:
    late, in_time = posted(place, media), posted(place, media)
    clock.shift(15 * MINUTE - 20)
    assert put(place, in_time, media).status_code == 201
    clock.shift(15 * MINUTE + 5)
    assert verdict(put(place, late, media)) == (410, "too-old")
    assert verdict(put(place, in_time, media)) == (410, "too-old"), "a repeat as well"


def test_an_id_that_is_nobodys_and_one_that_is_anothers(place: Place) -> None:
    assert verdict(put(place, "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978", shots())) == (404, "not-found")
    alert = posted(place, shots())
    assert verdict(put(place, alert, shots(), device=place.stranger)) == (403, "wrong-trailer")
    assert verdict(place.http.put(f"{ALERTS}x/clip", content=b"x")) == (404, "not-found")


def test_an_ended_deployment_takes_nothing_more(place: Place) -> None:
    """On a trailer of its own, that nobody needs afterwards."""
    from accounts.services import acting
    from deployments.services import deactivate_deployment

    leaving = place.leaving
    device = place._device(leaving)
    body = dict(leaving.gunshot())
    body["gunshot"]["clip"] = shots(7).notice()
    assert device.post(body).status_code == 201
    boss = leaving.users["supervisor"]
    with place.inside(), acting(boss):
        deactivate_deployment(actor=boss, deployment_id=leaving.deployment.pk)
    assert verdict(put(place, body["id"], shots(7), device=device)) == (403, "not-deployed")


# --- before anything is looked at -----------------------------------------------------------------


def test_the_order_of_checks(place: Place) -> None:
    """Size, media type, signature, digest, and only then the alert."""
    media = shots()
    alert = posted(place, media)
    path = f"{ALERTS}{alert}/clip"
    unsigned = {"Content-Type": "audio/wav"}
    assert verdict(place.http.put(path, content=bytes(960_045), headers=unsigned)) == (413, "too-large")
    assert verdict(place.http.put(path, content=b"x", headers={"Content-Type": "audio/flac"})) == (
        415,
        "media-type",
    )
    assert verdict(place.http.put(path, content=b"x", headers=unsigned)) == (401, "bad-signature")
    headers = place.device.headers(path, media.data, "PUT", content_type="audio/wav")
    assert verdict(place.http.put(path, content=media.data[:-2] + b"zz", headers=headers)) == (
        400,
        "bad-digest",
    )
    crop_path = f"{ALERTS}{alert}/crop"
    assert verdict(
        place.http.put(crop_path, content=bytes(100_001), headers={"Content-Type": "image/jpeg"})
    ) == (413, "too-large")
    for method in ("GET", "POST", "DELETE"):
        signed = place.device.headers(path, b"" if method == "POST" else None, method)
        assert place.http.request(method, path, headers=signed).status_code == 405, method


def test_a_length_must_be_told(place: Place) -> None:
    media = shots()
    path = f"{ALERTS}{posted(place, media)}/clip"
    headers = place.device.headers(path, media.data, "PUT", content_type="audio/wav")

    def pieces() -> Any:
        yield media.data

    assert verdict(place.http.put(path, content=pieces(), headers=headers)) == (413, "too-large")
    told = headers | {"Host": place.authority, "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    with socket.create_connection(("127.0.0.1", place.port), 10) as line:
        line.sendall(f"PUT {path} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_in_parts_or_packed_is_refused(place: Place) -> None:
    media = shots()
    alert = posted(place, media)
    assert verdict(put(place, alert, media, media_type="multipart/form-data; boundary=x")) == (
        415,
        "media-type",
    )
    packed = put(place, alert, media, headers={"Content-Encoding": "gzip"})
    assert verdict(packed) == (415, "media-type")


# --- what is refused leaves nothing ------------------------------------------------------------------


def marked() -> Media:
    """A clip with a marker among its samples, and more than its header says."""
    data = crafted.pcm(crafted.shot_at([2.0], 3.0))
    return clip(crafted.with_head(data, data_size=len(data) - 40)[:-40] + MARKER.ljust(40, b"!"), 16_000)


def test_a_refused_clip_leaves_the_alert_its_code_and_nothing_else(place: Place) -> None:
    media = marked()
    alert = posted(place, media)
    before = len(place.entries("clip.refuse", alert))
    answer = put(place, alert, media)
    assert verdict(answer) == (422, "clip-size")
    assert verdict(put(place, alert, media)) == (422, "clip-size"), "the same again is the same refusal"
    assert place.found(MARKER.decode()) == []
    assert place.sql("SELECT code, sealed, facts FROM alerts_alertmedia WHERE alert_id = %s", [alert]) == [
        ("clip-size", None, None)
    ]
    rows = place.person("dispatcher").get("/api/v1/live/snapshot/").json()["alerts"]
    [row] = [row for row in rows if row["id"] == alert]
    assert (row["state"], row["flags"], row["version"]) == ("unacknowledged", ["clip-refused"], 2)
    told = detail(place, alert)["clip"]
    assert (told["state"], told["code"]) == ("refused", "clip-size") and told["reason"]
    assert "its sizes do not agree" in place.person("dispatcher").get(f"{ALERTS}{alert}/timeline/").text
    [entry] = place.entries("clip.refuse", alert)[before:]
    assert entry["outcome"] == {"result": "denied", "code": "clip-size"}
    assert verdict(place.person("dispatcher").get(f"{ALERTS}{alert}/clip/")) == (404, "not-found")


def test_refusals_are_counted_by_trailer_and_code(place: Place) -> None:
    before = place.refusals("clip-rate")
    wide = crafted.with_head(crafted.pcm(crafted.shot_at([2.0], 3.0, rate=48_000)), rate=48_000)
    media = clip(wide, 48_000)
    assert verdict(put(place, posted(place, media), media)) == (422, "clip-rate")
    assert place.refusals("clip-rate") == before + 1


def test_speech_is_refused_and_stands_nowhere(place: Place) -> None:
    said = crafted.over(crafted.shot_at([2.0], 3.0), crafted.speech(3.0), -6)
    media = clip(crafted.with_head(crafted.pcm(said)), 16_000)
    alert = posted(place, media)
    assert verdict(put(place, alert, media)) == (422, "clip-voice")
    assert place.sql("SELECT sealed FROM alerts_alertmedia WHERE alert_id = %s", [alert]) == [(None,)]


def jpeg(size: tuple[int, int], **more: Any) -> bytes:
    kept = io.BytesIO()
    Image.effect_noise(size, 40).convert(more.pop("mode", "RGB")).save(kept, "JPEG", **more)
    return kept.getvalue()


def gif() -> bytes:
    kept = io.BytesIO()
    Image.new("P", (300, 100)).save(kept, "GIF")
    return kept.getvalue()


CROPS = [
    ("not the announced size", jpeg((300, 101)), "crop-size"),
    ("another format", gif(), "crop-format"),
    ("a PNG head", b"\x89PNG\r\n\x1a\n" + bytes(200), "crop-format"),
    ("cut off", jpeg((300, 100))[:900], "crop-broken"),
    ("only a head", b"\xff\xd8\xff\xe0" + bytes(60), "crop-broken"),
    ("thousands of scans", jpeg((300, 100)) + b"\xff\xda\x00\x08" * 5000, "crop-format"),
]


@pytest.mark.parametrize(("data", "why"), [row[1:] for row in CROPS], ids=[row[0] for row in CROPS])
def test_what_is_no_small_plain_jpeg_is_refused(place: Place, data: bytes, why: str) -> None:
    media = crop(data, 300, 100)
    alert = posted(place, media)
    assert verdict(put(place, alert, media)) == (422, why)
    taken(place, alert)
    told = detail(place, alert)["crop"]
    assert (told["state"], told["code"]) == ("refused", why)


def test_of_a_crop_only_the_pixels_are_kept(place: Place) -> None:
    exif = Image.Exif()
    exif[0x010E] = MARKER.decode()
    data = jpeg((300, 100), exif=exif, comment=MARKER) + MARKER
    assert data.count(MARKER) == 3
    media = crop(data, 300, 100)
    alert = posted(place, media)
    assert put(place, alert, media).status_code == 201
    taken(place, alert)
    shown = place.person("dispatcher").get(f"{ALERTS}{alert}/crop/").content
    assert MARKER not in shown
    image = Image.open(io.BytesIO(shown))
    assert (image.format, image.size, dict(image.getexif()), image.info.get("comment")) == (
        "JPEG",
        (300, 100),
        {},
        None,
    )


# --- what people get ----------------------------------------------------------------------------------


@pytest.mark.parametrize("media", [shots(11), picture(11)], ids=["clip", "crop"])
def test_a_person_gets_it_after_an_entry_and_nobody_keeps_it(place: Place, media: Media) -> None:
    alert = posted(place, media)
    verb = {"clip": "clip.play", "crop": "crop.view"}[media.kind]
    assert detail(place, alert)[media.kind]["state"] == "awaited"
    put(place, alert, media)
    told = detail(place, alert)[media.kind]
    assert (told["state"], told["url"]) == ("kept", f"{ALERTS}{alert}/{media.kind}/")
    assert "sha256" not in told
    answer = place.person("dispatcher").get(told["url"], headers={"Accept": TYPES[media.kind]})
    assert answer.status_code == 200, answer.text
    if media.kind == "clip":
        assert answer.content == media.data
        assert (told["duration_ms"], round(told["onset_ms"], -2), len(told["wave"])) == (3400, 2000, 110)
    assert answer.headers["content-type"] == TYPES[media.kind]
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    [entry] = place.entries(verb, alert)
    assert entry["outcome"] == {"result": "allowed", "bytes": len(answer.content)}
    for role, status in (
        ("supervisor", 200),
        ("technician", 403),
        ("investigator", 403),
        ("privacy-officer", 403),
    ):
        assert place.person(role).get(told["url"]).status_code == status, role
    assert {row["outcome"]["result"] for row in place.entries(verb, alert)} == {"allowed", "denied"}


def test_sealed_where_it_stands(place: Place) -> None:
    media = shots(12)
    alert = posted(place, media)
    put(place, alert, media)
    [(sealed, facts)] = place.sql("SELECT sealed, facts FROM alerts_alertmedia WHERE alert_id = %s", [alert])
    assert media.data[44:200] not in bytes(sealed) and b"duration" not in bytes(facts)
    [(epoch, captured)] = place.sql(
        "SELECT m.epoch, date_trunc('hour', a.occurred_at) FROM alerts_alertmedia m "
        "JOIN alerts_alert a ON a.id = m.alert_id WHERE a.id = %s", [alert],
    )  # fmt: skip
    assert epoch == captured
    assert place.found(hashlib.sha256(media.data).hexdigest()) == []


def test_a_rejected_plate_has_no_crop_from_that_moment_on(place: Place) -> None:
    media = picture(13)
    alert = posted(place, media)
    put(place, alert, media)
    taken(place, alert)
    dana = place.person("dispatcher")
    assert dana.get(f"{ALERTS}{alert}/crop/").status_code == 200
    assert (
        dana.post(f"{ALERTS}{alert}/verify-plate/", {"decision": "reject", "version": 2}).status_code == 200
    )
    assert place.sql("SELECT 1 FROM alerts_alertmedia WHERE alert_id = %s", [alert]) == []
    assert verdict(dana.get(f"{ALERTS}{alert}/crop/")) == (404, "not-found")
    assert verdict(put(place, alert, media)) == (410, "too-old")


def test_rejected_before_it_came_it_is_not_taken_any_more(place: Place) -> None:
    media = picture(14)
    alert = posted(place, media)
    taken(place, alert)
    place.person("dispatcher").post(f"{ALERTS}{alert}/verify-plate/", {"decision": "reject", "version": 2})
    assert verdict(put(place, alert, media)) == (410, "too-old")


def test_at_48_hours_nothing_of_it_can_be_had(place: Place, clock: Any) -> None:
    media = shots(15)
    alert = posted(place, media)
    put(place, alert, media)
    clock.shift(48 * 3600)
    place.forget("dispatcher")
    dana = place.person("dispatcher")
    assert verdict(dana.get(f"{ALERTS}{alert}/clip/")) == (410, "detail-expired")
    place.forget("dispatcher")


def test_another_agencys_is_not_there(place: Place) -> None:
    media = shots(16)
    alert = posted(place, media)
    put(place, alert, media)
    place.sql("INSERT INTO accounts_agency (code, name) VALUES ('OTHER', 'Elsewhere') ON CONFLICT DO NOTHING")
    other = place.sql("SELECT id FROM accounts_agency WHERE code = 'OTHER'")[0][0]
    place.sql("UPDATE alerts_alert SET agency_id = %s WHERE id = %s", [other, alert])
    assert verdict(place.person("dispatcher").get(f"{ALERTS}{alert}/clip/")) == (404, "not-found")


# --- bounded --------------------------------------------------------------------------------------------


def test_many_clips_at_once_stay_in_bounds_and_alerts_come_in_between(place: Place) -> None:
    """The longest clips of this rate, 16 at once: taken, or told to come again; within 100 MB."""
    media = clip(crafted.with_head(crafted.pcm(crafted.shot_at([2.0, 5.0, 9.0], 10.0))), 16_000)
    alerts = [posted(place, media) for _ in range(16)]
    before = resident(place)
    answers: list[httpx.Response] = []

    def send(alert: str) -> None:
        with httpx.Client(base_url=place.url, timeout=60, trust_env=False) as http:
            path = f"{ALERTS}{alert}/clip"
            headers = place.device.headers(path, media.data, "PUT", content_type="audio/wav")
            answers.append(http.put(path, content=media.data, headers=headers))

    threads = [threading.Thread(target=send, args=(alert,)) for alert in alerts]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads):
        answer = place.device.post(place.gunshot())
        assert answer.status_code == 201, answer.text
        took.append(answer.elapsed.total_seconds())
    for thread in threads:
        thread.join()
    statuses = [answer.status_code for answer in answers]
    assert len(statuses) == 16 and set(statuses) <= {201, 503} and 201 in statuses, statuses
    for answer in answers:
        if answer.status_code == 503:
            assert code(answer) == "unavailable" and answer.headers["retry-after"]
    assert resident(place) - before < 100_000_000
    assert sorted(took)[len(took) // 2] < 2.0, took
    # No place is left taken: every one comes again and is kept.
    assert {put(place, alert, media).status_code for alert in alerts} <= {200, 201}


def test_strangers_bodies_take_no_room_of_the_trailers(place: Place) -> None:
    """What nobody signed fills its own room; whatever a trailer signed is read as if nobody was there."""
    from csoc.server import MAX_BULK_BODY_BYTES, MAX_CLIP_BODY_BYTES, MAX_CLIPS_BYTES, MAX_STRANGERS_BYTES

    path, bulk = f"{ALERTS}0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978/clip", f"{ALERTS}bulk/"
    big = clip(bytes(MAX_CLIP_BODY_BYTES), 48_000)
    forged = place.device.headers(path, big.data, "PUT", content_type="audio/wav")
    forged["Signature"] = f"sig1=:{'A' * 86}==:"

    def begun(stack: contextlib.ExitStack, each: int, count: int, told: dict[str, str], what: str) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        head = f"{what} HTTP/1.1\r\nHost: x\r\nContent-Length: {each}\r\n{lines}\r\n"
        for _ in range(count):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", place.port), 10))
            line.sendall(head.encode() + bytes(each - 1))

    with contextlib.ExitStack() as stack:
        count = MAX_CLIPS_BYTES // MAX_CLIP_BODY_BYTES + 1
        begun(stack, MAX_CLIP_BODY_BYTES, count, forged, f"PUT {path}")
        begun(stack, MAX_BULK_BODY_BYTES, MAX_STRANGERS_BYTES // MAX_BULK_BODY_BYTES + 1, {}, f"POST {bulk}")

        def full(ask: Callable[[], httpx.Response]) -> bool:
            answer = ask()
            if answer.status_code == 503:
                return verdict(answer) == (503, "unavailable") and bool(answer.headers["retry-after"])
            # Our own question took the place of one that was refused for it: another comes.
            begun(stack, MAX_CLIP_BODY_BYTES, 1, forged, f"PUT {path}")
            return False

        until(
            lambda: full(lambda: place.http.put(path, content=big.data, headers=forged)), 20, "no clip more"
        )
        media_type = {"Content-Type": "application/json"}
        until(
            lambda: full(lambda: place.http.post(bulk, content=bytes(1_000_000), headers=media_type)),
            20, "no catch-up more",
        )  # fmt: skip
        assert verdict(put(place, posted(place, shots()), big)) == (409, "id-conflict"), "it was read"
        many = [place.gunshot() for _ in range(100)]
        raw = json.dumps(many).encode() + b" " * 900_000
        assert place.device.send(bulk, raw).status_code == 200
    for _ in range(50):
        answer = place.http.put(path, content=big.data, headers=forged)
        if answer.status_code != 503:
            break
    assert verdict(answer) == (401, "bad-signature"), "read to its end, and told in the contract's order"


def test_slow_clips_of_trailers_have_a_bound_and_only_what_came_counts(place: Place) -> None:
    """As many as the room holds: the next is told to come again, alerts and crops are not."""
    from csoc.server import MAX_CLIP_BODY_BYTES, MAX_CLIPS_BYTES

    media, big = shots(17), clip(bytes(MAX_CLIP_BODY_BYTES), 48_000)
    small = posted(place, media)
    path = f"{ALERTS}{small}/clip"
    room = MAX_CLIPS_BYTES // MAX_CLIP_BODY_BYTES

    def begin(stack: contextlib.ExitStack, sent: int) -> None:
        told = place.device.headers(path, big.data, "PUT", content_type="audio/wav")
        told |= {"Host": place.authority, "Content-Length": str(len(big.data))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        line = stack.enter_context(socket.create_connection(("127.0.0.1", place.port), 10))
        line.sendall(f"PUT {path} HTTP/1.1\r\n{lines}\r\n".encode() + big.data[:sent])

    with contextlib.ExitStack() as stack:
        for _ in range(2 * room):
            begin(stack, 1)
        assert verdict(put(place, small, big)) == (409, "id-conflict"), "a promise takes no room"
    with contextlib.ExitStack() as stack:
        for _ in range(room):
            begin(stack, len(big.data) - 1)

        def full() -> bool:
            if put(place, small, big).status_code == 503:
                return True
            # One that met our own question in a nearly full room was refused for good: another in its place.
            begin(stack, len(big.data) - 1)
            return False

        until(full, 20, "a full room")
        answer = put(place, small, big)
        assert verdict(answer) == (503, "unavailable") and answer.headers["retry-after"]
        image = picture(17)
        assert put(place, posted(place, image), image).status_code == 201
    until(lambda: put(place, small, big).status_code == 409, 10, "a free room")
    assert put(place, small, media).status_code == 201
