"""Sessions that outlive their connections, seen from the command line: what is sent again, and what is kept."""

from __future__ import annotations

import base64
import errno
import json
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from livecli.client import connection, retransmit, retry
from livecli.client import retransmit as spool
from livecli.client import session as client
from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.live_server import Connection, live_server
from tests.serving import serving

REPLY = tone(4_800, 24_000)
Talk = Callable[[Connection, int], None]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.02)


@pytest.fixture
def send(livecli, speech):
    """Send half a second to a server that is told which connection this is, from 1."""

    def run(talk: Talk, *words, platform: str = "vertex"):
        count = [0]

        def handle(made: Connection) -> None:
            count[0] += 1
            talk(made, count[0])

        with live_server(handle) as server:
            where = ("--base-url", server.url, "--platform", platform, "--project", "p", "--speed", 0)
            ran = livecli("send", speech, *where, "--json", "-v", *words)
        ran.setups = [frame["setup"] for frame in server.frames if "setup" in frame]
        ran.server = server
        return ran

    return run


def resumable(made: Connection, handle: str = "h", index: int | str | None = None) -> None:
    told = {} if index is None else {"lastConsumedClientMessageIndex": str(index)}
    made.say({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True, **told}})


def hear_messages(made: Connection, most: int = 10**9) -> list[dict]:
    """What the client says in so many messages, or until it has spoken."""
    heard: list[dict] = []
    while len(heard) < most:
        heard.append(made.receive()["realtimeInput"])
        if "activityEnd" in heard[-1]:
            break
    return heard


def pcm(said: list[dict]) -> bytes:
    return b"".join(base64.b64decode(each["audio"]["data"]) for each in said if "audio" in each)


def hang_up(made: Connection) -> None:
    """End the TCP connection without a close. (A reset would take with it what was not read yet.)"""
    made.socket.socket.shutdown(socket.SHUT_WR)


ENDS = {
    "hung up": hang_up,
    "1000": lambda made: made.close(1000),
    "1001": lambda made: made.close(1001),
    "1011": lambda made: made.close(1011, "Internal error encountered."),
    "too old": lambda made: made.close(1011, "Deadline expired before operation could complete."),
    "overloaded": lambda made: made.close(1011, "The service is currently unavailable."),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("confirmed", [0, 1, 7, 12])
def test_what_the_service_has_not_consumed_is_said_again(send, speech, end, confirmed) -> None:
    heard: list[list[dict]] = []

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        if number == 1:
            resumable(made, "first", 0)
            heard.append(hear_messages(made, 12))
            resumable(made, "second", confirmed)
            ENDS[end](made)
        else:
            heard.append(hear_messages(made))
            made.answer(REPLY)
            made.drain()

    ran = send(talk)
    assert ran.status == 0, ran.err
    assert pcm(heard[0][:confirmed] + heard[1]) == read_wav(speech)[1]
    assert ran.setups[1] == {**ran.setups[0], "sessionResumption": {"handle": "second", "transparent": True}}
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY
    assert ran.summary["sent"]["bytes"] == 16_000


def test_the_index_begins_anew_with_every_connection(send, speech) -> None:
    heard: list[dict] = []

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        if number < 4:
            resumable(made, f"{number}-0", 0)
            heard.extend(hear_messages(made, 3))
            resumable(made, f"{number}-3", 3)
            hang_up(made)
        else:
            heard.extend(hear_messages(made))
            made.answer(REPLY)
            made.drain()

    ran = send(talk)
    assert ran.status == 0, ran.err
    assert pcm(heard) == read_wav(speech)[1]
    assert [setup["sessionResumption"].get("handle") for setup in ran.setups] == [None, "1-3", "2-3", "3-3"]


IGNORED, EVERYTHING, NOTHING_TO_RESUME = (0, 20), (7, 1), (6, 20)


@pytest.mark.parametrize(
    ("index", "status", "idle_seconds"),
    [
        # No index is used after it, nor the handle that came with it: the session is lost.
        (10**18, *NOTHING_TO_RESUME),
        (-1, *NOTHING_TO_RESUME),
        (-(10**18), *NOTHING_TO_RESUME),
        *((index, *IGNORED) for index in (10**30, "x" * 10, "NaN", "9" * 5_000, "\x1b[31m[/red]")),
    ],
)
def test_an_index_that_cannot_be(send, speech, index, status, idle_seconds) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, "\x1b]0;x\x07[/red]" + "h" * 100, index)
        if number == 1:
            made.receive()
            hang_up(made)
        else:
            made.hear()
            made.answer(REPLY)
            made.drain()

    ran = send(talk, "--idle-timeout", idle_seconds)
    assert ran.status == status, ran.err
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err
    assert "hhhh" not in ran.err


