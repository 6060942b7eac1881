"""`chat` from a pipe: one line a turn, answers on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import wave

import numpy
import pytest

from tests.end_to_end.conftest import noting_peak, read_wav
from tests.live_server import live_server
from tests.serving import serving

SECONDS_AT_MOST = 30


def test_each_line_is_answered_in_its_turn(converse):
    ran = converse("hello\nand then?\nbye\n", "--local")
    assert (ran.status, ran.out) == (0, "hello\nand then?\nbye\n")
    assert ran.err == "", "the conversation with the service is for -v"


def test_two_hundred_turns_keep_their_order(converse):
    lines = "".join(f"{number}\n" for number in range(200))
    ran = converse(lines, "--local", "-q")
    assert (ran.status, ran.out, ran.err) == (0, lines, "")


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("one\n\n   \n\ntwo", "one\ntwo\n"),
        ("", ""),
        ("\n", ""),
        (b"caf\xe9\n", "caf\ufffd\n"),
        ("日本 👋\n", "日本 👋\n"),
        ("//help\n/var/log/syslog\n/halp\n/\n", "//help\n/var/log/syslog\n/halp\n/\n"),
        ("/voice\n", None),
        ("a\x00b\n", "a\x00b\n"),
        ("one\n/quit\ntwo\n", "one\n"),
        (" /help\n", " /help\n"),
    ],
)
def test_lines_as_they_come(converse, typed, answered):
    ran = converse(typed, "--local", "-q")
    assert (ran.status, ran.out) == ((2, "") if answered is None else (0, answered))


def test_a_question_comes_before_the_lines_and_may_be_asked_again(converse):
    ran = converse("and then?\n/again\n", "/first", "--local", "-q")
    assert (ran.status, ran.out) == (0, "/first\nand then?\nand then?\n")


@pytest.mark.parametrize("line", ["/edit", "/copy", "/again"])
def test_what_needs_a_terminal_or_an_earlier_turn_is_refused(converse, line):
    ran = converse(f"{line}\n", "--local", "-q")
    assert (ran.status, ran.out) == (2, "")
    says = {"/edit": "/edit needs a terminal", "/copy": "there is no answer", "/again": "there is no question"}
    assert f"error: {says[line]}" in ran.err


def test_an_empty_question_is_refused(livecli):
    ran = livecli("chat", " ")
    assert (ran.status, ran.err) == (2, "error: the QUESTION is empty\n")


def test_without_commands_each_line_is_text(converse):
    ran = converse("/quit\n/send x.wav\n", "--local", "-q", "--no-commands")
    assert (ran.status, ran.out) == (0, "/quit\n/send x.wav\n")


def test_a_line_may_be_long_but_not_endless(converse):
    """The emulator would say the long one back, for an hour."""
    long, endless = "x" * 70_000, "y" * 1_500_000

    def handle(connection):
        connection.set_up()
        while connection.receive():
            connection.answer()

    with live_server(handle) as server:
        ran = converse(f"{long}\n{endless}\nshort\n", "--base-url", server.url, "--json")
    assert [turn["input"] for turn in ran.summaries] == [long, "short"]
    assert ran.status == 2
    assert "error: a line of more than 1,048,576 bytes is too long" in ran.err


def test_a_line_of_json_for_each_turn(converse):
    ran = converse("hello\n/usage\nand then?\n", "--local", "--json")
    assert ran.status == 0
    assert [turn["input"] for turn in ran.summaries] == ["hello", "and then?"]
    assert [turn["transcript"]["output"] for turn in ran.summaries] == ["hello", "and then?"]
    for turn in ran.summaries:
        assert turn["turn"]["complete"]
        assert 5_000 < turn["received"]["bytes"] < 60_000  # of this turn alone
        assert 4 <= turn["received"]["messages"] <= 16
        assert turn["latency_ms"]["turn"] >= turn["latency_ms"]["first_audio"] > 0
        assert turn["usage"]["totalTokenCount"] > 0


def test_events_of_all_turns(converse, tmp_path):
    ran = converse("hello\nbye\n", "--local", "--events", "-")
    kinds = [json.loads(line) for line in ran.out.splitlines()]
    assert [event["text"] for event in kinds if event["type"] == "text"] == ["hello", "bye"]
    assert sum(event["type"] == "turn_complete" for event in kinds) == 2


# --- what is said to the chat itself ---


def test_help_lists_every_command_and_what_it_does(converse):
    ran = converse("/help\n", "--local", "-q")
    assert (ran.status, ran.out) == (0, "")
    ran = converse("/help\n", "--local")
    for word in [
        "send",
        "image",
        "screen",
        "say",
        "mic",
        "system",
        "voice",
        "tools",
        "usage",
        "latency",
        "save",
        "history",
        "reset",
        "help",
        "quit",
    ]:
        assert f"\n/{word}" in f"\n{ran.err}"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/send", "error: /send needs FILE\nhint: /send FILE\n"),
        ("/say loud", "error: on or off is expected, not 'loud'\n"),
        ("/say \x1b[31m", "error: on or off is expected, not '\\x1b[31m'\n"),
    ],
)
def test_a_command_without_its_argument_is_refused_and_the_chat_goes_on(converse, typed, told):
    ran = converse(f"{typed}\nhello\n", "--local")
    assert (ran.status, ran.out) == (2, "hello\n")
    assert told in ran.err


@pytest.mark.parametrize("typed", ["/send nowhere.wav", "/image nowhere.png"])
def test_a_file_that_is_not_there_is_one_failed_line(converse, typed):
    ran = converse(f"{typed}\nhello\n", "--local")
    assert (ran.status, ran.out) == (3, "hello\n")
    assert "nowhere" in ran.err


def test_a_recording_is_sent_and_answered(converse, speech):
    ran = converse("/send speech.wav\nhello\n", "--local", "--json")
    assert ran.status == 0
    spoken, typed = ran.summaries
    assert spoken["sent"]["bytes"] == 16_000
    assert spoken["transcript"]["output"] == "[0.5 s of audio]" or "0.5 s" in spoken["transcript"]["output"]
    assert typed["transcript"]["output"] == "hello"


def test_a_picture_goes_with_what_is_said_next(converse, tmp_path):
    from PIL import Image

    Image.new("RGB", (32, 32), "red").save(tmp_path / "p.png")
    ran = converse("/image p.png\nwhat is it?\nand now?\n", "--local")
    assert (ran.status, ran.out) == (0, "what is it? [1 image]\nand now?\n")
    assert "p.png will be sent with the next message" in ran.err


def test_usage_latency_and_history_are_told_on_standard_error(converse):
    ran = converse("hello\nbye\n/usage\n/latency\n/history\n/tools\n", "--local", "-q")
    assert (ran.status, ran.out) == (0, "hello\nbye\n")
    assert "> hello\nhello\n> bye\nbye\n" in ran.err
    rows = [line.split() for line in ran.err.splitlines()]
    first, second, total = (
        [float(cell.removeprefix("$")) for cell in row[1:]]
        for row in rows
        if row and row[0] in ("1", "2", "total") and len(row) > 3 and row[-1].startswith("$")
    )
    assert total == pytest.approx([a + b for a, b in zip(first, second, strict=True)], abs=1.5e-6)
    assert sum(row[-1] == "ms" and row[0] in "12" for row in rows if row) == 2
    assert "there are no tools" in ran.err


def test_the_conversation_is_kept(converse, tmp_path):
    ran = converse("hello\n/save ./kept\nand then?\nbye\n", "--local")
    assert ran.status == 0
    text = (tmp_path / "kept" / "conversation.md").read_text()
    text = re.sub(r", \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", ", TIME", text, flags=re.MULTILINE)
    said = "## Turn {}{}\n\n**You:** {}\n\n**Model:** {}\n\n".format
    link = "[turn-00{0}.wav](turn-00{0}.wav)\n\n".format
    assert text == (
        said(1, "", "hello", "hello")
        + said(2, ", TIME", "and then?", "and then?")
        + link(2)
        + said(3, ", TIME", "bye", "bye")
        + link(3)
    )
    for number in (2, 3):
        rate, pcm = read_wav(tmp_path / "kept" / f"turn-{number:03}.wav")
        assert (rate, 5_000 < len(pcm) < 60_000) == (24_000, True)
    assert not list((tmp_path / "kept").glob("*partial*"))


def test_both_sides_of_a_conversation_are_recorded(converse, tmp_path, speech):
    ran = converse(f"/send {speech}\n", "--local", "--save", "kept", "--save-stereo", "call.wav")
    assert ran.status == 0
    assert read_wav(tmp_path / "kept" / "turn-001-you.wav") == read_wav(speech)
    text = (tmp_path / "kept" / "conversation.md").read_text()
    assert "[turn-001-you.wav](turn-001-you.wav) [turn-001.wav](turn-001.wav)\n" in text
    _, answer = read_wav(tmp_path / "kept" / "turn-001.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        both = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    left, right = both.T
    # The recording is sent faster than in real time, and the answer follows it.
    [begins], [ends] = numpy.flatnonzero(right)[:1], numpy.flatnonzero(left)[-1:]
    assert abs(ends - numpy.flatnonzero(left)[0] - 12_000) < 5
    assert begins >= ends
    assert right[len(right) - len(answer) // 2 :].tobytes() == answer


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("call.mp3", 2, "--save-stereo writes a WAV file, not call.mp3"),
        ("there.wav", 3, "cannot write there.wav: File exists"),
        ("no/call.wav", 3, "cannot write no/call.wav: there is no folder no"),
    ],
)
def test_a_stereo_file_that_cannot_be_begun(converse, tmp_path, name, status, said):
    (tmp_path / "there.wav").write_bytes(b"kept")
    ran = converse("hello\n", "--base-url", "ws://127.0.0.1:1", "--save-stereo", name)
    assert (ran.status, ran.out) == (status, "")
    assert f"error: {said}\n" in ran.err
    assert (tmp_path / "there.wav").read_bytes() == b"kept"


def test_it_is_kept_from_the_beginning_and_beside_what_was_there(converse, tmp_path):
    for word in ("one", "two"):
        assert converse(f"{word}\n", "--local", "--save", "kept").status == 0
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == ["conversation.md", "turn-001.wav", "turn-002.wav"]
    assert (tmp_path / "kept" / "conversation.md").read_text().count("**Model:**") == 2


def test_where_nothing_can_be_kept_nothing_is_begun(converse, tmp_path):
    (tmp_path / "file").write_text("")
    ran = converse("hello\n", "--save", "file", "--base-url", "ws://127.0.0.1:1")
    assert (ran.status, ran.out) == (3, "")
    assert "cannot save the conversation in file" in ran.err
    ran = converse("hello\n", "--save", "talk.wav", "--base-url", "ws://127.0.0.1:1")
    assert (ran.status, ran.out) == (2, "")
    assert "talk.wav names a sound file" in ran.err
    assert not (tmp_path / "talk.wav").exists()


# --- streams ---


def test_whoever_reads_the_answers_may_leave(tmp_path):
    command = f"yes hello | head -500 | {sys.executable} -W error -m livecli chat --local; echo status $? >&2"
    process = subprocess.Popen(
        ["bash", "-c", f"({command}) | head -n 1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    out, err = process.communicate(timeout=SECONDS_AT_MOST)
    assert out == b"hello\n"
    assert b"status 141" in err
    assert b"error" not in err and b"Traceback" not in err and b"Exception" not in err


def test_a_closed_standard_input_is_an_error_of_its_own(tmp_path):
    command = f"{sys.executable} -m livecli chat --local <&-"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, cwd=tmp_path, timeout=SECONDS_AT_MOST)
    assert ran.returncode == 3
    assert b"error: standard input is closed" in ran.stderr


def test_what_the_model_says_is_passed_on_as_it_is(converse):
    assert converse("a\x1b[31mred\x07\n", "--local").out == "a\x1b[31mred\x07\n"


def peak_kilobytes(turns, *words, cwd, line="turn number {}, which is a sentence of its own"):
    typed = "".join(f"{line.format(number)}\n" for number in range(turns))
    command = noting_peak(cwd / "peak", "chat", "-q", *words)
    ran = subprocess.run(command, input=typed.encode(), capture_output=True, cwd=cwd, timeout=50)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, typed.encode(), b"")
    return int((cwd / "peak").read_text())


def test_its_memory_stays_flat(tmp_path):
    with serving() as server:
        few, many = (peak_kilobytes(turns, "--base-url", server.url, cwd=tmp_path) for turns in (20, 200))
    assert many / few <= 1.1


def test_its_memory_stays_flat_whatever_the_connections_do(tmp_path):
    with serving("goaway=0.1@turn:10") as server:
        few, many = (peak_kilobytes(turns, "--base-url", server.url, cwd=tmp_path) for turns in (20, 200))
        assert sum("●" in line for line in server.log) > 3
    assert many / few <= 1.1


def test_at_a_terminal_what_the_model_says_is_not_obeyed(fork):
    ours, theirs = os.openpty()
    process = fork("chat", "--local", stdout=theirs)
    os.close(theirs)
    process.communicate(b"a\x1b[31mred\n", timeout=SECONDS_AT_MOST)
    shown = os.read(ours, 1000)
    os.close(ours)
    assert shown == b"a\\x1b[31mred\r\n"


def test_an_answer_comes_before_the_next_line_is_typed(fork):
    process = fork("chat", "--local")
    for word in (b"one\n", b"two\n"):
        process.stdin.write(word)
        process.stdin.flush()
        began = time.monotonic()
        assert process.stdout.readline() == word
        assert time.monotonic() - began < SECONDS_AT_MOST
    process.stdin.close()
    process.stdin = None
    assert process.wait(SECONDS_AT_MOST) == 0
