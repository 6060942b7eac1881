"""Ephemeral tokens: which requests are refused, and which sessions a token opens until when."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator.access import NOTHING_REQUIRED, CredentialError, RequiredCredentials
from livecli.emulator.ephemeral_tokens import MAX_TOKENS, TokenMint, is_mint_path
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import run_emulator
from livecli.protocol import messages
from tests.cases import in_one_test

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATH = "/v1alpha/auth_tokens"
SERVICE = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
SETUP = {"setup": {"model": "models/gemini-3.8-live"}}


def made(mint: TokenMint, said: Any = None, headers: Any = ()) -> tuple[Any, int]:
    body = b"" if said is None else said if isinstance(said, bytes) else json.dumps(said).encode()
    answer, refusal = mint.create(PATH, headers, body, NOW)
    return json.loads(answer), refusal.code if refusal else 200


def token_of(mint: TokenMint, **said: Any) -> Any:
    answer, status = made(mint, said)
    assert status == 200
    token = mint.token_in(SERVICE, [("x-goog-api-key", answer["name"])])
    assert token is mint.token_in(f"{SERVICE}?access_token={answer['name']}", [])
    return token


def after(**length: float) -> datetime:
    return NOW + timedelta(**length)


@pytest.mark.parametrize(
    ("said", "opens_at", "refused_at"),
    [
        ({}, {"seconds": 59}, {"seconds": 60}),
        ({"newSessionExpireTime": "2026-11-24T13:00:00Z"}, {"minutes": 29}, {"minutes": 30}),
        ({"new_session_expire_time": "2026-11-24T12:05:00+00:00"}, {"minutes": 4}, {"minutes": 5}),
        ({"expireTime": "2026-11-24T12:00:10.5Z"}, {"seconds": 10}, {"seconds": 11}),
    ],
)
def test_until_when_it_opens_a_session(said: Any, opens_at: Any, refused_at: Any) -> None:
    mint = TokenMint(NOTHING_REQUIRED)
    assert token_of(mint, **said).use(after(**opens_at), resumes=False) is None
    assert token_of(mint, **said).use(after(**refused_at), resumes=False) is CredentialError.WRONG_TOKEN


@pytest.mark.parametrize(("said", "uses"), [({}, 1), ({"uses": 2}, 2), ({"uses": "3"}, 3)])
def test_how_many_sessions_it_opens(said: Any, uses: int) -> None:
    token = token_of(TokenMint(NOTHING_REQUIRED), **said)
    assert [token.use(NOW, resumes=False) for _ in range(uses)] == [None] * uses
    assert token.use(NOW, resumes=False) is CredentialError.WRONG_TOKEN
    assert token.use(after(minutes=29), resumes=True) is None, "going on with a session is no use of it"
    assert token.use(after(minutes=30), resumes=True) is CredentialError.WRONG_TOKEN


def test_any_number_of_uses() -> None:
    token = token_of(TokenMint(NOTHING_REQUIRED), uses=0)
    assert {token.use(NOW, resumes=False) for _ in range(100)} == {None}


@in_one_test(
    "said",
    [
        b"{",
        b"[]",
        b"\xff",
        b"[" * 60_000,
        {"usess": 1},
        {"uses": -1},
        {"uses": True},
        {"uses": 1.5},
        {"expireTime": 5},
        {"expireTime": "soon"},
        {"expireTime": "2026-11-24T13:00:00"},
        {"expireTime": "2026-11-24T11:59:59Z"},
        {"expireTime": "2026-11-25T08:00:00Z"},
        {"newSessionExpireTime": "2026-11-25T08:00:00Z"},
        {"bidiGenerateContentSetup": 5},
        {"bidiGenerateContentSetup": {"models": "m"}},
        {"fieldMask": ["model"]},
        {"fieldMask": "models"},
        {"fieldMask": "model,generationConfig.temprature"},
        {"fieldMask": "tools.0"},
        {"fieldMask": "model.name"},
    ],
)
def test_what_is_refused(said: Any) -> None:
    answer, status = made(TokenMint(NOTHING_REQUIRED), said)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("x-goog-api-key", "k")], 200),
        ([("Authorization", "Bearer t")], 200),
        ([("x-goog-api-key", "other")], 400),
        ([("Authorization", "Bearer other")], 401),
        ([], 403),
    ],
)
def test_who_may_have_one(headers: Any, status: int) -> None:
    assert made(TokenMint(RequiredCredentials("k", "t")), {}, headers)[1] == status


def test_a_token_makes_no_token() -> None:
    mint = TokenMint(RequiredCredentials("k"))
    name = made(mint, {}, [("x-goog-api-key", "k")])[0]["name"]
    assert made(mint, {}, [("x-goog-api-key", name)])[1] == 401


def test_the_oldest_are_forgotten() -> None:
    mint = TokenMint(NOTHING_REQUIRED)
    first = made(mint)[0]["name"]
    for _ in range(MAX_TOKENS):
        mint.create(PATH, [], b"", NOW)
    assert mint.token_in(SERVICE, [("x-goog-api-key", first)]) is None


@pytest.mark.parametrize(
    ("path", "there"),
    [(PATH, True), ("//v1beta//auth_tokens?alt=json", True), ("/v1/auth_tokens", True), ("/auth_tokens", False)],
)
def test_where(path: str, there: bool) -> None:
    assert is_mint_path(path) is there


CLIENT = {
    "model": "models/another",
    "generationConfig": {"temperature": 1.0, "topP": 0.5},
    "inputAudioTranscription": {},
    "sessionResumption": {"handle": "h"},
}
LOCKED = {"model": "models/locked", "generation_config": {"temperature": 0.0}, "output_audio_transcription": {}}


@in_one_test(
    ("request_", "effective"),
    [
        ({}, CLIENT),
        (
            {"bidiGenerateContentSetup": LOCKED},
            {"model": "models/locked", "generationConfig": {"temperature": 0.0}, "outputAudioTranscription": {}},
        ),
        ({"bidiGenerateContentSetup": LOCKED, "fieldMask": "model"}, {**CLIENT, "model": "models/locked"}),
        (
            {
                "bidi_generate_content_setup": LOCKED,
                "field_mask": "generation_config.temperature, generationConfig.topP",
            },
            {**CLIENT, "generationConfig": {"temperature": 0.0}},
        ),
        (
            {"bidiGenerateContentSetup": LOCKED, "fieldMask": "outputAudioTranscription,inputAudioTranscription"},
            {
                **{name: value for name, value in CLIENT.items() if name != "inputAudioTranscription"},
                "outputAudioTranscription": {},
            },
        ),
        ({"fieldMask": "generationConfig.temperature"}, {**CLIENT, "generationConfig": {"topP": 0.5}}),
        ({"fieldMask": "outputAudioTranscription.languageCodes"}, CLIENT),
    ],
)
def test_the_setup_of_its_sessions(request_: Any, effective: Any) -> None:
    token = token_of(TokenMint(NOTHING_REQUIRED), **request_)
    setup = token.effective_setup(msgspec.convert(CLIENT, messages.Setup))
    assert msgspec.to_builtins(setup) == effective


def test_a_mask_with_a_path_that_is_no_field_is_refused_as_by_the_service() -> None:
    answer, status = made(TokenMint(NOTHING_REQUIRED), {"bidiGenerateContentSetup": LOCKED, "fieldMask": "tools.0"})
    assert status == 400
    assert answer["error"]["message"] == "field_mask is invalid for BidiGenerateContentSetup"


# --- on a socket


async def posted(url: str, path: str, body: bytes, *, pieces: int = 1, head: str = "") -> tuple[int, Any]:
    host, port = url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    whole = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    size = -(-len(whole) // pieces)
    for start in range(0, len(whole), size):
        writer.write(whole[start : start + size])
        await writer.drain()
        await asyncio.sleep(0)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head_of, _, text = answer.partition(b"\r\n\r\n")
    assert (b"application/json" in head_of) is (b" 405 " not in head_of)
    return int(head_of.split()[1]), text


@pytest.mark.parametrize("pieces", [1, 3, 40])
async def test_a_token_is_made_and_opens_one_session(pieces: int) -> None:
    log: list[str] = []
    async with (
        asyncio.timeout(30),
        run_emulator(options=EmulatorOptions(required=RequiredCredentials("k")), log=log.append) as emulator,
    ):
        status, text = await posted(emulator.url, PATH, b'{"uses": 1}', pieces=pieces, head="x-goog-api-key: k\r\n")
        assert status == 200
        url = f"{emulator.url}{SERVICE}?access_token={json.loads(text)['name']}"
        async with connect(url) as ws:
            await ws.send(json.dumps(SETUP))
            assert "setupComplete" in json.loads(await ws.recv())
        async with connect(url) as ws:
            await ws.send(json.dumps(SETUP))
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason[:43]) == (
        1007,
        "Request had invalid authentication credenti",
    )
    assert "made an ephemeral token" in log
    assert json.loads(text)["name"] not in "".join(log)


async def test_a_session_that_was_cut_off_goes_on_with_a_token_for_one() -> None:
    async with asyncio.timeout(30), run_emulator() as emulator:
        _, text = await posted(emulator.url, PATH, b"")
        url = f"{emulator.url}{SERVICE}?access_token={json.loads(text)['name']}"
        resuming: dict[str, Any] = {"setup": {**SETUP["setup"], "sessionResumption": {}}}
        for _ in range(3):
            async with connect(url) as ws:
                await ws.send(json.dumps(resuming))
                await ws.recv()
                await ws.send(json.dumps({"realtimeInput": {"text": "hello"}}))
                while "newHandle" not in (said := json.loads(await ws.recv())).get("sessionResumptionUpdate", {}):
                    pass
            handle = said["sessionResumptionUpdate"]["newHandle"]
            resuming["setup"]["sessionResumption"] = {"handle": handle}


@pytest.mark.parametrize("path", ["/elsewhere", SERVICE, "/"])
async def test_a_post_elsewhere(path: str) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    async with asyncio.timeout(30), run_emulator() as emulator:
        assert (await posted(emulator.url, path, b"{}", head=upgrade))[0] == 405


async def test_a_session_has_the_setup_of_its_token() -> None:
    log: list[str] = []
    body = {"bidiGenerateContentSetup": {"outputAudioTranscription": {}}, "fieldMask": "outputAudioTranscription"}
    async with asyncio.timeout(30), run_emulator(log=log.append) as emulator:
        _, text = await posted(emulator.url, PATH, json.dumps(body).encode())
        async with connect(f"{emulator.url}{SERVICE}?access_token={json.loads(text)['name']}") as ws:
            await ws.send(json.dumps(SETUP))
            await ws.send(json.dumps({"realtimeInput": {"text": "hello"}}))
            while "outputTranscription" not in json.loads(await ws.recv()).get("serverContent", {}):
                pass
    assert "[1] the ephemeral token changes the setup" in log


async def asked(url: str, method: str, **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of the answer to a request for a token."""
    host, port = url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{method} {PATH} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
    head = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")[0].decode()
    writer.close()
    await writer.wait_closed()
    status, *fields = head.split("\r\n")
    return int(status.split()[1]), dict(field.lower().split(": ", 1) for field in fields)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8000"])