@pytest.mark.parametrize(
    "left", ["-1s", "infs", "nans", "1e400s", "99999999999999s", "", "0s", "x" * 1000, "0.000000001s"]
)
def test_a_go_away_that_cannot_be(send, speech, left) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, "h", 0)
        made.say({"goAway": {"timeLeft": left}})
        made.hear()
        made.answer(REPLY)
        made.drain()

    ran = send(talk)
    assert ran.status == 0, ran.err
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY
    assert len(ran.setups) <= 2


def test_mid_answer_what_came_is_taken_back_and_comes_again(send, speech) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, f"h{number}")
        made.hear()
        made.content(outputTranscription={"text": "half "})
        made.audio(REPLY[:2_000])
        if number < 3:
            hang_up(made)
            return
        made.audio(REPLY[2_000:])
        made.content(outputTranscription={"text": "whole"})
        made.answer(b"")
        made.drain()

    ran = send(talk, platform="developer")
    assert ran.status == 0, ran.err
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY
    assert ran.summary["transcript"]["output"] == "half whole"
    assert ran.summary["received"]["bytes"] == len(REPLY)
    assert "what has no answer yet is sent again" in ran.err


def test_where_there_is_no_next_connection_what_came_is_kept(send, speech) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        if number > 1:
            made.close(1008, "Requested entity was not found.")
            return
        resumable(made)
        made.hear()
        made.audio(REPLY)
        hang_up(made)

    ran = send(talk)
    assert (ran.status, len(ran.setups)) == (6, 2)
    assert read_wav(speech.with_name("speech.reply.partial.wav"))[1] == REPLY


def test_what_came_before_the_end_is_read_though_the_sender_noticed_first(send, tmp_path, livecli) -> None:
    """Frames of the old connection are not taken for the new one's."""
    write_wav(tmp_path / "long.wav", tone(16_000) * 60)

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, f"h{number}")
        if number == 1:
            made.receive()
            for at in range(0, len(REPLY), 96):
                made.audio(REPLY[at : at + 96])
            raw = made.socket.socket
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.shutdown(socket.SHUT_RD)
            raw.close()
            return
        made.hear()
        made.answer(REPLY)
        made.drain()

    count = [0]

    def handle(made: Connection) -> None:
        count[0] += 1
        talk(made, count[0])

    with live_server(handle) as server:
        where = ("--base-url", server.url, "--platform", "developer")
        ran = livecli("send", "long.wav", *where, "--speed", 0, "--json")
    assert ran.status == 0, ran.err
    assert read_wav(tmp_path / "long.reply.wav")[1] == REPLY


def test_into_a_pipe_it_cannot_be_taken_back_and_that_is_said(fork, speech) -> None:
    count = [0]

    def handle(made: Connection) -> None:
        count[0] += 1
        made.set_up()
        resumable(made, "h")
        made.hear()
        made.audio(REPLY)
        if count[0] == 1:
            hang_up(made)
            return
        made.answer(b"")
        made.drain()

    with live_server(handle) as server:
        process = fork("send", speech, "--base-url", server.url, "--speed", 0, "-o", "-", "--raw-output")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out == REPLY + REPLY
    assert (
        b"warning: the connection was lost during the answer, whose beginning was already written: it may be repeated"
        in err
    )


