"""Makers' plate readers: what is picked of their payloads, what is dropped, what hostile ones do not do."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agent.adapters import gunshot_guess, picking, receiver
from agent.adapters.picking import Malformed
from agent.adapters.receiver import VENDORS, Receiver
from agent.ports import PlateRead
from tests.agent.parts import MovedClock

#: What none of the payloads below may leave behind.
MARK = "MARKER"
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 60
NOT_PLATE = base64.b64encode(b"\xff\xd8\xff\xe0" + MARK.encode() * 20).decode()
B64 = base64.b64encode(JPEG).decode()
AT = datetime(2026, 4, 27, 23, 14, 7, tzinfo=UTC)
MS = int(AT.timestamp() * 1000)
JSON = "application/json"

REKOR_GROUP = {
    "data_type": "alpr_group", "version": 2, "epoch_start": MS, "epoch_end": MS + 900, "camera_id": 1234,
    "agent_uid": MARK, "gps_latitude": 43.69, "user_data": MARK, "vehicle_crop_jpeg": NOT_PLATE,
    "vehicle_signature": MARK, "candidates": [{"plate": MARK, "confidence": 80.1}], "best_region": "ca-on",
    "best_plate_number": "ZZDEM01", "best_confidence": 92.94, "uuids": [MARK],
    "best_plate": {
        "plate": "ZZDEM01", "confidence": 92.94, "region": "ca-on", "plate_crop_jpeg": B64,
        "vehicle_region": {"x": 1}, "candidates": [{"plate": MARK}],
    },
    "vehicle": {
        "color": [{"name": "silver-gray", "confidence": 80}, {"name": MARK}],
        "make": [{"name": "honda", "confidence": 70}], "body_type": [{"name": "suv-crossover"}],
        "make_model": [{"name": MARK}], "signature": MARK,
    },
}  # fmt: skip
REKOR_ALERT = {
    "data_type": "alpr_alert", "plate_number": "ZZDEM01", "description": MARK, "alert_list": MARK,
    "site_name": MARK, "list_type": MARK, "group": REKOR_GROUP,
}  # fmt: skip
REKOR_RESULTS = {
    "data_type": "alpr_results", "epoch_time": MS, "camera_id": 7, "img_width": 1280,
    "results": [
        {"plate": "zz-dem 01", "confidence": 88, "region": "us-ny", "plate_crop_jpeg": B64},
        {"plate": "?", "confidence": 12},
    ],
}  # fmt: skip
STREAM = {
    "hook": {"target": MARK, "id": MARK, "event": "recognition", "filename": MARK},
    "data": {
        "camera_id": "camera-1", "filename": MARK, "timestamp": "2026-04-27T23:14:07.000Z",
        "timestamp_local": MARK,
        "results": [
            {
                "box": {"xmin": 1}, "plate": "zzdem01", "region": {"code": "ca-on", "score": 0.4},
                "score": 0.903, "candidates": [{"plate": MARK}], "vehicle": {"type": "SUV", "box": {}},
                "model_make": [{"make": "Honda", "model": MARK}], "color": [{"color": "white"}],
                "source_url": MARK, "orientation": [{"orientation": MARK}], "direction": 225,
            }
        ],
    },
}  # fmt: skip
AXIS = {
    "packetCounter": 1, "plateASCII": "ZZDEM01", "plateUTF8": "ZZDEM01", "plateCountry": "CAN",
    "plateConfidence": "0.727815", "carState": "new", "geotag": {"lat": 43.69, "lon": -79.64},
    "imageType": "plate", "imageArray": B64, "carMoveDirection": "in", "plateCoordinates": [1, 2, 3, 4],
    "carID": 102, "sensorProviderID": "gate 1", "capture_timestamp": MS, "listName": MARK, "action": MARK,
    "vehicleColor": "RED", "vehicleMake": "Ford", "vehicleModel": MARK, "vehicleType": "VAN",
}  # fmt: skip
HIK_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<ipAddress>{MARK}</ipAddress><macAddress>{MARK}</macAddress><channelID>1</channelID>
<dateTime>2026-04-27T19:14:07-04:00</dateTime><eventType>ANPR</eventType>
<ANPR><country>3</country><licensePlate>ZZDEM01</licensePlate><line>1</line><direction>reverse</direction>
<confidenceLevel>97</confidenceLevel><vehicleType>SUVMPV</vehicleType>
<vehicleInfo><index>1</index><color>white</color><vehicleLogoRecog>1707</vehicleLogoRecog>
<CarBodyFeature><rack>{MARK}</rack></CarBodyFeature><pilotSafebelt>{MARK}</pilotSafebelt></vehicleInfo>
<pictureInfoList><pictureInfo><fileName>licensePlatePicture.jpg</fileName>
<PilotRect><x>1</x></PilotRect><VicepilotRect><x>1</x></VicepilotRect></pictureInfo></pictureInfoList>
<listType>{MARK}</listType><originalLicensePlate>ZZDEM01</originalLicensePlate></ANPR>
<DeviceGPSInfo><longitudeType>E</longitudeType></DeviceGPSInfo></EventNotificationAlert>"""
VERKADA = {
    "org_id": MARK, "webhook_type": "lpr", "created_at": MS // 1000, "webhook_id": MARK,
    "data": {
        "camera_id": "cam-1", "created": MS // 1000, "detected": MS, "license_plate_number": "ZZDEM01",
        "confidence": 0.963, "crop": [0.3, 0.3, 0.5, 0.5], "image_url": MARK,
        "license_plate_state": "ca-on",
    },
}  # fmt: skip
FLOCK = {
    "deviceLat": 43.69, "deviceLong": -79.64, "deviceName": "gate 1", "deviceExternalId": MARK,
    "networkName": MARK, "networkExternalId": MARK, "objectId": "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978",
    "eventTime": "2026-04-27T23:14:07Z", "imageUrl": MARK, "imageExpiration": MARK, "detailsUrl": MARK,
    "ocr": {"label": "ZZDEM01", "labelConfidence": 0.9, "state": "ON", "stateConfidence": 0.8},
    "sources": [{"name": MARK, "reason": MARK, "caseNumber": MARK, "customHotlistAudience": "restricted"}],
}  # fmt: skip


