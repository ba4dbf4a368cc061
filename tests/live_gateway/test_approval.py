"""No session without the console's yes, and nothing asked of the console that can't be served."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from agent.publisher import Publisher, PublishRefused
from live.gateway.offers import read_offer
from tests.live_gateway.harness import PATH, SECRET, Viewer, running_gateway


async def offer(*kinds: str, direction: str = "recvonly") -> str:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds:
        pc.addTransceiver(kind, direction=direction)
    await pc.setLocalDescription(await pc.createOffer())
    text = str(pc.localDescription.sdp)
    await pc.close()
    return text


async def test_without_a_token_nobody_is_asked_and_nothing_opens() -> None:
    async with running_gateway() as gateway:
        for kind in ("whep", "whip"):
            answer, _ = await gateway.post(kind, await offer("video"), None)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert gateway.console.asked == []
        assert await gateway.listed() == []


async def test_a_wrong_token_is_refused_for_viewer_and_publisher() -> None:
    async with running_gateway() as gateway:
        answer, _ = await gateway.post("whep", await offer("video"), "wrong")
        assert answer.status == 401
        with pytest.raises(PublishRefused) as refused:
            await Publisher().start(gateway.address("whip"), "token-read", "TRL-0007")
        assert refused.value.status == 401
        assert [one["action"] for one in gateway.console.asked] == ["read", "publish"]
        assert await gateway.listed() == []


async def test_the_question_has_the_shape_mediamtx_documents() -> None:
    async with running_gateway() as gateway:
        await gateway.post("whep", await offer("video"), "wrong")
        asked = gateway.console.asked[0]
    assert set(asked) == {
        "ip", "user", "password", "token", "action", "path", "protocol", "id", "query", "userAgent",
    }  # fmt: skip
    assert (asked["action"], asked["path"], asked["protocol"]) == ("read", PATH, "webrtc")
    assert (asked["token"], asked["ip"], asked["user"], asked["password"]) == ("wrong", "127.0.0.1", "", "")


@pytest.mark.parametrize("status", [302, 400, 403, 404, 500, 503])
async def test_any_answer_but_a_2xx_is_a_refusal(status: int) -> None:
    async with running_gateway() as gateway:
        gateway.console.auth_status = status
        answer, _ = await gateway.post("whep", await offer("video"), "token-read")
        assert answer.status == 401
        assert await gateway.listed() == []


async def test_a_console_that_is_slow_or_gone_is_a_refusal() -> None:
    async with running_gateway(hook_timeout_s=0.2) as gateway:
        gateway.console.auth_delay_s = 1.0
        answer, _ = await gateway.post("whep", await offer("video"), "token-read")
        assert answer.status == 401
    async with running_gateway(auth_url="http://127.0.0.1:9/auth/") as gateway:
        answer, _ = await gateway.post("whep", await offer("video"), "token-read")
        assert answer.status == 401
        assert await gateway.listed() == []


async def test_a_gateway_with_the_wrong_secret_gets_no_approval() -> None:
    async with running_gateway(secret="another-secret-entirely") as gateway:
        answer, _ = await gateway.post("whep", await offer("video"), "token-read")
        assert answer.status == 401


async def bad_offers() -> list[tuple[str, str]]:
    video = await offer("video")
    return [
        ("whep", ""),
        ("whep", "v=0\r\n"),
        ("whep", "\x00" * 400),
        ("whep", "m=video\r\n" * 40),
        ("whep", await offer("audio")),
        ("whep", await offer("video", "audio")),
        ("whep", await offer("video", "video")),
        ("whep", await offer("video", direction="sendonly")),
        ("whip", video),
        ("whep", "\r\n".join(line for line in video.splitlines() if "H264" not in line)),
        ("whep", video.replace("a=ice-pwd", "a=x-pwd")),
    ]


async def test_unusable_offers_are_a_400_and_open_nothing() -> None:
    async with running_gateway() as gateway:
        for kind, text in await bad_offers():
            answer, body = await gateway.post(kind, text, "token-read" if kind == "whep" else "token-publish")
            assert answer.status == 400, (kind, text[:60], body)
        assert await gateway.listed() == []
        # Only the last one looks right until aiortc reads it; all others cost no token.
        assert len(gateway.console.asked) == 1


async def test_no_address_is_taken_from_an_offer() -> None:
    """A viewer can't make the gateway send checks to a third party."""
    text = await offer("video")
    elsewhere = "a=candidate:1 1 udp 2130706431 192.0.2.77 9 typ host"
    pointed = text.replace("a=ice-ufrag", f"{elsewhere}\r\na=ice-ufrag", 1)
    cleaned = read_offer(pointed, "read").sdp
    assert "192.0.2.77" not in cleaned
    assert "candidate" not in cleaned
    async with running_gateway() as gateway:
        answer, _ = await gateway.post("whep", pointed, "token-read")
        assert answer.status == 201
        transceiver = next(iter(gateway.registry.sessions.values())).transceiver
        assert transceiver.receiver.transport.transport.getRemoteCandidates() == []


async def test_other_media_types_long_bodies_and_strange_paths_are_4xx() -> None:
    async with running_gateway() as gateway:
        answer, _ = await gateway.post("whep", "{}", "token-read", media="application/json")
        assert answer.status == 415
        answer, _ = await gateway.post("whep", "a" * 70_000, "token-read")
        assert answer.status == 413
        for path in ("a%2Fb", "x" * 65, "..", "a.b"):
            answer, _ = await gateway.post("whep", await offer("video"), "token-read", path=path)
            assert answer.status == 404, path
        assert gateway.console.asked == []


async def test_options_asks_nobody() -> None:
    async with running_gateway() as gateway, gateway.http.options(gateway.address("whep")) as answer:
        assert answer.status == 204
        assert answer.headers["Accept-Post"] == "application/sdp"
        assert gateway.console.asked == []


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x"])
async def test_the_session_api_needs_the_shared_secret(secret: str) -> None:
    async with running_gateway() as gateway:
        viewer = Viewer()
        await viewer.open(gateway)
        session: Any = (await gateway.listed())[0]
        url = f"{gateway.url}/v3/webrtcsessions/list"
        async with gateway.http.get(url, headers={"X-Gateway-Secret": secret}) as answer:
            assert answer.status == 401
            assert session["id"] not in await answer.text()
        assert await gateway.kick(session["id"], secret) == 401
        assert len(await gateway.listed()) == 1
        await viewer.close()


async def test_an_approved_session_answers_as_whep_clients_need_it() -> None:
    async with running_gateway() as gateway:
        viewer = Viewer()
        answer = await viewer.open(gateway)
        assert answer.headers["Location"].startswith("whep/")
        assert answer.headers["Cache-Control"] == "no-store"
        listed = (await gateway.listed())[0]
        assert listed["id"] not in answer.headers["Location"], "the address that ends it is a secret"
        kind = {"Content-Type": "application/trickle-ice-sdpfrag"}
        mine = viewer.pc.localDescription.sdp.split("a=ice-ufrag:")[1].splitlines()[0]
        for body, status in ((f"a=ice-ufrag:{mine}\r\n", 204), ("a=ice-ufrag:other\r\n", 422)):
            async with gateway.http.patch(viewer.resource, data=body, headers=kind) as patched:
                assert patched.status == status
        async with gateway.http.patch(viewer.resource + "x", data="", headers=kind) as patched:
            assert patched.status == 404
        await viewer.close()