class Disk:
    """A temporary file that is written as any other, and read as `read` does."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)
        self.read, self.seek, self.write, self.close = read, self._file.seek, self._file.write, self._file.close


def raises(error: Exception) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "status", "trouble"),
    [
        (raises(OSError(errno.EIO, os.strerror(errno.EIO))), 3, os.strerror(errno.EIO)),
        (lambda size: b"", 3, "shorter than it was"),
        (raises(RuntimeError("a bug")), 70, "RuntimeError: a bug"),
    ],
)
def test_what_cannot_be_said_again_ends_the_run(send, monkeypatch, read, status, trouble) -> None:
    monkeypatch.setattr(retransmit, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(retransmit, "LEAST_BYTES", 0)
    monkeypatch.setattr(spool, "SpoolFile", lambda made=spool.SpoolFile: failing(made()))

    def failing(file: spool.SpoolFile) -> spool.SpoolFile:
        file.on_disk.close()
        file.on_disk = Disk(read)
        return file

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        if number == 1:
            resumable(made)
            hear_messages(made, 12)
            hang_up(made)
        made.drain()

    ran = send(talk, "--idle-timeout", 0, "--timeout", 10)
    assert ran.status == status, ran.err
    assert trouble in ran.err
    assert len(ran.setups) == 2


def test_no_handle_no_second_connection(send, speech) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        made.hear()
        made.audio(REPLY)
        hang_up(made)

    ran = send(talk)
    assert (ran.status, len(ran.setups)) == (6, 1)
    assert read_wav(speech.with_name("speech.reply.partial.wav"))[1] == REPLY


@pytest.mark.parametrize("code", [1007, 1008])
def test_what_is_refused_is_not_said_again(send, code) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, "h", 0)
        made.hear()
        made.close(code, "Request contains an invalid argument.")

    ran = send(talk)
    assert (ran.status, len(ran.setups)) == (6, 1)


def test_what_was_said_while_it_answered_is_not_taken_for_answered(send, tmp_path, speech) -> None:
    """Where the service detects the end of speech, the client speaks on while it answers."""
    write_wav(speech, tone(32_000))
    heard: list[dict] = []

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, f"h{number}")
        if number == 1:
            heard.extend(hear_messages(made, 10))
            made.audio(REPLY)
            hear_messages(made, 20)
            made.content(turnComplete=True)
            resumable(made, "after the turn")
            made.close(1011, "Deadline expired before operation could complete.")
            return
        while "audioStreamEnd" not in (said := made.receive()["realtimeInput"]):
            heard.append(said)
        made.answer(REPLY)
        made.drain()

    words = ("--activity", "auto", "--speed", 5, "--trailing-silence", 0)
    ran = send(talk, *words, platform="developer")
    assert ran.status == 0, ran.err
    whole, found = read_wav(speech)[1], pcm(heard)
    assert found.startswith(whole[:10_240])
    assert found.endswith(whole[-40_000:]), "what came while it answered is said again"
    assert abs(len(found) - len(whole)) < 5 * 1024, "give or take what was on the way"
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY + REPLY


def test_nothing_is_opened_again_once_the_answer_is_there(send, speech) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, "h", 0)
        made.hear()
        made.say({"goAway": {"timeLeft": "0s"}})
        made.answer(REPLY)
        resumable(made, "h2", 20)
        made.close(1011, "Deadline expired before operation could complete.")

    ran = send(talk)
    assert (ran.status, len(ran.setups)) == (0, 1), ran.err


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_connections_that_are_good_for_nothing_are_counted(send, retries) -> None:
    def talk(made: Connection, number: int) -> None:
        made.set_up()
        resumable(made, "h", 0)
        made.receive()
        hang_up(made)

    ran = send(talk, "--retries", retries)
    assert (ran.status, len(ran.setups)) == (6, retries + 1)


def test_the_old_connection_is_closed_before_the_next_is_opened(send, speech) -> None:
    open_at_once: list[int] = []
    held = [0]

    def talk(made: Connection, number: int) -> None:
        held[0] += 1
        open_at_once.append(held[0])
        made.set_up()
        resumable(made, "h", 0)
        try:
            if number == 1:
                hear_messages(made, 3)
                resumable(made, "h2", 3)
                made.say({"goAway": {"timeLeft": "0s"}})
                made.drain()
                return
            made.hear()
            made.answer(REPLY)
            made.drain()
        finally:
            held[0] -= 1

    ran = send(talk, "--speed", 1)
    assert ran.status == 0, ran.err
    assert open_at_once == [1, 1]
    assert ran.server.close_codes == [1000, 1000]


def test_a_token_that_has_expired_is_refreshed_first(livecli, stand_in, service_account, speech) -> None:
    service_account()
    stand_in.expires_in = 1  # google-auth takes that for expired already
    count = [0]

    def handle(made: Connection) -> None:
        count[0] += 1
        made.set_up()
        resumable(made, "h", 0)
        if count[0] == 1:
            made.receive()
            hang_up(made)
            return
        made.hear()
        made.answer(REPLY)
        made.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--platform", "vertex")
    assert ran.status == 0, ran.err
    tokens = [request.headers["Authorization"] for request in server.requests]
    assert len(set(tokens)) == 2, tokens
    assert "ya29" not in ran.err + ran.out


class TestTools:
    @pytest.fixture
    def tool(self, tmp_path: Path) -> Callable[[], int]:
        """A command that leaves a line each time it runs."""
        (tmp_path / "tool.sh").write_text("#!/bin/sh\necho run >> runs\ncat > /dev/null; echo sunny\n")
        (tmp_path / "tool.sh").chmod(0o755)
        return lambda: len((tmp_path / "runs").read_text().splitlines()) if (tmp_path / "runs").exists() else 0

    def test_a_call_since_the_last_handle_is_made_again_and_its_first_response_is_not_said(self, send, tool) -> None:
        responses: list[tuple[int, str]] = []

        def talk(made: Connection, number: int) -> None:
            made.set_up()
            resumable(made, f"h{number}")
            made.hear()
            made.say({"toolCall": {"functionCalls": [{"id": f"c{number}", "name": "weather", "args": {}}]}})
            made.content(turnComplete=True)
            said = made.receive()["toolResponse"]["functionResponses"]
            responses.extend((number, each["id"]) for each in said)
            if number == 1:
                hang_up(made)
                return
            made.answer(REPLY)
            made.drain()

        ran = send(talk, "--tool", "weather=./tool.sh", platform="developer")
        assert ran.status == 0, ran.err
        assert responses == [(1, "c1"), (2, "c2")]
        assert tool() == 2

    def test_a_call_before_the_last_handle_goes_on_over_the_break(self, send, tool, tmp_path) -> None:
        (tmp_path / "tool.sh").write_text("#!/bin/sh\necho run >> runs\ncat > /dev/null; sleep 0.5; echo sunny\n")
        responses: list[tuple[int, str]] = []

        def talk(made: Connection, number: int) -> None:
            made.set_up()
            if number == 1:
                resumable(made, "h1", 0)
                heard = hear_messages(made)
                made.say({"toolCall": {"functionCalls": [{"id": "c1", "name": "weather", "args": {}}]}})
                made.audio(REPLY)
                made.content(turnComplete=True)
                resumable(made, "h2", len(heard))
                hang_up(made)
                return
            said = made.receive()["toolResponse"]["functionResponses"]
            responses.extend((number, each["id"]) for each in said)
            made.answer(REPLY)
            made.drain()

        ran = send(talk, "--tool", "weather=./tool.sh")
        assert ran.status == 0, ran.err
        assert responses == [(2, "c1")]
        assert tool() == 1
        assert read_wav(tmp_path / "speech.reply.wav")[1] == REPLY + REPLY


class TestPings:
    """The service's pongs take up to 30 s; here a second is a twenty-fifth."""

    @pytest.fixture(autouse=True)
    def scaled(self, monkeypatch) -> None:
        assert (connection.PING_SECONDS, connection.PONG_SECONDS) == (20, 40)
        for module in (connection, client):
            monkeypatch.setattr(module, "PONG_SECONDS", 1.6)
        monkeypatch.setattr(connection, "PING_SECONDS", 0.8)

    def test_pongs_may_take_30_seconds(self, send, speech) -> None:
        def talk(made: Connection, number: int) -> None:
            made.set_up()
            resumable(made, "h", 0)
            made.hear()
            time.sleep(1.2)  # nothing is read, so nothing answers the ping either
            protocol = made.socket.protocol
            made.audio(REPLY[:960])
            assert protocol.state.name == "OPEN"
            made.answer(REPLY[960:])
            made.drain()

        ran = send(delayed_pongs(talk, 1.2), "--idle-timeout", 5)
        assert (ran.status, len(ran.setups)) == (0, 1), ran.err

    def test_a_dead_peer_is_noticed_within_60(self, send, speech) -> None:
        gone, seen = threading.Event(), []

        def talk(made: Connection, number: int) -> None:
            made.set_up()
            if number == 1:
                resumable(made, "h", 0)
                made.hear()
                seen.append(time.monotonic())
                gone.wait(10)
                return
            seen.append(time.monotonic())
            made.hear()
            gone.set()
            made.answer(REPLY)
            made.drain()

        ran = send(delayed_pongs(talk, 60), "--idle-timeout", 30)
        assert ran.status == 0, ran.err
        assert len(ran.setups) == 2
        assert seen[1] - seen[0] < 2.4 + 10, "60 s of silence, scaled, and the close that is waited for"
        assert "not answered a ping" in ran.err


