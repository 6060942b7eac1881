"""`send` among other programs: pipes in and out, signals, terminals. In a process of its own for all but its files."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import wave

import pytest

from tests.end_to_end.conftest import SAMPLE_STEM, Ran, finished, read_wav, tone, wait_until, write_wav
from tests.live_server import Connection, live_server
from tests.needs import needs

REPLY = tone(24_000, 24_000)
COMMAND = [sys.executable, "-m", "livecli"]


def answer(connection: Connection) -> None:
    connection.take_spoken_turn(REPLY)


def test_nothing_at_all_sends_the_bundled_question(livecli_and_children, tmp_path):
    ran = livecli_and_children("send", "--local", "--speed", 0)
    assert ran.status == 0, ran.err
    assert ran.out == "[2.2 s of speech]\n", "stdout carries the answer only"
    rate, pcm = read_wav(tmp_path / f"{SAMPLE_STEM}.reply.wav")
    assert rate == 24_000
    assert len(pcm) / 48_000 == pytest.approx(2.225, abs=0.01)
    assert "[2.2 s of speech]" in ran.err
    assert "\x1b" not in ran.err, "plain lines when stderr is no terminal"


def test_quiet_prints_the_answer_only(livecli_and_children):
    assert livecli_and_children("send", "--local", "--speed", 0, "-q") == Ran(0, "[2.2 s of speech]\n", "")
    assert livecli_and_children("send", "--text", "the capital?", "--local", "-q") == Ran(0, "the capital?\n", "")


def test_without_transcripts_nothing_is_printed(livecli_and_children):
    words = ("send", "--text", "the capital?", "--local", "--no-transcripts", "-q")
    assert livecli_and_children(*words) == Ran(0, "", "")


@pytest.mark.parametrize("jobs", [(), ("--jobs", 2)])
def test_each_line_of_several_begins_with_its_input(livecli, tmp_path, jobs):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(16_000))
    ran = livecli("send", "a.wav", "b.wav", "-o", "replies", "--local", "--speed", 0, "-q", *jobs)
    assert (ran.status, ran.err) == (0, "")
    assert sorted(ran.out.splitlines()) == ["a.wav: [1.0 s of speech]", "b.wav: [1.0 s of speech]"]


def test_each_turn_is_a_line(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        for text in ("one", "two"):
            connection.audio(REPLY)
            connection.content(outputTranscription={"text": text})
            connection.content(turnComplete=True)
            if text == "one":
                connection.hear()
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "-q")
    assert (ran.status, ran.out) == (0, "one\ntwo\n")


@pytest.mark.parametrize("words", [["-o", "-"], ["-o", "/dev/stdout"], ["--events", "/dev/stdout"]])
def test_data_on_stdout_is_not_mixed_with_the_answer(fork, words):
    out = fork("send", "--text", "the capital?", "--local", "-q", *words).communicate(timeout=30)[0]
    assert out
    assert b"\nthe capital?\n" not in out
    assert not out.endswith(b"the capital?\n")


def test_verbose_shows_the_conversation_with_the_service(livecli, speech):
    err = livecli("send", speech, "--local", "--speed", 0, "-v").err
    assert "connecting to ws://127.0.0.1:" in err
    assert 's  sent setup {"model":' in err
    assert "s  received setup_complete" in err
    assert "connected in " in err
    assert 's  received usage {"metadata": ' in err
    assert "s  sent close: 1000" in err
    assert "chunk 1" not in err
    assert "output_transcript" not in err


def test_very_verbose_says_a_line_for_each_chunk(livecli, speech):
    err = livecli("send", speech, "--local", "--speed", 0, "-vv").err
    assert 'received output_transcript {"text": ' in err
    assert "sent chunk 1: 1024 bytes" in err
    assert "sent chunk 16: 640 bytes" in err
    assert "received chunk 1: 8640 bytes" in err


def test_debug_shows_frames_without_audio(livecli, speech):
    err = livecli("send", speech, "--local", "--speed", 0, "--debug").err
    assert '> {"setup":' in err
    assert '< {"setupComplete": {' in err
    assert '> {"realtimeInput":{"audio":{"data":"(1368 characters)"' in err
    assert max(len(line) for line in err.splitlines()) < 1000


def test_the_reply_streams_to_stdout(fork, speech):
    with live_server(answer) as server:
        process = fork("send", speech, "--base-url", server.url, "--speed", 0, "-o", "-")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    with wave.open(io.BytesIO(out)) as file:
        assert file.getframerate() == 24_000
        assert file.readframes(10**9) == REPLY


def test_sox_reads_the_stream(tmp_path, speech):
    needs("sox")
    line = f"{sys.executable} -m livecli send {speech} --local --speed 0 -o - | sox -t wav - -n stat"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    assert "Length (seconds):      0.500000" in ran.stderr


def test_raw_output_is_bare_pcm(fork, livecli, speech, tmp_path):
    with live_server(answer) as server:
        process = fork("send", speech, "--base-url", server.url, "--speed", 0, "--raw-output", "-o", "-")
        assert process.communicate(timeout=30)[0] == REPLY
        livecli("send", speech, "--base-url", server.url, "--speed", 0, "--raw-output")
    assert (tmp_path / "speech.reply.pcm").read_bytes() == REPLY


def test_a_reader_that_has_enough_is_no_error_to_speak_of(tmp_path, speech):
    with live_server(lambda c: (c.set_up(), c.hear(), *(c.audio(REPLY) for _ in range(40)), c.drain())) as server:
        line = f"{sys.executable} -m livecli send {speech} --base-url {server.url} --speed 0 -o - | head -c 100 | wc -c"
        ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ran.stdout.strip() == "100"
    assert "Traceback" not in ran.stderr
    assert "error" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


@pytest.mark.parametrize("words", [[], ["--json"], ["--events", "-"], ["--dry-run"]])
def test_a_closed_stdout_is_no_traceback(fork, speech, words):
    process = fork("send", speech, "--local", "--speed", 0, *words)
    process.stdout.close()
    process.stdout = None
    err = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 141
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_audio_is_not_written_to_a_terminal(fork, speech):
    ours, theirs = pty.openpty()
    process = fork("send", speech, "--local", "-o", "-", stdout=theirs)
    err = process.communicate(timeout=30)[1].decode()
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 2
    assert "terminal" in err


def test_a_pipe_is_sent_as_it_arrives(fork):
    first = threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        while "audio" not in connection.receive()["realtimeInput"]:
            pass
        first.set()
        connection.hear()
        connection.answer(REPLY)
        connection.drain()

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 16_000, "NONE", ""))
        file.writeframes(tone(16_000))
    with live_server(handle) as server:
        process = fork("send", "-", "--base-url", server.url, "--json")
        process.stdin.write(buffer.getvalue()[: 44 + 8192])
        process.stdin.flush()
        assert first.wait(20), "the first chunk left before the pipe closed"
        out, err = process.communicate(buffer.getvalue()[44 + 8192 :], timeout=30)
        assert process.returncode == 0, err
    sent = json.loads(out)["sent"]
    assert sent["bytes"] == 32_000, "every sample, and no byte of the header"
    assert json.loads(out)["output"] == "stdin.reply.wav"


def test_raw_samples_from_a_pipe(fork):
    process = fork("send", "-", "--raw", 8000, "--local", "--speed", 0, "--json", "-q")
    out, err = process.communicate(tone(8000, 8000), timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["sent"]["audio_seconds"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("line", ['cat "$0" | "$@"', '"$@" < "$0"'], ids=["pipe", "file"])
def test_a_pipe_or_a_file_without_an_input_is_what_is_sent(tmp_path, speech, line):
    words = ["sh", "-c", line, str(speech), *COMMAND, "send", "--local", "--speed", "0", "--json"]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["input"] == "-"
    assert json.loads(ran.stdout)["sent"]["audio_seconds"] == 0.5
    assert b"no INPUT is named: standard input is sent" in ran.stderr


def test_raw_samples_without_an_input(fork):
    process = fork("send", "--raw", 8000, "--local", "--speed", 0, "-q")
    assert process.communicate(tone(8000, 8000), timeout=30) == (b"[1.0 s of speech]\n", b"")


@pytest.mark.parametrize("redirection", ["</dev/null", "<&-"])
def test_a_device_or_a_closed_standard_input_is_not_sent(tmp_path, redirection):
    line = f'"$@" send --local --speed 0 --json {redirection}'
    ran = subprocess.run(["sh", "-c", line, "sh", *COMMAND], cwd=tmp_path, capture_output=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["input"] == f"{SAMPLE_STEM}.wav"
    assert b"no INPUT is named: the bundled question is sent" in ran.stderr


@pytest.mark.parametrize(("words", "name"), [(["--sample"], f"{SAMPLE_STEM}.wav"), (["--text", "hi"], "text")])
def test_standard_input_is_left_alone_where_something_else_is_named(fork, words, name):
    process = fork("send", *words, "--local", "--speed", 0, "--json")
    # The pipe stays open, so that a run that reads it does not end.
    assert process.wait(30) == 0
    assert json.loads(process.stdout.read())["input"] == name
    assert b"no INPUT" not in process.stderr.read()


def test_an_empty_pipe_is_an_error_and_not_the_bundled_question(fork):
    process = fork("send", "--local", "-q")
    out, err = process.communicate(b"", timeout=30)
    assert (process.returncode, out) == (3, b"")
    assert b"standard input is empty" in err


def test_text_from_standard_input_and_from_a_file(fork, livecli, tmp_path):
    process = fork("send", "--text", "-", "--local", "-q")
    assert process.communicate(b"wo?\n", timeout=30) == (b"wo?\n", b"")
    (tmp_path / "text").write_bytes(b"wo ist\r\ndas?\n")
    assert livecli("send", "--text", "@text", "--local", "-q") == Ran(0, "wo ist das?\n", "")


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("stage", ["connecting", "setup", "sending", "receiving"])
def test_a_signal_closes_properly_and_keeps_what_came(fork, tmp_path, signum, status, stage):
    reached = threading.Event()

    def handle(connection: Connection) -> None:
        connection.receive()
        if stage == "setup":
            reached.set()
            connection.drain()
        connection.say({"setupComplete": {}})
        connection.receive()
        connection.audio(REPLY)
        if stage == "receiving":
            connection.hear()
            connection.audio(REPLY)
        reached.set()
        connection.drain()

    def process_request(socket, request):
        if stage == "connecting":
            reached.set()
            time.sleep(0.5)  # holds the upgrade up; nothing waits for it

    write_wav(tmp_path / "long.wav", tone(16_000) * (1 if stage == "receiving" else 60))
    with live_server(handle) as server:
        if stage == "connecting":
            server.requests = type("Slow", (list,), {"append": lambda self, request: process_request(None, request)})()
        process = fork("send", "long.wav", "--base-url", server.url, "--speed", 1, "--json")
        assert reached.wait(20)
        if stage in ("sending", "receiving"):
            partial, size = tmp_path / "long.reply.partial.wav", 44 + len(REPLY) * (2 if stage == "receiving" else 1)
            wait_until(lambda: partial.exists() and partial.stat().st_size >= size)
        process.send_signal(signum)
        ran = finished(process, 10)
    assert ran.status == status, ran.err
    assert "Traceback" not in ran.err
    assert (ran.summary["exit_code"], ran.summary["error"]["kind"]) == (status, "interrupted")
    if stage in ("sending", "receiving"):
        assert read_wav(partial)[1].startswith(REPLY)
        assert "partial" in ran.err
    else:
        assert [path.name for path in tmp_path.glob("*reply*")] == []
    if stage != "connecting":
        assert server.close_codes == [1000], "the socket was closed properly"


def test_a_terminal_sees_a_live_display_and_a_result(at_a_display, speech):
    status, screen = at_a_display("send", speech, "--local", "--speed", 1, "--stats")
    assert status == 0
    assert "\x1b[" in screen
    assert " / 0:00" in screen, "progress towards the file's length"
    assert "└ " in screen
    assert "gaps p50 / p95 / max" in screen
    result = screen.rpartition("\x1b[?25h")[2]
    assert result.count("[0.5 s of speech]") == 2, "what was heard and what was said"
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h"), "the cursor is shown again"


def test_an_interruption_is_told_of_every_input(fork, tmp_path):
    for name in ("a", "b", "c"):
        write_wav(tmp_path / f"{name}.wav", tone(16_000))
    began = threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        began.set()
        connection.drain()

    with live_server(handle) as server:
        process = fork("send", "a.wav", "b.wav", "c.wav", "--base-url", server.url, "--speed", 1, "--json")
        assert began.wait(20)
        process.send_signal(signal.SIGINT)
        ran = finished(process, 10)
    assert ran.status == 130
    assert [(summary["input"], summary["exit_code"]) for summary in ran.summaries] == [(f"{n}.wav", 130) for n in "abc"]