def form(*parts: tuple[str, str, bytes], boundary: str = "b0und") -> tuple[bytes, str]:
    """A multipart body of (disposition, media type, bytes), and its media type."""
    raw = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {kind}\r\n\r\n".encode()
        + body + b"\r\n"
        for name, kind, body in parts
    )  # fmt: skip
    return raw + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


HIK_FORM = form(
    ('name="anpr.xml"; filename="anpr.xml"', "text/xml", HIK_XML.encode()),
    ('name="licensePlatePicture.jpg"; filename="licensePlatePicture.jpg"', "image/jpeg", JPEG),
    (
        'name="detectionPicture.jpg"; filename="detectionPicture.jpg"',
        "image/jpeg",
        base64.b64decode(NOT_PLATE),
    ),
)
STREAM_FORM = form(
    ('name="json"', JSON, json.dumps(STREAM).encode()),
    ('name="upload"; filename="frame.jpg"', "image/jpeg", base64.b64decode(NOT_PLATE)),
)
AXIS_FORM = form(
    ('name="event"; filename="event.json"', JSON, json.dumps(AXIS).encode()),
    ('name="image"; filename="frame.jpg"', "image/jpeg", base64.b64decode(NOT_PLATE)),
)

READ = PlateRead("ZZDEM01", "CA-ON", 0.9294, AT)
REKOR_READ = dataclasses.replace(
    READ, camera="1234", vehicle={"color": "silver-gray", "make": "honda", "type": "suv-crossover"}, crop=JPEG
)
STREAM_READ = dataclasses.replace(
    READ, confidence=0.903, camera="camera-1", vehicle={"color": "white", "make": "honda", "type": "suv"}
)
AXIS_READ = PlateRead(
    "ZZDEM01", "unknown", 0.7278, AT, "gate-1", "toward",
    {"color": "red", "make": "ford", "type": "van"}, crop=JPEG,
)  # fmt: skip
HIK_READ = PlateRead("ZZDEM01", "unknown", 0.97, AT, "1", "away", {"color": "white", "type": "suvmpv"})

