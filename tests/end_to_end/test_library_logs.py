"""No logger of a library is given a credential, whatever its level: programs and notebooks turn on all of them."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

import livecli as api
from tests.live_server import Connection, live_server

KEY = "AIzaNotToBeLogged0123456789abcdefghijklmnop"
TOKEN = "ya29.NotToBeLogged0123456789"
MINTED = "auth_tokens/NotToBeLogged0123456789"
# The server of the test would log what it receives.
SERVER_LOGGER = logging.Logger("server of the test", logging.CRITICAL)
PLACES = {
    "key": {"GEMINI_API_KEY": KEY},
    "express": {"GOOGLE_API_KEY": KEY, "GOOGLE_GENAI_USE_VERTEXAI": "true"},
    "token": {"LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_PROJECT": "p"},
    "ephemeral": {"LIVECLI_ACCESS_TOKEN": MINTED},
}


class Records(logging.Handler):
    """Keeps all of each record: the message, the fields that a JSON logger prints, the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.texts.append(f"{record.getMessage()} {vars(record)} {trace}")


@pytest.fixture
def records() -> Iterator[Records]:
    """All that is logged. google-auth passes its records on only where its own logger is configured."""
    handler = Records()
    loggers = [logging.getLogger(), *map(logging.getLogger, ("google", "websockets", "urllib3", "requests"))]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    propagates, loggers[1].propagate = loggers[1].propagate, True
    loggers[0].addHandler(handler)
    yield handler
    loggers[0].removeHandler(handler)
    loggers[1].propagate = propagates
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def assert_unlogged(records: Records, *secrets: str) -> None:
    logging.getLogger("websockets.client").debug("the records are kept")
    assert any("the records are kept" in text for text in records.texts)
    for secret in secrets:
        assert not [text for text in records.texts if secret in text]


def converse(connection: Connection) -> None:
    connection.set_up()
    connection.drain()


@pytest.mark.parametrize("place", PLACES)
async def test_of_a_program(records: Records, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)
    with live_server(converse, logger=SERVER_LOGGER) as server:
        async with api.connect(base_url=server.url):
            pass
    [request] = server.requests
    [secret] = {KEY, TOKEN, MINTED} & {request.headers.get(name, "").rpartition(" ")[2] for name in request.headers}
    assert_unlogged(records, secret)


async def test_of_a_program_with_a_service_account(
    records: Records, stand_in: Any, service_account: Callable[..., Path]
) -> None:
    service_account()
    with live_server(converse, logger=SERVER_LOGGER) as server:
        async with api.connect(base_url=server.url):
            pass
    assert server.requests[0].headers["Authorization"] == "Bearer ya29.fresh-1"
    [assertion] = stand_in.asked[0].form["assertion"]
    assert_unlogged(records, "ya29.fresh-1", assertion)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", [("send", "--text", "hello"), ("auth", "status", "--online")])
def test_of_a_command(
    livecli: Callable[..., Any], records: Records, monkeypatch: pytest.MonkeyPatch, place: str, words: tuple[str, ...]
) -> None:
    for name, text in PLACES[place].items():
        monkeypatch.setenv(name, text)

    def answer(connection: Connection) -> None:
        connection.set_up()
        if words[0] == "send":
            connection.receive()
            connection.answer()
        connection.drain()

    with live_server(answer, logger=SERVER_LOGGER) as server:
        ran = livecli(*words, "--base-url", server.url, "--debug" if words[0] == "send" else "--json")
    assert ran.status == 0, ran.err
    assert len(server.requests) == 1
    assert_unlogged(records, KEY, TOKEN, MINTED)


def test_of_a_login(livecli: Callable[..., Any], records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(KEY))
    with live_server(converse, logger=SERVER_LOGGER) as server:
        ran = livecli("auth", "login", "--base-url", server.url)
    assert ran.status == 0, ran.err
    assert server.requests[0].headers["x-goog-api-key"] == KEY
    assert_unlogged(records, KEY)


def test_of_a_minting(
    livecli: Callable[..., Any], records: Records, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    stand_in.replies = {"/v1alpha/auth_tokens": {"name": MINTED}}
    ran = livecli("auth", "token", "--ephemeral", "--base-url", stand_in.url)
    assert ran.out == f"{MINTED}\n"
    assert KEY in stand_in.asked[0].headers.values()
    assert_unlogged(records, KEY, MINTED)


def test_of_a_token_that_is_printed(
    livecli: Callable[..., Any], records: Records, stand_in: Any, service_account: Callable[..., Path]
) -> None:
    service_account()
    assert livecli("auth", "token").out == "ya29.fresh-1\n"
    assert "assertion" in parse_qs(stand_in.asked[0].body)
    assert_unlogged(records, "ya29.fresh-1", *stand_in.asked[0].form["assertion"])


def test_errors_of_the_library_are_logged(records: Records) -> None:
    """A program that keeps a log sees them, as it does without livecli."""
    from livecli.client.connection import LOGGER

    LOGGER.error("parser failed")
    assert any("parser failed" in text for text in records.texts)
