"""`send` against servers that overdo one thing: how it ends, how soon, and that no audio is lost."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect as websocket_connect
from websockets.frames import Opcode

from tests.end_to_end.conftest import Ran, read_wav, tone, write_wav
from tests.end_to_end.test_send_fuzz import ended_well
from tests.hostile import audio, frame, nested
from tests.live_server import Connection, live_server

REPLY = tone(24_000, 24_000)
MIB = 2**20
BOUND_SECONDS = 20.0
"""Ten times what the slowest takes."""

fuzzed = settings(
    deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def ask(livecli, speech) -> Callable[..., Ran]:
    """Ask a server that has said REPLY once, says more, and then ends the turn."""

    def run(more: Callable[[Connection], None], *options: object) -> Ran:
        def handle(connection: Connection) -> None:
            connection.set_up()
            connection.hear()
            connection.audio(REPLY)
            with suppress(OSError):  # the client has left
                more(connection)
                connection.content(turnComplete=True)
            connection.drain()

        started = time.monotonic()
        with live_server(handle) as server:
            ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json", *options)
        assert time.monotonic() - started < BOUND_SECONDS
        ended_well(ran, debug=False)
        return ran

    return run


def kept(speech, partial: bool = False) -> bytes:
    return read_wav(speech.with_name(f"speech.reply{'.partial' * partial}.wav"))[1]


def test_5_000_small_messages(ask, speech) -> None:
    def more(connection: Connection) -> None:
        for number in range(2_500):
            connection.content(outputTranscription={"text": "x"})
            connection.audio(number.to_bytes(2, "little"))

    ran = ask(more)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == 2_500 * "x"
    assert kept(speech) == REPLY + b"".join(number.to_bytes(2, "little") for number in range(2_500))


@pytest.mark.parametrize("kind", ["inputTranscription", "outputTranscription"])
def test_a_transcript_without_end_is_cut_and_said_to_be(ask, speech, kind: str) -> None:
    def more(connection: Connection) -> None:
        for _ in range(200):
            connection.content(**{kind: {"text": 1_000 * "words "}})

    ran = ask(more)
    assert ran.status == 0, ran.err
    [transcript] = [text for text in ran.summary["transcript"].values() if text]
    assert len(transcript) == 1_000_000
    assert ran.summary["warnings"][0] == "a text of more than 1,000,000 characters is cut there in the summary"
    assert kept(speech) == REPLY


def test_a_message_that_lasts_hours_does_not_hold_up_a_timeout(livecli, speech) -> None:
    """8 MiB at 1 kHz take 3 GB at the rate of the reply's first chunk, and most of a minute to resample."""

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(REPLY, "audio/pcm;rate=384000")
        connection.audio(bytes(8 * MIB), "audio/pcm;rate=1000")
        connection.drain()

    started = time.monotonic()
    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json", "--timeout", 1)
        seconds = time.monotonic() - started
    assert ran.status == 7, ran.err
    assert seconds < BOUND_SECONDS
    rate, pcm = read_wav(speech.with_name("speech.reply.partial.wav"))
    assert (rate, pcm[: len(REPLY)]) == (384_000, REPLY)


@pytest.mark.parametrize("part", ["{}", '{"text":"x"}'])
def test_one_message_of_50_000_parts(ask, speech, part: str) -> None:
    message = f'{{"serverContent":{{"modelTurn":{{"parts":[{",".join(50_000 * [part])}]}}}}}}'
    ran = ask(lambda connection: connection.say(message))
    assert ran.status == 0, ran.err
    assert kept(speech) == REPLY


@pytest.mark.parametrize("in_fragments", [False, True])
def test_a_message_over_16_mib(ask, speech, in_fragments: bool) -> None:
    def more(connection: Connection) -> None:
        blocks = [bytes(MIB)] * 17 if in_fragments else [bytes(16 * MIB + 1)]
        for number, block in enumerate(blocks):
            opcode = Opcode.CONT if number else Opcode.BINARY
            connection.socket.socket.sendall(frame(opcode, block, fin=not in_fragments))

    ran = ask(more)
    assert ran.status == 6
    assert "a message over 16 MiB" in ran.err
    assert kept(speech, partial=True) == REPLY


@pytest.mark.parametrize("levels", [99, 100, 930, 933, 936, 939, 20_000])
def test_depths_that_a_decoder_bears_and_a_printer_may_not(ask, speech, levels: int) -> None:
    ran = ask(lambda connection: connection.say(b'{"usageMetadata":%b}' % nested(levels)), "-v")
    assert ran.status == (0 if levels < 100 else 6)
    assert kept(speech, partial=levels > 99) == REPLY


def test_half_a_sample_is_no_reply(livecli, speech) -> None:
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.answer(b"x")
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    assert ran.status == 1
    assert ran.summary["output"] is None
    assert not list(speech.parent.glob("speech.reply*"))


@pytest.mark.parametrize("end", ["reset", "hang up"])
def test_last_words_are_read_though_nobody_takes_ours_any_more(livecli, tmp_path, end: str) -> None:
    """A write that fails must not cost what has arrived before: audio, and the close that says why."""
    write_wav(tmp_path / "long.wav", tone(16_000) * 60)
    said = REPLY[:24_000]

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        raw = connection.socket.socket
        close = frame(Opcode.CLOSE, struct.pack(">H", 1011) + b"Quota exceeded")
        # At once: the socket takes less in many small writes while the peer does not read.
        raw.sendall(b"".join(frame(Opcode.BINARY, audio(said[at : at + 960])) for at in range(0, 24_000, 960)) + close)
        if end == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.shutdown(socket.SHUT_RD if end == "reset" else socket.SHUT_RDWR)

    with live_server(handle) as server:
        ran = livecli("send", "long.wav", "--base-url", server.url, "--speed", 0, "--json")
    ended_well(ran, debug=False)
    assert ran.status == 8, ran.err
    assert read_wav(tmp_path / "long.reply.partial.wav")[1] == said