CASES: list[tuple[str, Any, str, list[PlateRead]]] = [
    ("rekor", REKOR_GROUP, JSON, [REKOR_READ]),
    ("rekor", REKOR_ALERT, JSON, [REKOR_READ]),
    ("rekor", REKOR_RESULTS, JSON, [PlateRead("ZZDEM01", "US-NY", 0.88, AT, "7", crop=JPEG)]),
    ("rekor", {"data_type": "heartbeat", "video_streams": [{"url": MARK}]}, JSON, []),
    ("plate-recognizer", STREAM, JSON, [STREAM_READ]),
    ("plate-recognizer", *STREAM_FORM, [STREAM_READ]),
    ("plate-recognizer", STREAM | {"hook": {"event": "camera_status"}}, JSON, []),
    ("axis", AXIS, JSON, [AXIS_READ]),
    ("axis", [AXIS, AXIS | {"carState": "lost"}], JSON, [AXIS_READ]),
    ("axis", *AXIS_FORM, [AXIS_READ]),
    (
        "axis", AXIS | {"imageType": "vehicle", "imageArray": NOT_PLATE, "iso3166-2": "CA-ON"}, JSON,
        [dataclasses.replace(AXIS_READ, crop=None, jurisdiction="CA-ON")],
    ),
    ("hikvision", HIK_XML.encode(), "application/xml", [HIK_READ]),
    ("hikvision", *HIK_FORM, [dataclasses.replace(HIK_READ, crop=JPEG)]),
    ("hikvision", HIK_XML.replace(">ANPR<", ">VMD<").encode(), "application/xml", []),
    ("verkada", VERKADA, JSON, [PlateRead("ZZDEM01", "CA-ON", 0.963, AT, "cam-1")]),
    ("verkada", VERKADA | {"webhook_type": "notification"}, JSON, []),
    ("flock", FLOCK, JSON, [PlateRead("ZZDEM01", "CA-ON", 0.9, AT, "gate-1")]),
    ("flock", FLOCK | {"ocr": None}, JSON, []),
]  # fmt: skip


