"""Pictures of a chat that are sent by themselves: of the screen, and the frames of a video."""

from __future__ import annotations

import json
import re
import shlex
import sys
from itertools import pairwise

import pytest

from tests.media.test_mjpeg import jpeg
from tests.serving import serving
from tests.sound_server import until

CAMERA = """
import sys, time
while True:
    sys.stdout.buffer.write(open("frame.jpg", "rb").read())
    sys.stdout.flush()
    time.sleep(0.05)
"""


@pytest.fixture
def camera(tmp_path):
    """A command that writes twenty frames a second."""
    (tmp_path / "frame.jpg").write_bytes(jpeg(1))
    (tmp_path / "camera.py").write_text(CAMERA)
    return shlex.join([sys.executable, "camera.py"])


def pictures(server):
    """The pictures that the log of the emulator has of the turns so far."""
    return sum(int(number) for line in server.log for number in re.findall(r"(\d+) pictures?$", line))


def sent(folder):
    """The times of the frames that were sent, in seconds."""
    lines = (folder / "events").read_text().splitlines() if (folder / "events").exists() else []
    found = [json.loads(line) for line in lines if line.endswith("}")]
    return [event["t"] for event in found if (event["direction"], event["type"]) == ("sent", "image")]


@pytest.mark.usefixtures("screen")
def test_the_screen_goes_with_the_next_message_of_a_chat(converse):
    ran = converse("/screen\nwhat is it?\nand now?\n", "--local")
    assert (ran.status, ran.out) == (0, "what is it? [1 image]\nand now?\n")
    assert "a picture of the screen will be sent with the next message" in ran.err


@pytest.mark.parametrize("source", ["command", "screen"])
def test_frames_are_sent_once_a_second_and_with_each_text(fork, camera, request, tmp_path, source):
    options = ["--frames", camera]
    if source == "screen":
        request.getfixturevalue("screen")
        options = ["--screen", "1"]
    with serving() as server:
        chat = fork("chat", "--base-url", server.url, "--events", "events", *options)
        until(lambda: len(sent(tmp_path)) >= 3, "no frames were sent")
        out, err = chat.communicate(b"what is it?\n", timeout=20)
    assert (chat.returncode, out) == (0, b"what is it? [1 image]\n"), err
    times = sent(tmp_path)
    assert all(later - earlier > 0.8 for earlier, later in pairwise(times))
    assert pictures(server) >= 3


def test_frames_of_standard_input_leave_it_to_them(fork, tmp_path):
    (tmp_path / "film").write_bytes(jpeg(1) + jpeg(2))
    with serving() as server, (tmp_path / "film").open("rb") as film:
        chat = fork("chat", "what is it?", "--frames", "-", "--base-url", server.url, stdin=film)
        out, err = chat.communicate(timeout=20)
    assert (chat.returncode, out) == (0, b"what is it? [1 image]\n"), err
    assert b"the frames of standard input have ended" in err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--screen", "0.5"], "--screen must be 1 second or more, not 0.5"),
        (["--screen", "2", "--frames", "true"], "--screen and --frames cannot be used together"),
        (["--frames", "-"], "--frames - leaves no standard input for questions"),
        (["--frames", "no-such-program"], "no-such-program"),
    ],
)
def test_options_that_make_no_sense_are_refused(converse, words, complaint):
    ran = converse("hello\n", "--local", *words)
    assert (ran.status, ran.out) == (2, "")
    assert complaint in ran.err