def delayed_pongs(talk: Talk, seconds: float) -> Talk:
    """As `talk`, by a server whose pongs take so long."""

    def slow(made: Connection, number: int) -> None:
        protocol = made.socket.protocol
        send_frame = protocol.send_frame

        def pong(frame: Frame) -> None:
            if frame.opcode is not Opcode.PONG:
                send_frame(frame)
                return

            def late() -> None:
                with made.socket.protocol_mutex:
                    if protocol.state.name == "OPEN":
                        send_frame(frame)
                        made.socket.send_data()

            timer = threading.Timer(seconds, late)
            timer.daemon = True
            timer.start()

        protocol.send_frame = pong
        talk(made, number)

    return slow


class TestNothingIsLeft:
    @pytest.mark.parametrize("moment", ["redial", "pause"])
    def test_when_it_is_interrupted_between_connections(self, fork, speech, moment, tmp_path) -> None:
        """Neither the reply nor a socket waits for what will not come."""
        redialled, over = threading.Event(), threading.Event()
        count = [0]

        def handle(made: Connection) -> None:
            count[0] += 1
            if count[0] == 1:
                made.set_up()
                resumable(made, "h", 0)
                made.hear()
                made.audio(REPLY)
                hang_up(made) if moment == "redial" else made.close(1011, "Internal error encountered.")
            else:
                made.receive()
                redialled.set()
                over.wait(20)

        with live_server(handle) as server:
            process = fork("send", speech, "--base-url", server.url, "--speed", 0, "-v")
            if moment == "redial":
                assert redialled.wait(20)
            else:
                assert any(b"trying again in" in line for line in process.stderr)
            process.terminate()
            _, err = process.communicate(timeout=20)
            over.set()
        assert process.returncode == 143, err
        assert read_wav(tmp_path / "speech.reply.partial.wav")[1] == REPLY
        assert b"Traceback" not in err
        assert b"never retrieved" not in err