def raw(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


@pytest.mark.parametrize(("vendor", "payload", "kind", "reads"), CASES, ids=lambda value: str(value)[:24])
def test_a_payload_becomes_these_reads_and_nothing_else_of_it_stays(vendor, payload, kind, reads):
    found = VENDORS[vendor](raw(payload), kind)
    assert found == reads
    assert MARK not in repr([dataclasses.asdict(read) for read in found])


HOSTILE = [
    b"", b"[]", b"null", b"7", b'"x"', b"{", b"[" * 5000, b"\xff\xfe\x00", b"{}", b"<", b"<a/>",
    b'<!DOCTYPE a [<!ENTITY b "c">]><EventNotificationAlert>&b;</EventNotificationAlert>',
    "<EventNotificationAlert/>".encode("utf-16"), b"<EventNotificationAlert>" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("vendor", sorted(VENDORS))
@pytest.mark.parametrize("kind", [JSON, "multipart/form-data", "multipart/form-data; boundary=x", ""])
def test_what_is_not_of_the_vendors_form_is_malformed_or_empty(vendor, kind):
    for body in HOSTILE:
        try:
            assert VENDORS[vendor](body, kind) == []
        except Malformed as error:
            assert len(str(error)) < 60


def mutated(value: Any) -> list[Any]:
    """The payload with each of its values in turn replaced by something hostile."""
    out: list[Any] = []
    nasty = (None, True, -1, 1e308, float("inf"), "\x00", "A" * 5000, [], {}, [[[]]], {"a": {}})

    def walk(node: Any, put: Any) -> None:
        for bad in nasty:
            out.append(put(bad))
        children = (
            node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        )
        for key, child in list(children):

            def replace(bad: Any, key: Any = key, node: Any = node, put: Any = put) -> Any:
                copy = dict(node) if isinstance(node, dict) else list(node)
                copy[key] = bad
                return put(copy)

            walk(child, replace)

    walk(value, lambda bad: bad)
    return out


@pytest.mark.parametrize(
    ("vendor", "payload"),
    [
        ("rekor", REKOR_ALERT), ("rekor", REKOR_RESULTS), ("plate-recognizer", STREAM), ("axis", AXIS),
        ("verkada", VERKADA), ("flock", FLOCK),
    ],
)  # fmt: skip
def test_no_single_hostile_value_breaks_an_adapter_or_passes_it(vendor, payload):
    for body in mutated(payload):
        try:
            reads = VENDORS[vendor](json.dumps(body).encode(), JSON)
        except Malformed:
            continue
        for read in reads:
            assert picking.PLATE.fullmatch(read.plate) and 0 <= read.confidence <= 1
            assert read.jurisdiction == "unknown" or picking.REGION.fullmatch(read.jurisdiction)
            assert read.camera is None or picking.CAMERA.fullmatch(read.camera)
            assert set(read.vehicle) <= {"color", "make", "type"}
            assert MARK not in repr(dataclasses.asdict(read))


def test_a_picture_that_is_too_large_or_no_jpeg_is_no_crop():
    assert picking.jpeg(JPEG) == picking.jpeg(B64) == JPEG
    large = b"\xff\xd8\xff" + b"\x00" * picking.CROP_MAX
    for value in (large, base64.b64encode(large).decode(), b"GIF89a....", "not base64!", None, 7):
        assert picking.jpeg(value) is None


@pytest.mark.parametrize(
    ("told", "key"),
    [("zz-dem 01", "ZZDEM01"), ("ＺＺ１", "ZZ1"), ("a", None), ("ABCDEFGHI", None), ("", None), (7, None)],
)
def test_a_plate_is_its_key(told, key):
    assert picking.plate(told) == key


# --- the receiver ---------------------------------------------------------------------------------

SECRET = "0123456789abcdef"


class Yard:
    """A receiver with two makers and what it handed over."""

    def __init__(self, **secrets: str) -> None:
        self.reads: list[PlateRead] = []
        self.on = True
        self.clock = MovedClock()
        self.receiver = Receiver(
            secrets or {"verkada": SECRET, "flock": SECRET[::-1]}, self.take, lambda: self.on, self.clock
        )

    async def take(self, read: PlateRead) -> None:
        self.reads.append(read)

    async def __aenter__(self) -> Yard:
        self.server = await self.receiver.serve(0)
        port = self.server.sockets[0].getsockname()[1]
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        self.server.close()


@pytest.mark.parametrize(
    "shown",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}"}}, {"headers": {"Authorization": f"Token {SECRET}"}},
        {"auth": ("camera", SECRET)}, {"headers": {"X-API-Key": SECRET}}, {"params": {"key": SECRET}},
    ],
)  # fmt: skip
async def test_the_makers_secret_opens_its_own_path(shown):
    async with Yard() as yard:
        answer = await yard.http.post("/verkada", json=VERKADA, **shown)
        assert (answer.status_code, answer.json()) == (200, {"reads": 1})
        assert [read.plate for read in yard.reads] == ["ZZDEM01"]
        assert (await yard.http.post("/flock", json=FLOCK, **shown)).status_code == 401


async def test_nothing_else_is_taken():
    async with Yard() as yard:
        key = {"key": SECRET}
        for path, params, status in (
            ("/verkada", {}, 401), ("/verkada", {"key": ""}, 401), ("/verkada", {"key": SECRET[:-1]}, 401),
            ("/rekor", key, 404), ("/", key, 404), ("/verkada/x", key, 404),
        ):  # fmt: skip
            assert (await yard.http.post(path, json=VERKADA, params=params)).status_code == status, path
        assert (await yard.http.get("/verkada", params=key)).status_code == 405
        assert (await yard.http.post("/verkada", content=b"{", params=key)).status_code == 422
        assert yard.reads == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"Content-Length: {receiver.MAX_BODY + 1}", 413), ("Transfer-Encoding: chunked", 411),
        ("Content-Length: -1", 411), ("Content-Length: 1_0", 411), ("Content-Length: \u00b2", 411),
        ("X: " + "x" * receiver.MAX_HEAD, 431),
    ],
)  # fmt: skip
async def test_a_body_without_an_end_or_too_large_is_not_begun(line, status):
    async with Yard() as yard:
        reader, writer = await asyncio.open_connection("127.0.0.1", yard.http.base_url.port)
        writer.write(f"POST /verkada?key={SECRET} HTTP/1.1\r\n{line}\r\n\r\n".encode("latin-1"))
        async with asyncio.timeout(3):
            assert (await reader.read()).startswith(f"HTTP/1.1 {status} ".encode())
        writer.close()


