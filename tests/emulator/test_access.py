"""Credentials, in every place where clients put one, and how each platform refuses a wrong one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livecli.emulator.access import (
    NOTHING_REQUIRED,
    CredentialError,
    RequiredCredentials,
    wrong_kind_of_credential,
)
from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import EmulatorAddress, run_emulator
from tests.cases import in_one_test

KEY, TOKEN, EPHEMERAL = "the-required-key", "ya29.the-token", "auth_tokens/the-token"
DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
SETUP = {
    DEVELOPER: '{"setup":{"model":"models/gemini-3.8-live"}}',
    VERTEX: '{"setup":{"model":"publishers/google/models/gemini-3.8-live"}}',
}
EITHER = RequiredCredentials(KEY, TOKEN)


@in_one_test(
    ("required", "query", "headers", "error"),
    [
        (NOTHING_REQUIRED, "", {}, None),
        (NOTHING_REQUIRED, "?key=anything", {"Authorization": "Basic eDp5"}, None),
        (RequiredCredentials(key=KEY), f"?key={KEY}", {}, None),
        (RequiredCredentials(key=KEY), "", {"X-Goog-Api-Key": KEY}, None),
        (RequiredCredentials(key="ключ"), "?key=%D0%BA%D0%BB%D1%8E%D1%87", {}, None),
        (RequiredCredentials(token=TOKEN), "", {"Authorization": f"Bearer {TOKEN}"}, None),
        (RequiredCredentials(token=TOKEN), "", {"authorization": f"bearer  {TOKEN} "}, None),
        (RequiredCredentials(token=TOKEN), f"?access_token={TOKEN}", {}, None),
        (RequiredCredentials(token=EPHEMERAL), f"?access_token={EPHEMERAL}", {}, None),
        (
            RequiredCredentials(token=EPHEMERAL),
            "",
            {"Authorization": f"Token {EPHEMERAL}", "x-goog-api-key": EPHEMERAL},
            None,
        ),
        (RequiredCredentials(token=EPHEMERAL), "", {"x-goog-api-key": EPHEMERAL}, None),
        (EITHER, f"?key={KEY}", {"Authorization": "Bearer other"}, None),
        (EITHER, "", {"Authorization": f"Bearer {TOKEN}", "x-goog-api-key": "other"}, None),
        (EITHER, "", {}, CredentialError.MISSING),
        (EITHER, "?alt=ws", {"Authorization": "Basic eDp5"}, CredentialError.MISSING),
        (RequiredCredentials(key=KEY), "?key=", {}, CredentialError.MISSING),
        (RequiredCredentials(key=KEY), f"?key={KEY}x", {}, CredentialError.WRONG_KEY),
        (RequiredCredentials(key=KEY), "", {"x-goog-api-key": "\udcff"}, CredentialError.WRONG_KEY),
        (RequiredCredentials(key=KEY), f"?access_token={KEY}", {}, CredentialError.WRONG_TOKEN),
        (RequiredCredentials(token=TOKEN), f"?key={TOKEN}", {}, CredentialError.WRONG_KEY),
        (RequiredCredentials(token=TOKEN), "", {"Authorization": "Bearer other"}, CredentialError.WRONG_TOKEN),
        (RequiredCredentials(key=KEY), "", {"x-goog-api-key": EPHEMERAL}, CredentialError.WRONG_TOKEN),
    ],
)
def test_what_is_wrong_with_a_credential(
    required: RequiredCredentials, query: str, headers: dict[str, str], error: CredentialError | None
) -> None:
    assert required.check("/path" + query, headers.items()) is error


@in_one_test("path", [DEVELOPER, DEVELOPER + "?alt=ws"])
@in_one_test(
    ("headers", "plain", "constrained"),
    [
        ({}, None, None),
        ({"x-goog-api-key": KEY}, None, CredentialError.WRONG_TOKEN),
        ({"x-goog-api-key": EPHEMERAL}, CredentialError.WRONG_KEY, None),
        ({"Authorization": f"Token {EPHEMERAL}", "x-goog-api-key": EPHEMERAL}, CredentialError.WRONG_KEY, None),
        ({"Authorization": f"Token {EPHEMERAL}", "x-goog-api-key": KEY}, None, None),
        ({"Authorization": f"Bearer {TOKEN}"}, None, None),
    ],
)
def test_keys_and_ephemeral_tokens_have_paths_of_their_own(
    path: str, headers: dict[str, str], plain: CredentialError | None, constrained: CredentialError | None
) -> None:
    assert wrong_kind_of_credential(path, headers.items()) is plain
    path = path.replace("BidiGenerateContent", "BidiGenerateContentConstrained")
    assert wrong_kind_of_credential(path, headers.items()) is constrained


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        (f"?access_token={EPHEMERAL}", 1007, "API key not valid. Please pass a valid API key."),
        (f"Constrained?key={KEY}", 1007, "Request had invalid authentication credentials."),
    ],
)
async def test_a_credential_of_the_wrong_kind_is_refused_even_where_none_is_required(
    log: list[str], query: str, code: int, reason: str
) -> None:
    async with (
        asyncio.timeout(60),
        run_emulator(log=log.append) as emulator,
        connect(emulator.url + DEVELOPER + query) as ws,
    ):
        await ws.send(SETUP[DEVELOPER])
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, str(ws.close_reason)[: len(reason)]) == (code, reason)


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
async def emulator(log: list[str]) -> AsyncIterator[EmulatorAddress]:
    async with asyncio.timeout(60), run_emulator(options=EmulatorOptions(required=EITHER), log=log.append) as made:
        yield made


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
@pytest.mark.parametrize(
    ("query", "headers"),
    [(f"?key={KEY}", {}), ("", {"x-goog-api-key": KEY}), ("", {"Authorization": f"Bearer {TOKEN}"})],
)
async def test_the_right_credential(emulator: EmulatorAddress, path: str, query: str, headers: dict[str, str]) -> None:
    async with connect(emulator.url + path + query, additional_headers=headers) as ws:
        await ws.send(SETUP[path])
        assert "setupComplete" in json.loads(await ws.recv())


@pytest.mark.parametrize(
    ("query", "headers", "code", "status", "message"),
    [
        ("", {}, 401, "UNAUTHENTICATED", "Request is missing required authentication credential."),
        ("", {"Authorization": "Bearer wrong"}, 401, "UNAUTHENTICATED", "Request had invalid authentication"),
        ("?key=wrong", {}, 403, "PERMISSION_DENIED", "API key not valid."),
    ],
)
async def test_vertex_refuses_the_upgrade(
    emulator: EmulatorAddress, log: list[str], query: str, headers: dict[str, str], code: int, status: str, message: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(emulator.url + VERTEX + query, additional_headers=headers)
    response = refused.value.response
    assert response.status_code == code
    assert response.headers.get_all("Content-Type") == ["application/json; charset=UTF-8"]
    assert response.body is not None
    error = json.loads(response.body)["error"]
    assert (error["code"], error["status"]) == (code, status)
    assert error["message"].startswith(message)
    assert response.body.startswith(b'{\n  "error": {\n    "code": ')
    assert log == [f"refused: {code} {status} for vertex v1"]


@pytest.mark.parametrize(
    ("query", "headers", "code", "reason"),
    [
        ("", {}, 1008, "Method doesn't allow unregistered callers (callers without established identity)."),
        ("?key=wrong", {}, 1007, "API key not valid. Please pass a valid API key."),
        ("", {"x-goog-api-key": "wrong"}, 1007, "API key not valid. Please pass a valid API key."),
        ("", {"Authorization": "Bearer wrong"}, 1007, "Request had invalid authentication credentials."),
        ("Constrained", {"Authorization": "Token auth_tokens/wrong"}, 1007, "Request had invalid authentication"),
    ],
)
async def test_the_developer_api_closes_the_session(
    emulator: EmulatorAddress, log: list[str], query: str, headers: dict[str, str], code: int, reason: str
) -> None:
    async with connect(emulator.url + DEVELOPER + query, additional_headers=headers) as ws:
        await ws.send(SETUP[DEVELOPER])
        with pytest.raises(ConnectionClosed):
            await ws.recv()
    assert ws.close_code == code
    assert ws.close_reason is not None
    assert ws.close_reason.startswith(reason)
    assert log[1].startswith(f"[1] ○ closed by the server: {code} {reason}")


async def test_no_credential_is_logged_or_sent_back(emulator: EmulatorAddress, log: list[str]) -> None:
    for path in (VERTEX, DEVELOPER):
        shown = {"Authorization": "Bearer wrong-token", "x-goog-api-key": "wrong-header"}
        try:
            async with connect(emulator.url + path + "?key=wrong-query", additional_headers=shown) as ws:
                await ws.send(SETUP[path])
                await ws.recv()
        except (ConnectionClosed, InvalidStatus) as refused:
            log.append(str(refused))
    assert len(log) == 5
    assert not [line for line in log for secret in ("wrong-", KEY, TOKEN) if secret in line]


async def test_a_health_check_needs_no_credential(emulator: EmulatorAddress) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