def test_two_who_speak_at_once_keep_the_order_that_is_counted(livecli, tmp_path) -> None:
    """A tool's response between chunks of audio, with losses all the while: no sample is lost or doubled."""
    write_wav(tmp_path / "long.wav", tone(16_000) * 20)
    (tmp_path / "t.sh").write_text("#!/bin/sh\ncat > /dev/null; echo x\n")
    (tmp_path / "t.sh").chmod(0o755)
    heard: list[dict] = []
    count = [0]

    def answer(made: Connection, responses: int) -> None:
        """A turn for what was asked, and one for each response, of those too that are still to come."""
        for _ in range(1 + responses):
            made.answer(REPLY)
        while True:
            if "toolResponse" in made.receive():
                made.answer(REPLY)

    def handle(made: Connection) -> None:
        count[0] += 1
        made.set_up()
        resumable(made, f"{count[0]}-0", 0)
        here: list[dict] = []
        for number in range(1, 80):
            here.append(made.receive())
            if "activityEnd" in here[-1].get("realtimeInput", {}):
                heard.extend(here)
                answer(made, sum("toolResponse" in each for each in heard))
            if number in (5, 40):
                call = {"id": f"{count[0]}-{number}", "name": "f", "args": {}}
                made.say({"toolCall": {"functionCalls": [call]}})
        heard.extend(here[:70])
        resumable(made, f"{count[0]}-70", 70)
        hang_up(made)

    with live_server(handle) as server:
        where = ("--base-url", server.url, "--platform", "vertex", "--project", "p")
        ran = livecli("send", "long.wav", *where, "--tool", "f=./t.sh", "--speed", 20)
    assert ran.status == 0, ran.err
    assert any("toolResponse" in each for each in heard)
    sound = pcm([each["realtimeInput"] for each in heard if "realtimeInput" in each])
    assert sound == read_wav(tmp_path / "long.wav")[1]