async def test_while_the_sensor_is_off_nothing_is_even_read():
    async with Yard() as yard:
        yard.on = False
        answer = await yard.http.post("/verkada", content=b"{", params={"key": SECRET})
        assert (answer.status_code, answer.json()) == (200, {"reads": 0})
        assert yard.receiver.taken == {("verkada", "off"): 1}


@pytest.mark.parametrize(("away_s", "taken"), [(0, 1), (299, 1), (301, 0), (-301, 0)])
async def test_what_a_reader_hands_in_late_is_thrown_away(away_s, taken):
    async with Yard() as yard:
        when = int((AT - timedelta(seconds=away_s)).timestamp() * 1000)
        body = VERKADA | {"data": VERKADA["data"] | {"detected": when}}
        answer = await yard.http.post("/verkada", json=body, params={"key": SECRET})
        assert answer.json() == {"reads": taken} and len(yard.reads) == taken


async def test_a_reader_that_hangs_is_let_go(monkeypatch):
    monkeypatch.setattr(receiver, "READ_TIMEOUT_S", 0.1)
    async with Yard() as yard:
        reader, writer = await asyncio.open_connection("127.0.0.1", yard.http.base_url.port)
        writer.write(b"POST /verkada?key=" + SECRET.encode() + b" HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        async with asyncio.timeout(3):
            assert await reader.read() == b""
        writer.close()


async def test_nothing_of_a_read_is_logged(caplog):
    caplog.set_level("DEBUG")
    async with Yard() as yard:
        for body in (json.dumps(VERKADA), json.dumps(VERKADA)[:-9]):
            await yard.http.post("/verkada", content=body, params={"key": SECRET})
    ours = [record for record in caplog.records if record.name.startswith("agent")]
    assert not any("ZZDEM01" in record.getMessage() or MARK in record.getMessage() for record in ours)


@pytest.mark.parametrize("secrets", [{"verkada": "short"}, {"nobody": SECRET}])
def test_a_short_secret_or_an_unknown_maker_does_not_start(secrets):
    with pytest.raises(ValueError):
        Yard(**secrets)


# --- the guess ------------------------------------------------------------------------------------

SHOT = {
    "event": {
        "id": "r-1", "classification": "gunshot", "confidence": 0.93, "rounds": 3, "duration_ms": 840,
        "audio_url": MARK, "transcript": MARK,
        "location": {"latitude": 43.69, "longitude": -79.64, "radius_m": 45},
    },
    "device": {"firmware": "5.2.1", "serial": MARK},
}  # fmt: skip


def test_the_guess_gives_a_block_that_the_consoles_schema_takes():
    from alerts.forbidden import check
    from alerts.schemas import alert_from
    from tests.agent.test_simulator import alert

    block = gunshot_guess.guess(json.dumps(SHOT).encode())
    assert block is not None and MARK not in repr(block) and block["detector"]["model"] == "guessed"
    body = json.loads(json.dumps(alert("gunshot", block)))
    check(body)
    alert_from(body)


@pytest.mark.parametrize("kind", ["scream", "voice", "fireworks", "", None, 7])
def test_no_other_class_leaves(kind):
    body = SHOT | {"event": SHOT["event"] | {"classification": kind}}
    assert gunshot_guess.guess(json.dumps(body).encode()) is None


def test_the_guess_breaks_on_nothing():
    for body in mutated(SHOT):
        try:
            block = gunshot_guess.guess(json.dumps(body).encode())
        except Malformed:
            continue
        assert block is None or (block["class"] == "gunshot" and MARK not in repr(block))
