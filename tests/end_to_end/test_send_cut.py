"""The server's bytes end anywhere: in the upgrade, in a frame or between two, by a close, a reset, or not at all.

Each byte is a place to end; here some of them, and all of them in `make soak`.
"""

from __future__ import annotations

import base64
import json
import random
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from livecli.client import connection
from tests.cutting_proxy import ENDS, cutting_proxy
from tests.end_to_end.conftest import Ran, read_wav
from tests.end_to_end.test_send_fuzz import ended_well, kept_audio
from tests.live_server import Connection, LiveServer, live_server

PIECES = [bytes(range(1, 33)), bytes(range(101, 141))]
HANG_SECONDS = 0.4
"""How long a run waits for a server from which nothing more comes."""
BOUND_SECONDS = 20.0
"""How long a run may take."""

Cut = Callable[[LiveServer, int, str], int]


def answer(made: Connection) -> None:
    made.set_up()
    made.receive()
    for piece in PIECES:
        made.audio(piece)
    made.content(generationComplete=True)
    made.content(turnComplete=True)
    made.drain()


@pytest.fixture
def cut(livecli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cut:
    """Ask a server whose bytes end after so many, in this way, and check how that ends. Returns how many came."""
    # A server that hangs does not answer the close either.
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.1)

    def run(server: LiveServer, most: int, end: str) -> int:
        for path in tmp_path.glob("*.wav"):
            path.unlink()
        where = urlsplit(server.url)
        started = time.monotonic()
        with cutting_proxy(where.port or 0, most, end) as passed:
            url = f"{where.scheme}://localhost:{passed.port}"
            seconds = HANG_SECONDS if end == "hang" else BOUND_SECONDS
            words = ["--connect-timeout", seconds, "--idle-timeout", seconds, "--retries", 0, "--json"]
            ran = livecli(
                "send", "--text", "hi", "-o", "speech.reply.wav", "--base-url", url, "--no-transcripts", *words
            )
        assert time.monotonic() - started < BOUND_SECONDS
        ended_well(ran, debug=False)
        kept = kept_audio(ran, tmp_path)
        if where.scheme == "ws":
            assert (ran.status, kept) == outcome(passed.data, end)
        else:
            # Which bytes are whose is not to be seen here.
            assert b"".join(PIECES).startswith(kept)
            assert ran.status or kept == b"".join(PIECES), "only a complete reply is a success"
        return len(passed.data)

    return run


def outcome(came: bytes, end: str) -> tuple[int, bytes]:
    """The exit status and the reply of a run that got these bytes of the server."""
    _, blank, frames = came.partition(b"\r\n\r\n")
    if not blank:
        return (7 if end == "hang" else 5), b""
    messages = [*whole_messages(frames)]
    parts = [part for message in messages for part in message.get("modelTurn", {}).get("parts", [])]
    pcm = b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)
    is_complete = any("turnComplete" in message for message in messages)
    return 0 if is_complete else 7 if end == "hang" else 6, pcm


def whole_messages(frames: bytes):
    """The contents of the frames that came whole. A server's frames are not masked, and these are short."""
    while len(frames) >= 2:
        length, start = frames[1], 2
        if length == 126:
            length, start = int.from_bytes(frames[2:4]), 4
        if len(frames) < start + length:
            return
        if frames[0] == 0x82:
            yield json.loads(frames[start : start + length]).get("serverContent", {})
        frames = frames[start + length :]


@pytest.mark.parametrize("end", ENDS)
def test_at_some_bytes(cut: Cut, end: str) -> None:
    with live_server(answer) as server:
        length = cut(server, 2**60, "FIN")
        for most in [0, 1, *random.Random(3).sample(range(2, length), 6 if end == "hang" else 12), length]:
            cut(server, most, end)


@pytest.fixture
def encrypted(tmp_path_factory, monkeypatch):
    """A server with TLS that livecli trusts."""
    from livecli.emulator.certificates import certificates

    kept = certificates(tmp_path_factory.mktemp("state"))
    monkeypatch.setenv("SSL_CERT_FILE", str(kept.bundle))
    context: ssl.SSLContext = kept.context
    with live_server(answer, ssl=context) as server:
        yield server


@pytest.mark.parametrize("end", ENDS)
def test_at_some_bytes_of_tls(cut: Cut, encrypted: LiveServer, end: str) -> None:
    length = cut(encrypted, 2**60, "FIN")
    for most in random.Random(4).sample(range(length), 3 if end == "hang" else 6):
        cut(encrypted, most, end)


def test_the_undisturbed_reply_is_whole(livecli, tmp_path) -> None:
    with live_server(answer) as server:
        ran = livecli("send", "--text", "hi", "-o", "r.wav", "--base-url", server.url)
    assert ran.status == 0, ran.err
    assert read_wav(tmp_path / "r.wav")[1] == b"".join(PIECES)
