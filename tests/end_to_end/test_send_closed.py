"""A close or a protocol error ends a run at once, also where the server keeps the TCP connection open."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from websockets.frames import Frame, Opcode

from livecli.client import connection, turn_end
from livecli.emulator.certificates import certificates
from tests.end_to_end.conftest import read_wav, tone
from tests.live_server import Connection, live_server

REPLY = tone(4_800, 24_000)
BOUND_SECONDS = 20.0


def frame(opcode: Opcode, payload: bytes) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


def close(code: int, reason: str) -> bytes:
    return frame(Opcode.CLOSE, struct.pack("!H", code) + reason.encode())


def upgrade(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    [key] = [line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@contextmanager
def deaf_server(*frames: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that sends one of these after each message of the client, and then reads nothing. It keeps TCP open."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        accepted, _ = listener.accept()
        if tls is not None:
            accepted = tls.wrap_socket(accepted, server_side=True)
        kept.append(accepted)
        upgrade(accepted)
        # The client may leave before it has read everything.
        with suppress(ConnectionError):
            for each in frames:
                assert accepted.recv(65536)
                accepted.sendall(each)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"{'wss' if tls else 'ws'}://localhost:{listener.getsockname()[1]}"
    finally:
        thread.join(10)
        for each in (*kept, listener):
            each.close()


SET_UP = frame(Opcode.TEXT, b'{"setupComplete": {}}')

ENDS = {
    "key": ([close(1007, "API key not valid. Please pass a valid API key.")], 4),
    "after the setup": ([SET_UP, close(1011, "Internal error encountered.")], 6),
    "normal": ([SET_UP, close(1000, "")], 6),
    "quota": ([SET_UP, close(1011, "You exceeded your current quota, please check your plan.")], 8),
    "reserved bits": ([SET_UP, b"\xf1\x00"], 6),
    "too large": ([SET_UP, b"\x82\x7f" + (2**25).to_bytes(8)], 6),
}


@pytest.fixture
def certificate(tmp_path_factory, monkeypatch) -> ssl.SSLContext:
    """A certificate that livecli trusts."""
    kept = certificates(tmp_path_factory.mktemp("state"))
    monkeypatch.setenv("SSL_CERT_FILE", str(kept.bundle))
    return kept.context


@pytest.mark.parametrize("is_encrypted", [False, True])
@pytest.mark.parametrize("idle", [30, 60])
@pytest.mark.parametrize("end", ENDS)
def test_the_end_is_noticed_while_tcp_stays_open(livecli, certificate, end, idle, is_encrypted) -> None:
    frames, status = ENDS[end]
    with deaf_server(*frames, tls=certificate if is_encrypted else None) as url:
        started = time.monotonic()
        ran = livecli("send", "--text", "x", "--base-url", url, "--idle-timeout", idle, "--retries", 0, "--json")
        assert time.monotonic() - started < 20
    assert ran.summary["exit_code"] == ran.status == status, ran.err


CALL = {"toolCall": {"functionCalls": [{"id": "c", "name": "f"}, {"id": "d", "name": "f"}]}}


@pytest.mark.parametrize(("code", "answered", "status"), [(1000, True, 0), (1011, True, 0), (1000, False, 6)])
def test_a_whole_answer_is_kept_where_the_server_closes_while_more_is_doubtful(
    livecli, tmp_path, monkeypatch, code, answered, status
) -> None:
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 2 * BOUND_SECONDS)

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.audio(REPLY)
        connection.say(CALL)
        connection.receive()
        connection.receive()
        connection.content(turnComplete=True)
        if answered:
            connection.answer(REPLY)
        connection.close(code)

    program = tmp_path / "f"
    program.write_text("#!/bin/sh\necho 1\n")
    program.chmod(0o755)
    with live_server(handle) as server:
        started = time.monotonic()
        words = ("--base-url", server.url, "--model", "gemini-3.8-live", "--tool", "f=./f", "--retries", 0)
        ran = livecli("send", "--text", "x", *words, "--json", "-o", "reply.wav")
        assert time.monotonic() - started < BOUND_SECONDS
    assert ran.status == status, ran.err
    assert json.loads(ran.out)["ok"] is (status == 0)
    assert read_wav(tmp_path / ("reply.wav" if status == 0 else "reply.partial.wav"))[1] == REPLY * (1 + answered)


def test_a_server_that_pings_and_reads_nothing_is_given_up(livecli, monkeypatch) -> None:
    monkeypatch.setattr(connection, "MAX_UNTAKEN_BYTES", 2**20)
    pings = frame(Opcode.PING, bytes(125)) * 100_000
    with deaf_server(SET_UP, pings) as url:
        started = time.monotonic()
        ran = livecli("send", "--text", "x", "--base-url", url, "--retries", 0, "--json")
        assert time.monotonic() - started < BOUND_SECONDS
    assert ran.status == 6, ran.err
    assert ran.summary["error"]["message"] == "the connection was lost without a close"