# --- before there is a session ---


class Answering:
    """A server that answers every upgrade with `answer`."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        self.answer = b""
        self._listener = listener

    def run(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(self.answer)


@pytest.fixture
def answering() -> Iterator[Answering]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Answering(listener)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


names = st.sampled_from(
    ["Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions", "Location", "Content-Length"]
) | st.text(max_size=5)
contents = st.sampled_from(
    ["websocket", "upgrade", "permessage-deflate", "9" * 5_000, "-1", "[/red]\x1b[31m"]
) | st.text(max_size=8)
headers = st.lists(st.builds("{}: {}\r\n".format, names, contents), max_size=6).map("".join)
other_headers = st.lists(
    st.sampled_from(["Upgrade: websocket\r\n", "Connection: [/red]\r\n", "Location: ws://localhost:1/\r\n", "X:\r\n"]),
    max_size=6,
).map("".join)
nothing_else = st.sampled_from(["101", "200", "302", "404", "500", "999", "1", "x"])
phrases = st.sampled_from(["Switching Protocols", "No [/red]", ""])
hostile_phrases = phrases | st.just("\x1b[31mNo")
bodies = st.sampled_from(["", '{"error":{"message":"\x1b[31m\u202e"}}', '{"error":3}', "[", "9" * 5_000, "[" * 4_000])


def answers(
    statuses: st.SearchStrategy[str], phrases: st.SearchStrategy[str], headers: st.SearchStrategy[str]
) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda *parts: "HTTP/1.1 {} {}\r\n{}\r\n{}".format(*parts).encode(errors="surrogatepass"),
        statuses,
        phrases,
        headers,
        bodies,
    )


def check_answer(livecli, answering: Answering, speech, answer: bytes, status: int) -> None:
    answering.answer = answer
    ran = livecli("send", speech, "--base-url", answering.url, "--json", "--retries", 0)
    ended_well(ran, debug=False)
    assert ran.status == status, ran.err
    assert len(ran.err) < 20_000


@fuzzed
@given(answer=st.binary(max_size=200) | answers(nothing_else, hostile_phrases, headers))
def test_whatever_answers_the_upgrade_is_no_connection(livecli, answering: Answering, speech, answer: bytes) -> None:
    check_answer(livecli, answering, speech, answer, 5)


@pytest.mark.parametrize(("refusal", "status"), [("401", 4), ("403", 4), ("429", 8), ("503", 8)])
@fuzzed
@given(data=st.data())
def test_a_refusal_is_known_by_its_status_whatever_it_says(
    livecli, answering: Answering, speech, refusal: str, status: int, data: st.DataObject
) -> None:
    answer = data.draw(answers(st.just(refusal), phrases, other_headers))
    check_answer(livecli, answering, speech, answer, status)


@pytest.mark.parametrize("refusal", ["401", "403", "429", "503"])
@pytest.mark.parametrize("header", [": x", "Content-Length: -1", "Content-Length: many", "X: \x1b[31m", "no colon"])
def test_a_refusal_that_is_no_http_is_no_connection(livecli, answering, speech, refusal, header) -> None:
    check_answer(livecli, answering, speech, f"HTTP/1.1 {refusal} No\r\n{header}\r\n\r\n".encode(), 5)


@pytest.mark.parametrize(("size", "idle_seconds", "status"), [(0, 1, 7), (1, 1, 7), (1024, 20, 6)])
def test_a_message_that_never_ends(ask, speech, size: int, idle_seconds: float, status: int) -> None:
    """In fragments, of which none is the last: small ones last too long, and large ones are too much."""

    def more(connection: Connection) -> None:
        opening, going_on = frame(Opcode.BINARY, b"{", fin=False), frame(Opcode.CONT, bytes(size), fin=False)
        connection.socket.socket.sendall(opening + 1_000 * going_on)
        for _ in range(200):
            connection.socket.socket.sendall(1_000 * going_on)

    ran = ask(more, "--idle-timeout", idle_seconds)
    assert ran.status == status, ran.err
    assert kept(speech, partial=True) == REPLY


def test_without_the_hook_that_refuses_redirects_no_connection_is_made(livecli, answering, speech, monkeypatch) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "ya29.for-one-host-only")
    monkeypatch.delattr(websocket_connect, "process_redirect")
    with live_server(lambda connection: None) as server:
        ran = livecli("send", speech, "--base-url", server.url)
    assert (ran.status, server.requests) == (5, [])
    assert "would follow a redirect, and take the credential along\nhint: pip install 'websockets>=15,<18'\n" in ran.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_takes_no_credential_there(livecli, answering, speech, monkeypatch, status) -> None:
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "ya29.for-one-host-only")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    with live_server(lambda connection: None) as other:
        answering.answer = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        ran = livecli("send", speech, "--base-url", answering.url, "--json")
    assert (ran.status, other.requests) == (5, [])
    assert "redirects are not followed" in ran.err