@pytest.mark.parametrize("platform", ["vertex", "developer"])
@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.5])
def test_lost_at_whatever_moment_every_sample_is_heard_once(livecli, tmp_path, platform, seconds) -> None:
    """The emulator echoes what it heard: the reply tells."""
    write_wav(tmp_path / "q.wav", tone(16_000))
    with serving() as served:
        assert livecli("send", "q.wav", "-o", "whole.wav", "--base-url", served.url, "--speed", 0).status == 0
    whole = read_wav(tmp_path / "whole.wav")
    with serving(f"drop@{seconds}s") as served:
        where = ("--base-url", served.url, "--platform", platform, "--project", "p", "--retries", 10)
        ran = livecli("send", "q.wav", *where, "--speed", 2.5 if platform == "vertex" else 0, "--json")
    assert ran.status == 0, ran.err
    assert read_wav(tmp_path / "q.reply.wav") == whole


def test_a_handle_is_told_to_nobody(livecli, tmp_path, speech) -> None:
    handle = "handle-not-to-be-seen-" + "x" * 30

    count = [0]

    def one(made: Connection) -> None:
        count[0] += 1
        made.set_up()
        resumable(made, handle, 0)
        if count[0] < 3:
            made.close(1011, f"Session {handle} broke"[:120])
            return
        made.hear()
        made.close(1008, f"{handle} was not found"[:120])

    for words in (["--debug"], ["-v"], ["--events", "-"], ["--json"], ["--explain"], ["-q"]):
        count[0] = 0
        with live_server(one) as server:
            ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, *words, "--events", "e.jsonl")
        kept = (tmp_path / "e.jsonl").read_text() if (tmp_path / "e.jsonl").exists() else ""
        assert handle not in ran.out + ran.err + kept, words
        assert all(json.loads(line) for line in kept.splitlines())