async def test_a_page_of_this_machine_may_create_a_token(origin: str) -> None:
    async with (
        asyncio.timeout(30),
        run_emulator(options=EmulatorOptions(required=RequiredCredentials("k"))) as emulator,
    ):
        asks = {
            "Access_Control_Request_Method": "POST",
            "Access_Control_Request_Headers": "content-type,x-goog-api-key",
        }
        status, headers = await asked(emulator.url, "OPTIONS", Origin=origin, **asks)
        assert status == 204
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-methods"] == "get, post"
        assert headers["access-control-allow-headers"] == "content-type,x-goog-api-key"
        status, headers = await asked(emulator.url, "POST", Origin=origin, x_goog_api_key="k")
        assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, origin, "origin")
        status, headers = await asked(emulator.url, "POST", Origin=origin, x_goog_api_key="wrong")
        assert (status, headers["access-control-allow-origin"]) == (400, origin), "a page may read the refusal too"


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://localhost.example.com:80"])
async def test_other_pages_may_not(method: str, origin: str) -> None:
    log: list[str] = []
    async with asyncio.timeout(30), run_emulator(log=log.append) as emulator:
        status, headers = await asked(emulator.url, method, Origin=origin)
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control-")]
    [line] = log
    assert line.startswith(f"refused: 403 for the page {origin!r}")


async def test_programs_send_no_origin_and_get_no_headers_for_pages() -> None:
    async with asyncio.timeout(30), run_emulator() as emulator:
        status, headers = await asked(emulator.url, "POST")
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control-")]
